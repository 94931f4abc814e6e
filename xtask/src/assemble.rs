//! The tree of a crate's package: its binaries and the files of its table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::config::package::PackageTable;
use crate::package::path::TreePath;
use crate::package::tree::{Entry, Tree};
use crate::util::fs;

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
