//! Directories and files of an apk. Directories stand in the order of their
//! whole paths by bytes (`a`, `a-b`, `a/b`), which is not a tar archive's.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::package::adb::schema::file;
use crate::package::adb::value::Value;
use crate::package::adb::write::Writer;
use crate::package::meta::Meta;
use crate::package::modes;
use crate::package::path::TreePath;
use crate::package::tree::{Entry, Node, Tree};

/// What was written, and what the data blocks will hold.
#[derive(Debug, Default)]
pub struct Paths {
    /// One value for each directory.
    pub dirs: Vec<Value>,
    /// The content of files, in the order of the directories.
    pub contents: Vec<Data>,
    /// Bytes of all files; at least 1.
    pub installed_size: u64,
}

/// One file's content.
#[derive(Debug)]
pub struct Data {
    /// Number of its directory, from 1.
    pub dir: u32,
    /// Number of the file in it, from 1.
    pub file: u32,
    /// The bytes.
    pub content: Arc<[u8]>,
}

/// Writes every directory with its files.
///
/// # Errors
/// An owner that `meta` gives no name.
pub fn write(writer: &mut Writer, tree: &Tree, meta: &Meta) -> Result<Paths> {
    let mut dirs: Vec<(&TreePath, &Entry)> =
        tree.iter().filter(|(_, entry)| entry.is_dir()).collect();
    dirs.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    let mut files: HashMap<TreePath, Vec<(&TreePath, &Entry)>> = HashMap::new();
    for (path, entry) in tree.iter().filter(|(_, entry)| !entry.is_dir()) {
        let parent = path.parent().unwrap_or_else(TreePath::root);
        files.entry(parent).or_default().push((path, entry));
    }
    let mut writing = Writing {
        writer,
        meta,
        links: Links::of(tree),
        paths: Paths::default(),
    };
    for (path, entry) in dirs {
        let files = files.remove(path).unwrap_or_default();
        writing
            .dir(path, entry, files)
            .with_context(|| path.to_string())?;
    }
    let mut paths = writing.paths;
    paths.installed_size = paths.installed_size.max(1);
    Ok(paths)
}

/// Hard links: how many names each file has, and the value that leads to the
/// first of them.
struct Links {
    names: HashMap<u32, usize>,
    first: HashMap<u32, Value>,
}

impl Links {
    fn of(tree: &Tree) -> Self {
        let mut names = HashMap::new();
        let files = tree.iter().filter(|(_, entry)| entry.is_file());
        for group in files.filter_map(|(_, entry)| entry.link_group) {
            *names.entry(group).or_default() += 1;
        }
        Self {
            names,
            first: HashMap::new(),
        }
    }
}

struct Writing<'a> {
    writer: &'a mut Writer,
    meta: &'a Meta,
    links: Links,
    paths: Paths,
}

impl Writing<'_> {
    fn dir(
        &mut self,
        path: &TreePath,
        entry: &Entry,
        mut files: Vec<(&TreePath, &Entry)>,
    ) -> Result<()> {
        files.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
        let number = self.paths.dirs.len() as u32 + 1;
        let mut values = Vec::with_capacity(files.len());
        for (path, entry) in files {
            let value = self
                .file(path, entry, number, values.len() as u32 + 1)
                .with_context(|| path.to_string())?;
            values.push(value);
        }
        let name = self.writer.blob(path.as_bytes());
        let acl = self.acl(entry)?;
        let files = self.writer.object(&values);
        let dir = self.writer.object(&[name, acl, files]);
        self.paths.dirs.push(dir);
        Ok(())
    }

    fn file(&mut self, path: &TreePath, entry: &Entry, dir: u32, number: u32) -> Result<Value> {
        let (size, hash, target) = match &entry.node {
            Node::Dir => anyhow::bail!("a directory among files"),
            Node::File(content) => {
                let link = self.link(path, entry);
                if link == Value::NULL {
                    self.paths.installed_size += content.len() as u64;
                    if !content.is_empty() {
                        self.paths.contents.push(Data {
                            dir,
                            file: number,
                            content: content.clone(),
                        });
                    }
                }
                (
                    content.len(),
                    Some(Sha256::digest(content)),
                    Target::Link(link),
                )
            }
            Node::Symlink(to) => (to.len(), None, Target::Symlink(to)),
        };
        let name = path.components().next_back().unwrap_or_default();
        let name = self.writer.blob(name);
        let hash = hash.map_or(Value::NULL, |hash| self.writer.blob(&hash));
        let target = match target {
            Target::Link(value) => value,
            Target::Symlink(to) => self.target(file::SYMLINK, to),
        };
        let mtime = self.writer.int(self.meta.epoch);
        let size = self.writer.int(size as u64);
        let acl = self.acl(entry)?;
        Ok(self.writer.object(&[name, acl, size, mtime, hash, target]))
    }

    /// The target of a further name of a file; the first name is the file, and
    /// its target is written for the others.
    fn link(&mut self, path: &TreePath, entry: &Entry) -> Value {
        let Some(group) = entry.link_group else {
            return Value::NULL;
        };
        if self.links.names.get(&group).is_none_or(|names| *names < 2) {
            return Value::NULL;
        }
        match self.links.first.get(&group) {
            Some(first) => *first,
            None => {
                // `apk mkpkg` calls the root `.` there.
                let in_root = path.components().count() == 1;
                let dot = if in_root { &b"./"[..] } else { b"" };
                let value = self.target(file::REGULAR, &[dot, path.as_bytes()].concat());
                self.links.first.insert(group, value);
                Value::NULL
            }
        }
    }

    fn target(&mut self, kind: u16, to: &[u8]) -> Value {
        self.writer.blob(&[&kind.to_le_bytes(), to].concat())
    }

    fn acl(&mut self, entry: &Entry) -> Result<Value> {
        let user = modes::name(entry.uid, &self.meta.user_id, 0)?;
        let group = modes::name(entry.gid, &self.meta.user_id, 1)?;
        let mode = self.writer.int(u64::from(entry.mode));
        let user = self.writer.blob(user.as_bytes());
        let group = self.writer.blob(group.as_bytes());
        Ok(self.writer.object(&[mode, user, group]))
    }
}

enum Target<'a> {
    Link(Value),
    Symlink(&'a [u8]),
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::*;
    use crate::package::adb::container;

    #[test]
    fn further_names_of_a_file_lead_to_the_first() {
        let mut tree = Tree::default();
        for name in ["b/x", "a", "b-c"] {
            let entry = Entry {
                link_group: Some(1),
                ..Entry::file(0o644, *b"content")
            };
            tree.insert(TreePath::new(name).unwrap(), entry).unwrap();
        }
        let meta = Meta {
            name: "x".into(),
            version: "1".into(),
            arch: "all".into(),
            ..Meta::default()
        };
        let apk = super::super::pack(&meta, tree, None).unwrap();
        let list = 7 + "/a\n/b-c\n/b/x\n".len() as u64;
        assert_eq!(apk.installed_size, list, "once");
        // As `apk mkpkg` writes the name of a file in the root.
        let stream = container::decompress(&apk.bytes, 1 << 20).unwrap();
        let target = b"\x05\x00\x80./a";
        let found = stream.windows(target.len()).filter(|bytes| bytes == target);
        assert_eq!(found.count(), 1);
        let back = load::tree(&apk.bytes).unwrap();
        let linked = back.get(&TreePath::new("b/x").unwrap()).unwrap();
        assert_eq!(linked.node, Node::File((*b"content").into()));
    }

    #[test]
    fn owners_need_names() {
        let mut tree = Tree::default();
        let mut entry = Entry::file(0o644, *b"");
        (entry.uid, entry.gid) = (7, 8);
        tree.insert(TreePath::new("a").unwrap(), entry).unwrap();
        let mut meta = Meta {
            name: "x".into(),
            ..Meta::default()
        };
        let error = write(&mut Writer::default(), &tree, &meta).unwrap_err();
        assert!(format!("{error:#}").contains("declare it in `userid` as NAME=7"));
        meta.user_id = "u=7:g=8".into();
        write(&mut Writer::default(), &tree, &meta).unwrap();
    }
}
