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
    /// When a parent exists and is no directory, a directory would be replaced
    /// by something else or the other way round, or a link leads nowhere.
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
        if let Some(found) = self.entries.get(&path) {
            if found.is_dir() != entry.is_dir() {
                bail!("{path} is a directory and also a file or link");
            }
        }
        if let Node::Symlink(target) = &entry.node {
            if target.is_empty() || target.contains(&0) {
                bail!("{path} is a symbolic link to an empty name, or to one with a NUL byte");
            }
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

    /// The entry that `path` leads to, links followed as `test -f` does.
    pub fn resolve(&self, path: &[u8]) -> Option<&Entry> {
        self.get(&self.locate(path, true)?)
    }

    /// The place that `path` leads to, following relative symbolic links inside
    /// the tree; the last component only with `follow_last`.
    ///
    /// An absolute target would be looked up on the building machine; it counts
    /// as missing here, whoever builds. So does a `..` above the root.
    pub fn locate(&self, path: &[u8], follow_last: bool) -> Option<TreePath> {
        let mut rest = names(path);
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
            let entry = self.get(&TreePath::new(here.join(&b'/')).ok()?)?;
            let is_last = rest.iter().all(|name| matches!(&name[..], b"" | b"."));
            match &entry.node {
                Node::Symlink(target) if follow_last || !is_last => {
                    links += 1;
                    if target.starts_with(b"/") || links > 40 {
                        return None;
                    }
                    here.pop();
                    rest.extend(names(target));
                }
                // Nothing is below a file, and nothing above it by way of it.
                _ if !is_last && !entry.is_dir() => return None,
                _ => {}
            }
        }
        TreePath::new(here.join(&b'/')).ok()
    }

    /// Changes the entry at `path` and every other name of the same hard-linked
    /// file.
    ///
    /// # Errors
    /// When the tree has no such path.
    pub fn change(&mut self, path: &TreePath, mut change: impl FnMut(&mut Entry)) -> Result<()> {
        let group = self
            .get(path)
            .with_context(|| format!("{path} is not in the package"))?
            .link_group;
        for (name, entry) in &mut self.entries {
            if name == path || (group.is_some() && entry.link_group == group) {
                change(entry);
            }
        }
        Ok(())
    }
}

/// The components of a path, the first one last.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .rev()
        .map(<[u8]>::to_vec)
        .collect()
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
        for (name, entry) in [
            ("usr", Entry::symlink("x")),
            ("usr/bin/x", Entry::dir(0o755)),
            ("l", Entry::symlink("")),
            ("l", Entry::symlink("a\0b")),
        ] {
            assert!(tree.insert(path(name), entry).is_err(), "{name}");
        }
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
        tree.insert(path("top"), Entry::symlink("/etc/real"))
            .unwrap();
        tree.insert(path("etc/loop"), Entry::symlink("loop"))
            .unwrap();
        tree.insert(path("etc/out"), Entry::symlink("../../../x"))
            .unwrap();
        for name in [
            "etc/rel",
            "/dir//./rel",
            "usr/../etc/real",
            "etc/../dir/rel/",
        ] {
            let found = match name.starts_with("usr") {
                true => None,
                false => Some(path("etc/real")),
            };
            assert_eq!(tree.locate(name.as_bytes(), true), found, "{name}");
        }
        for name in [
            "top",
            "etc/abs",
            "etc/loop",
            "etc/out",
            "etc/none",
            "../etc/real",
            "etc/real/..",
        ] {
            assert_eq!(tree.resolve(name.as_bytes()), None, "{name}");
        }
        assert_eq!(tree.locate(b"dir/abs", false), Some(path("etc/abs")));
        assert_eq!(tree.locate(b"etc/loop", false), Some(path("etc/loop")));
    }

    #[test]
    fn hard_links_change_together() {
        let mut tree = Tree::default();
        for name in ["a", "b"] {
            let entry = Entry {
                link_group: Some(1),
                ..Entry::file(0o644, *b"")
            };
            tree.insert(path(name), entry).unwrap();
        }
        tree.insert(path("c"), Entry::file(0o644, *b"")).unwrap();
        tree.change(&path("b"), |entry| entry.mode = 0o600).unwrap();
        assert_eq!(tree.get(&path("a")).unwrap().mode, 0o600);
        assert_eq!(tree.get(&path("c")).unwrap().mode, 0o644);
        assert!(tree.change(&path("d"), |_| ()).is_err());
    }
}
