//! Packs a tree into an apk, as OpenWrt 25.12's package-pack.mk and `apk mkpkg`
//! of apk-tools 3.0.5 do.
//!
//! | module | |
//! |---|---|
//! | [`info`] | name, version, dependencies … |
//! | [`scripts`] | the scripts, OpenWrt's part in front of the package's own |
//! | [`lists`] | `/lib/apk/packages/NAME.*`, which OpenWrt's scripts read |
//! | [`paths`] | directories and files |
//! | [`load`] | the way back: the tree of an apk |
//!
//! `PKG_FILE_MODES`, conflicts, section, CPE id, licence files and flags are not
//! in an apk: 25.12's build system drops them. Of file modes the caller is told.

pub mod info;
pub mod lists;
pub mod load;
pub mod paths;
pub mod scripts;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::adb::block::{BlockKind, Schema, Stream};
use super::adb::write::Writer;
use super::adb::{container, sign};
use super::meta::Meta;
use super::tree::Tree;
use super::{conffiles, ipk};
use crate::keys::ec::Secret;

/// A package ready to be written.
#[derive(Debug)]
pub struct Apk {
    /// `<name><ABI>-<version>.apk`.
    pub file_name: String,
    /// The version as apk has it.
    pub version: String,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Bytes of all files: the `installed-size` field.
    pub installed_size: u64,
    /// What the format leaves out.
    pub notes: Vec<String>,
}

/// Packs `tree` as the package that `meta` describes, signed where a key is
/// given (OpenWrt signs the index only).
///
/// # Errors
/// Metadata that [`Meta::check`] or apk refuses, owners without a name.
pub fn pack(meta: &Meta, mut tree: Tree, key: Option<&Secret>) -> Result<Apk> {
    let in_meta = || format!("the metadata of package {:?}", meta.name);
    meta.check().with_context(in_meta)?;
    let info = info::Info::of(meta).with_context(in_meta)?;
    ipk::refuse_control_names(&tree)?;
    conffiles::add_keep_list(&mut tree, &meta.name, &meta.conffiles)?;
    lists::add(&mut tree, meta)?;

    let mut writer = Writer::default();
    let mut fields = info.write(&mut writer).with_context(in_meta)?;
    let paths = paths::write(&mut writer, &tree, meta)?;
    let (root, unique_id) = {
        let id = info::finish(&mut writer, &mut fields, paths.installed_size);
        let info = writer.object(&fields);
        let list = writer.object(&paths.dirs);
        let scripts = scripts::write(&mut writer, meta);
        (writer.object(&[info, list, scripts]), id)
    };
    let mut adb = writer.finish(root)?.0;
    // It identifies the package and is part of what it is made from: zero then.
    let hash = Sha256::digest(&adb);
    adb[unique_id..unique_id + info::UNIQUE_ID].copy_from_slice(&hash[..info::UNIQUE_ID]);

    let mut stream = Stream::new(Schema::Package);
    stream.block(BlockKind::Adb, &[&adb])?;
    if let Some(key) = key {
        let signature = sign::sign(key, Schema::Package, &adb)?;
        stream.block(BlockKind::Signature, &[&signature])?;
    }
    for data in &paths.contents {
        let numbers = [data.dir.to_le_bytes(), data.file.to_le_bytes()].concat();
        stream.block(BlockKind::Data, &[&numbers, &data.content])?;
    }
    Ok(Apk {
        file_name: file_name(meta)?,
        version: info.version,
        bytes: container::compress(&stream.finish())?,
        installed_size: paths.installed_size,
        notes: notes(meta),
    })
}

/// The version as apk has it.
///
/// # Errors
/// A version that has no counterpart in apk.
pub fn version(meta: &Meta) -> Result<String> {
    super::version::apk::from_opkg(&meta.version).context("`version`")
}

/// OpenWrt's name for the file: `<name><ABI>-<version>.apk`.
///
/// # Errors
/// Those of [`version`].
pub fn file_name(meta: &Meta) -> Result<String> {
    Ok(format!("{}-{}.apk", meta.full_name(), version(meta)?))
}

/// What the format leaves out of this package, for the user to know.
pub fn notes(meta: &Meta) -> Vec<String> {
    let mut notes = Vec::new();
    if !meta.file_modes.is_empty() {
        notes.push(
            "`file_modes` is not in an apk: OpenWrt 25.12 ignores PKG_FILE_MODES; give modes with the files themselves"
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::path::TreePath;
    use super::super::tree::Entry;
    use super::*;
    use crate::package::adb::block::Header;

    fn meta() -> Meta {
        Meta {
            name: "libx".into(),
            abi_version: "7".into(),
            version: "1~rc1-r1".into(),
            arch: "all".into(),
            ..Meta::default()
        }
    }

    #[test]
    fn names_versions_and_what_is_left_out() {
        let mut tree = Tree::default();
        let path = TreePath::new("etc/x").unwrap();
        tree.insert(path, Entry::file(0o644, *b"x")).unwrap();
        let meta = Meta {
            file_modes: vec!["/etc/x:root:root:0600".parse().unwrap()],
            ..meta()
        };
        let apk = pack(&meta, tree, None).unwrap();
        assert_eq!(apk.file_name, "libx7-1_rc1-r1.apk");
        assert_eq!(apk.version, "1_rc1-r1");
        assert!(apk.notes[0].contains("PKG_FILE_MODES"));
        assert_eq!(apk.bytes[..4], *b"ADBd");
    }

    #[test]
    fn a_signature_stands_behind_the_values() {
        let key = Secret::generate().unwrap();
        let apk = pack(&meta(), Tree::default(), Some(&key)).unwrap();
        let stream = container::decompress(&apk.bytes, 1 << 20).unwrap();
        let header = |at: usize| Header::read(stream[at..at + 4].try_into().unwrap()).unwrap();
        let adb = header(8);
        let next = 12 + adb.length + adb.padding();
        let block = header(next);
        assert_eq!(block.kind, BlockKind::Signature);
        let signature = sign::Signature::read(&stream[next + 4..next + 4 + block.length]).unwrap();
        let payload = &stream[12..12 + adb.length];
        assert!(signature.verifies(&key.public(), Schema::Package, payload));
    }
}
