//! The tree of a crate's package: its binaries and the files of its table; and
//! the package of a tree, in either format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::config::package::PackageTable;
use crate::config::sdk::Format;
use crate::keys::ec;
use crate::package::meta::Meta;
use crate::package::path::TreePath;
use crate::package::repack::{self, Repacked};
use crate::package::tree::{Entry, Tree};
use crate::package::{apk, ipk};
use crate::util::fs;

/// A package ready to be written, whatever its format.
#[derive(Debug)]
pub struct Packed {
    /// OpenWrt's name for the file.
    pub file_name: String,
    /// The version as the package manager has it.
    pub version: String,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// What the package says of its size when installed.
    pub installed_size: u64,
    /// What the format leaves out, for the user to know.
    pub notes: Vec<String>,
}

/// Packs a tree; `key` signs an apk, and nothing else.
///
/// # Errors
/// Metadata that the format cannot have.
pub fn pack(format: Format, meta: &Meta, tree: Tree, key: Option<&ec::Secret>) -> Result<Packed> {
    refuse_key(format, key)?;
    match format {
        Format::Ipk => {
            let ipk = ipk::pack(meta, tree)?;
            Ok(Packed {
                file_name: ipk.file_name,
                version: meta.version.clone(),
                bytes: ipk.bytes,
                installed_size: ipk.installed_size as u64,
                notes: Vec::new(),
            })
        }
        Format::Apk => {
            let apk = apk::pack(meta, tree, key)?;
            Ok(Packed {
                file_name: apk.file_name,
                version: apk.version,
                bytes: apk.bytes,
                installed_size: apk.installed_size,
                notes: apk.notes,
            })
        }
    }
}

/// A package that OpenWrt packed, as [`pack`] would write it.
///
/// # Errors
/// What is no package of this format.
pub fn repack(format: Format, package: &[u8], key: Option<&ec::Secret>) -> Result<Repacked> {
    refuse_key(format, key)?;
    match format {
        Format::Ipk => repack::ipk(package),
        Format::Apk => repack::apk(package, key),
    }
}

/// # Errors
/// A key for a format whose packages are not signed.
pub fn refuse_key(format: Format, key: Option<&ec::Secret>) -> Result<()> {
    anyhow::ensure!(
        key.is_none() || format == Format::Apk,
        "an ipk has no signature of its own: opkg checks the feed's"
    );
    Ok(())
}

/// Puts binaries, files, links and directories where the table wants them.
///
/// # Errors
/// Unreadable files; two entries for one path.
pub fn tree(
    table: &PackageTable,
    base: &Path,
    binaries: &BTreeMap<String, PathBuf>,
) -> Result<Tree> {
    let mut tree = Tree::default();
    let bin_dir = table.bin_dir.as_deref().unwrap_or("/usr/bin");
    for (name, file) in binaries {
        let path = TreePath::new(format!("{bin_dir}/{name}"))?;
        add(&mut tree, path, Entry::file(0o755, fs::read(file)?))?;
    }
    add_extras(&mut tree, table, base)?;
    Ok(tree)
}

/// Adds what the table names besides binaries.
///
/// # Errors
/// Unreadable files; two entries for one path.
pub fn add_extras(tree: &mut Tree, table: &PackageTable, base: &Path) -> Result<()> {
    for file in &table.files {
        let content =
            fs::read(&base.join(&file.source)).with_context(|| format!("add {}", file.path))?;
        let mode = file.mode.map_or(0o644, |mode| mode.0);
        add(tree, TreePath::new(&file.path)?, Entry::file(mode, content))?;
    }
    for link in &table.links {
        add(
            tree,
            TreePath::new(&link.path)?,
            Entry::symlink(link.target.as_str()),
        )?;
    }
    for dir in &table.dirs {
        let path = TreePath::new(dir)?;
        if tree.get(&path).is_none_or(|entry| !entry.is_dir()) {
            add(tree, path, Entry::dir(0o755))?;
        }
    }
    Ok(())
}

fn add(tree: &mut Tree, path: TreePath, entry: Entry) -> Result<()> {
    anyhow::ensure!(tree.get(&path).is_none(), "{path} is in the package twice");
    tree.insert(path, entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_gets_its_place_and_mode() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["prog", "a", "b"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let table: PackageTable = toml::from_str(
            "bin_dir = '/sbin'\ndirs = ['/var/x', '/sbin']\n\
             files = [{ source = 'a', path = '/etc/a' }, { source = 'b', path = '/etc/b', mode = '0600' }]\n\
             links = [{ path = '/bin/l', target = '../sbin/prog' }]\n",
        )
        .unwrap();
        let binaries = BTreeMap::from([("prog".to_owned(), dir.path().join("prog"))]);
        let found = tree(&table, dir.path(), &binaries).unwrap();
        let lines: Vec<String> = found
            .iter()
            .map(|(path, entry)| format!("{:04o} {path}", entry.mode))
            .collect();
        assert_eq!(
            lines,
            [
                "0755 /",
                "0755 /bin",
                "0777 /bin/l",
                "0755 /etc",
                "0644 /etc/a",
                "0600 /etc/b",
                "0755 /sbin",
                "0755 /sbin/prog",
                "0755 /var",
                "0755 /var/x",
            ]
        );
        for twice in [
            "links = [{ path = '/usr/bin/prog', target = 'x' }]",
            "dirs = ['/usr/bin/prog']",
        ] {
            let table: PackageTable = toml::from_str(twice).unwrap();
            let error = tree(&table, dir.path(), &binaries).unwrap_err();
            assert!(
                error.to_string().contains("in the package twice"),
                "{error}"
            );
        }
    }
}
