//! The file tree of a package in memory: the one input of every format.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::path::TreePath;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Dir,
    /// A regular file with its content.
    File(Arc<[u8]>),
    /// A symbolic link with its target as written.
    Symlink(Vec<u8>),
}

/// A name in the tree with its owner and permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits, setuid, setgid and sticky included (`0o7777`).
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// What it is.
    pub node: Node,
    /// Names of one hard-linked file share a number. The first of them in tree
    /// order carries the content in an archive, the others are links to it.
    pub link_group: Option<u32>,
}

impl Entry {
    /// A directory owned by root.
    pub fn dir(mode: u32) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
            node: Node::Dir,
            link_group: None,
        }
    }

    /// A regular file owned by root.
    pub fn file(mode: u32, content: impl Into<Arc<[u8]>>) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
            node: Node::File(content.into()),
            link_group: None,
        }
    }

    /// A symbolic link owned by root.
    pub fn symlink(target: impl Into<Vec<u8>>) -> Self {
        Self {
            mode: 0o777,
            uid: 0,
            gid: 0,
            node: Node::Symlink(target.into()),
            link_group: None,
        }
    }

    /// True for a directory.
    pub fn is_dir(&self) -> bool {
        self.node == Node::Dir
    }

    /// True for a regular file (hard-linked ones included).
    pub fn is_file(&self) -> bool {
        matches!(self.node, Node::File(_))
    }
}

/// The files that a package installs, by path in archive order.
///
/// The root directory is always there, and so is the parent of every entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<TreePath, Entry>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            entries: BTreeMap::from([(TreePath::root(), Entry::dir(0o755))]),
        }
    }
}

impl Tree {
    /// Adds or replaces an entry; missing parents become directories 0755.
    ///
    /// # Errors
    /// When a parent exists and is no directory, or a directory would be
    /// replaced by something else.
    pub fn insert(&mut self, path: TreePath, entry: Entry) -> Result<()> {
        let mut missing = Vec::new();
        let mut parent = path.parent();
        while let Some(directory) = parent {
            match self.entries.get(&directory) {
                Some(found) if found.is_dir() => break,
                Some(_) => bail!("{path} cannot be added: {directory} is no directory"),
                None => missing.push(directory.clone()),
            }
            parent = directory.parent();
        }
        if !entry.is_dir() && self.entries.get(&path).is_some_and(Entry::is_dir) {
            bail!("{path} is a directory and cannot become a file or link");
        }
        for directory in missing {
            self.entries.insert(directory, Entry::dir(0o755));
        }
        self.entries.insert(path, entry);
        Ok(())
    }

    /// The entry at `path`, not following links.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All entries in archive order, the root first.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Entry)> {
        self.entries.iter()
    }

    /// Follows relative symbolic links inside the tree, as `test -f` would.
    ///
    /// An absolute target would be looked up on the building machine; it counts
    /// as missing here, whoever builds.
    pub fn resolve(&self, path: &TreePath) -> Option<&Entry> {
        let mut rest: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
        let mut here: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    here.pop()?;
                    continue;
                }
                _ => here.push(name),
            }
            if let Node::Symlink(target) = &self.get(&TreePath::new(here.join(&b'/')).ok()?)?.node {
                links += 1;
                if target.starts_with(b"/") || links > 40 {
                    return None;
                }
                here.pop();
                rest.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
            }
        }
        self.get(&TreePath::new(here.join(&b'/')).ok()?)
    }

    /// Gives `path` a new owner and mode; its hard links share them.
    ///
    /// # Errors
    /// When the tree has no such path.
    pub fn set_owner_and_mode(
        &mut self,
        path: &TreePath,
        uid: u32,
        gid: u32,
        mode: u32,
    ) -> Result<()> {
        let group = self
            .get(path)
            .with_context(|| {
                format!("{path} has a mode in `file_modes` but is not in the package")
            })?
            .link_group;
        for (name, entry) in &mut self.entries {
            if name == path || (group.is_some() && entry.link_group == group) {
                (entry.uid, entry.gid) = (uid, gid);
                // A link's own mode is always 0777.
                if !matches!(entry.node, Node::Symlink(_)) {
                    entry.mode = mode;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> TreePath {
        TreePath::new(raw).unwrap()
    }

    #[test]
    fn parents_are_made_and_never_replaced() {
        let mut tree = Tree::default();
        tree.insert(path("usr/bin/x"), Entry::file(0o755, *b"x"))
            .unwrap();
        assert_eq!(tree.get(&path("usr")), Some(&Entry::dir(0o755)));
        let error = tree
            .insert(path("usr/bin/x/y"), Entry::dir(0o755))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "/usr/bin/x/y cannot be added: /usr/bin/x is no directory"
        );
        assert!(tree.insert(path("usr"), Entry::symlink("x")).is_err());
    }

    #[test]
    fn links_resolve_inside_the_tree_only() {
        let mut tree = Tree::default();
        tree.insert(path("etc/real"), Entry::file(0o644, *b""))
            .unwrap();
        tree.insert(path("etc/rel"), Entry::symlink("../etc/real"))
            .unwrap();
        tree.insert(path("etc/abs"), Entry::symlink("/etc/real"))
            .unwrap();
        tree.insert(path("dir"), Entry::symlink("etc/.")).unwrap();
        tree.insert(path("etc/loop"), Entry::symlink("loop"))
            .unwrap();
        tree.insert(path("etc/out"), Entry::symlink("../../../x"))
            .unwrap();
        assert!(tree.resolve(&path("etc/rel")).unwrap().is_file());
        assert!(tree.resolve(&path("dir/rel")).unwrap().is_file());
        for name in ["etc/abs", "etc/loop", "etc/out", "etc/none"] {
            assert_eq!(tree.resolve(&path(name)), None, "{name}");
        }
    }

    #[test]
    fn hard_links_share_owner_and_mode() {
        let mut tree = Tree::default();
        for name in ["a", "b"] {
            let entry = Entry {
                link_group: Some(1),
                ..Entry::file(0o644, *b"")
            };
            tree.insert(path(name), entry).unwrap();
        }
        tree.set_owner_and_mode(&path("b"), 1, 2, 0o600).unwrap();
        let entry = tree.get(&path("a")).unwrap();
        assert_eq!((entry.uid, entry.gid, entry.mode), (1, 2, 0o600));
        assert!(tree.set_owner_and_mode(&path("c"), 0, 0, 0).is_err());
    }
}
