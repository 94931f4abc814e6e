//! Packs a tree into an ipk, as OpenWrt 24.10's `ipkg-build` does: a gzip'd
//! GNU tar of `debian-binary`, `data.tar.gz` and `control.tar.gz`.

use anyhow::{Context, Result, bail};

use super::meta::Meta;
use super::tree::Tree;
use super::{conffiles, control, gzip, modes, tar};

/// What OpenWrt runs after every installation; a package's own part is
/// sourced by `default_postinst` from `postinst-pkg`.
const DEFAULT_POSTINST: &str = r#"#!/bin/sh
[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. ${IPKG_INSTROOT}/lib/functions.sh
default_postinst $0 $@
"#;

/// What OpenWrt runs before every removal.
const DEFAULT_PRERM: &str = r"#!/bin/sh
[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. ${IPKG_INSTROOT}/lib/functions.sh
default_prerm $0 $@
";

/// A package ready to be written.
#[derive(Debug)]
pub struct Ipk {
    /// `<name><ABI>_<version>_<arch>.ipk`.
    pub file_name: String,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Byte length of the uncompressed data.tar: the `Installed-Size` field.
    pub installed_size: usize,
}

/// Packs `tree` as the package that `meta` describes.
///
/// # Errors
/// Metadata that [`Meta::check`] refuses, a file mode for a missing path, or a
/// number that a tar header cannot hold.
pub fn pack(meta: &Meta, mut tree: Tree) -> Result<Ipk> {
    meta.check()
        .with_context(|| format!("the metadata of package {:?}", meta.name))?;
    refuse_control_names(&tree)?;
    conffiles::add_keep_list(&mut tree, &meta.name, &meta.conffiles)?;
    modes::apply(&mut tree, &meta.file_modes, &meta.user_id)?;

    let mut data = tar::Writer::new(meta.epoch);
    data.tree(&tree).context("write data.tar")?;
    let data = data.finish();
    let installed_size = data.len();
    let control = control_tar(meta, &tree, installed_size)?;

    let mut outer = tar::Writer::new(meta.epoch);
    outer.file(b"./debian-binary", 0o644, b"2.0\n")?;
    outer.file(b"./data.tar.gz", 0o644, &gzip::compress(&data))?;
    outer.file(b"./control.tar.gz", 0o644, &gzip::compress(&control))?;
    Ok(Ipk {
        file_name: file_name(meta),
        bytes: gzip::compress(&outer.finish()),
        installed_size,
    })
}

/// OpenWrt's name for the file: `<name><ABI>_<version>_<arch>.ipk`.
pub fn file_name(meta: &Meta) -> String {
    format!("{}_{}_{}.ipk", meta.full_name(), meta.version, meta.arch)
}

fn control_tar(meta: &Meta, tree: &Tree, installed_size: usize) -> Result<Vec<u8>> {
    let control = control::control(meta, installed_size);
    let conffiles = conffiles::member(tree, &meta.conffiles);
    let scripts = &meta.scripts;
    let members = [
        ("./conffiles", 0o644, conffiles),
        ("./control", 0o644, Some(control.into_bytes())),
        ("./postinst", 0o755, Some(DEFAULT_POSTINST.into())),
        ("./postinst-pkg", 0o755, script(&scripts.postinst)),
        ("./postrm", 0o755, script(&scripts.postrm)),
        ("./preinst", 0o755, script(&scripts.preinst)),
        ("./prerm", 0o755, Some(DEFAULT_PRERM.into())),
        ("./prerm-pkg", 0o755, script(&scripts.prerm)),
    ];
    let mut archive = tar::Writer::new(meta.epoch);
    archive.dir(b"./", 0o755)?;
    for (name, mode, text) in members {
        if let Some(text) = text {
            archive.file(name.as_bytes(), mode, &text)?;
        }
    }
    Ok(archive.finish())
}

/// `make` takes a script's last newline away and `echo` puts one back; for an
/// empty one it writes none.
fn script(text: &Option<String>) -> Option<Vec<u8>> {
    let text = text.as_ref()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    (!text.is_empty()).then(|| format!("{text}\n").into_bytes())
}

/// `ipkg-build` leaves such names out without a word: its exclude pattern for
/// the control directory matches at every depth.
///
/// # Errors
/// The first of them.
pub fn refuse_control_names(tree: &Tree) -> Result<()> {
    let hidden = tree
        .iter()
        .find(|(path, _)| path.components().any(|name| name == b"CONTROL"));
    match hidden {
        Some((path, _)) => {
            bail!("{path}: OpenWrt's ipkg-build drops everything named CONTROL; rename it")
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::path::TreePath;
    use super::super::tree::Entry;
    use super::*;

    fn path(raw: &str) -> TreePath {
        TreePath::new(raw).unwrap()
    }

    fn meta() -> Meta {
        Meta {
            name: "libx".into(),
            abi_version: "7".into(),
            version: "1-r1".into(),
            arch: "all".into(),
            ..Meta::default()
        }
    }

    #[test]
    fn the_file_carries_the_abi_and_the_keep_list_does_not() {
        let meta = Meta {
            conffiles: vec!["/etc/d/".into()],
            // The list is written before owners and modes are given.
            file_modes: vec!["/lib/upgrade/keep.d/libx:0:0:0600".parse().unwrap()],
            ..meta()
        };
        let package = pack(&meta, Tree::default()).unwrap();
        assert_eq!(package.file_name, "libx7_1-r1_all.ipk");
    }

    #[test]
    fn what_ipkg_build_would_drop_is_refused() {
        for (name, is_refused) in [
            ("CONTROL", true),
            ("etc/CONTROL/x", true),
            ("etc/CONTROLS", false),
        ] {
            let mut tree = Tree::default();
            tree.insert(path(name), Entry::file(0o644, *b"")).unwrap();
            assert_eq!(pack(&meta(), tree).is_err(), is_refused, "{name}");
        }
    }

    #[test]
    fn scripts_end_in_one_newline_of_their_own() {
        for (text, expected) in [
            ("a", Some("a\n")),
            ("a\n", Some("a\n")),
            ("a\n\n", Some("a\n\n")),
            ("", None),
            ("\n", None),
        ] {
            let written = script(&Some(text.to_owned()));
            assert_eq!(written.as_deref(), expected.map(str::as_bytes), "{text:?}");
        }
        assert_eq!(script(&None), None);
    }
}
