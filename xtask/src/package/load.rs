//! Reads a package's tree from a directory or a tar archive.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tar::EntryType;

use super::path::TreePath;
use super::tree::{Entry, Node, Tree};

/// Reads `source`: a directory, or a tar archive (gzip'd or not).
///
/// # Errors
/// I/O errors, and entries that a package cannot hold, by name.
pub fn tree(source: &Path) -> Result<Tree> {
    let metadata = fs::metadata(source).with_context(|| format!("open {}", source.display()))?;
    if metadata.is_dir() {
        from_dir(source)
    } else {
        from_tar_file(source)
    }
}

/// A directory's tree with owner root, whoever runs this: directories 0755,
/// files 0755 where their owner may execute them and 0644 elsewhere. Other
/// owners and modes come from `file_modes`. Names of one inode become hard links.
///
/// # Errors
/// I/O errors; sockets, pipes and devices.
pub fn from_dir(root: &Path) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut groups = HashMap::<(u64, u64), u32>::new();
    for found in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let found = found.with_context(|| format!("walk {}", root.display()))?;
        let relative = found.path().strip_prefix(root).unwrap_or(found.path());
        let path = TreePath::new(relative.as_os_str().as_bytes())?;
        let metadata = found
            .metadata()
            .with_context(|| format!("read {}", found.path().display()))?;
        let kind = metadata.file_type();
        let mut entry = if kind.is_dir() {
            Entry::dir(0o755)
        } else if kind.is_symlink() {
            let target = fs::read_link(found.path())
                .with_context(|| format!("read link {}", found.path().display()))?;
            Entry::symlink(target.as_os_str().as_bytes())
        } else if kind.is_file() {
            let content = fs::read(found.path())
                .with_context(|| format!("read {}", found.path().display()))?;
            let executable = metadata.permissions().mode() & 0o100 != 0;
            Entry::file(if executable { 0o755 } else { 0o644 }, content)
        } else {
            let what = if kind.is_socket() {
                "a socket"
            } else if kind.is_fifo() {
                "a pipe"
            } else {
                "a device"
            };
            bail!("{path} is {what}: a package holds files, directories and links only");
        };
        if !kind.is_dir() && metadata.nlink() > 1 {
            let next = groups.len() as u32;
            let group = *groups
                .entry((metadata.dev(), metadata.ino()))
                .or_insert(next);
            entry.link_group = Some(group);
        }
        tree.insert(path, entry)?;
    }
    Ok(tree)
}

fn from_tar_file(file: &Path) -> Result<Tree> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    ensure!(!bytes.is_empty(), "{} is empty", file.display());
    let tree = if bytes.starts_with(&[0x1f, 0x8b]) {
        from_tar(flate2::read::MultiGzDecoder::new(&bytes[..]))
    } else {
        from_tar(&bytes[..])
    };
    tree.with_context(|| {
        format!(
            "read the tree in {} (a directory, a tar archive or a gzip'd one is needed)",
            file.display()
        )
    })
}

/// A tar archive's tree with the owners, modes and links that it records (any
/// dialect: GNU, PAX or plain).
///
/// # Errors
/// Broken archives; entries that a package cannot hold, by name.
pub fn from_tar(reader: impl Read) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut groups = 0;
    let mut archive = tar::Archive::new(reader);
    for found in archive.entries().context("open the tar archive")? {
        let mut found = found.context("read a tar header")?;
        let path = TreePath::new(&*found.path_bytes())?;
        let header = found.header();
        let number = |value: std::io::Result<u64>, what: &str| -> Result<u32> {
            let value = value.with_context(|| format!("{what} of {path}"))?;
            u32::try_from(value).with_context(|| format!("{what} of {path} is {value}"))
        };
        let (uid, gid) = (
            number(header.uid(), "user id")?,
            number(header.gid(), "group id")?,
        );
        let mode = header.mode().with_context(|| format!("mode of {path}"))? & 0o7777;
        let link = found.link_name_bytes().map(|name| name.into_owned());
        let entry = match header.entry_type() {
            EntryType::Directory => Entry::dir(mode),
            EntryType::Regular | EntryType::Continuous => {
                let mut content = Vec::new();
                found
                    .read_to_end(&mut content)
                    .with_context(|| format!("read {path}"))?;
                Entry::file(mode, content)
            }
            EntryType::Symlink => Entry::symlink(link.context("a symbolic link without target")?),
            EntryType::Link => {
                let target = TreePath::new(link.context("a hard link without target")?)?;
                hard_link(&mut tree, &path, target, &mut groups)?;
                continue;
            }
            EntryType::XGlobalHeader => continue,
            other => bail!(
                "{path} has tar type {other:?}: a package holds files, directories and links only"
            ),
        };
        ensure!(
            !path.is_root() || entry.is_dir(),
            "the archive's root is no directory"
        );
        tree.insert(path, Entry { uid, gid, ..entry })?;
    }
    Ok(tree)
}

/// Adds `path` as another name of `target`, which stands before it.
fn hard_link(tree: &mut Tree, path: &TreePath, target: TreePath, groups: &mut u32) -> Result<()> {
    let mut entry = tree
        .get(&target)
        .filter(|entry| entry.node != Node::Dir)
        .with_context(|| format!("{path} is a hard link to {target}, which is no file before it"))?
        .clone();
    if entry.link_group.is_none() {
        entry.link_group = Some(*groups);
        *groups += 1;
        tree.insert(target, entry.clone())?;
    }
    tree.insert(path.clone(), entry)
}

#[cfg(test)]
mod tests {
    use super::super::tar::Writer;
    use super::*;

    fn path(raw: &str) -> TreePath {
        TreePath::new(raw).unwrap()
    }

    #[test]
    fn a_directory_counts_the_execute_bit_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, mode: u32| {
            fs::write(dir.path().join(name), name).unwrap();
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        write("plain", 0o600);
        write("script", 0o700);
        fs::hard_link(dir.path().join("script"), dir.path().join("again")).unwrap();
        std::os::unix::fs::symlink("plain", dir.path().join("link")).unwrap();
        let tree = tree(dir.path()).unwrap();
        assert_eq!(tree.get(&path("plain")).unwrap().mode, 0o644);
        assert_eq!(tree.get(&path("script")).unwrap().mode, 0o755);
        assert_eq!(tree.get(&path("link")), Some(&Entry::symlink("plain")));
        let group = tree.get(&path("again")).unwrap().link_group;
        assert!(group.is_some() && group == tree.get(&path("script")).unwrap().link_group);
    }

    /// An archive of `(name, type, link)`.
    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, kind, link) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            // As it stands, `./` and all.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            if !link.is_empty() {
                header.set_link_name(link).unwrap();
            }
            header.set_cksum();
            archive.append(&header, &b""[..]).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn archives_of_every_kind() {
        use EntryType::{Directory, Link, Regular, Symlink, XGlobalHeader};
        let three = archive(&[
            ("pax_global_header", XGlobalHeader, ""),
            ("./", Directory, ""),
            ("./a", Regular, ""),
            ("./b", Link, "./a"),
            ("./c", Link, "b"),
        ]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.tar.gz");
        fs::write(&file, super::super::gzip::compress(&three)).unwrap();
        let tree = tree(&file).unwrap();
        let groups: Vec<_> = ["a", "b", "c"]
            .map(|name| tree.get(&path(name)).unwrap().link_group)
            .into();
        assert_eq!(groups, [Some(0); 3], "one file with three names");

        for (entries, expected) in [
            (&[("./", Regular, "")][..], "root is no directory"),
            (
                &[("a", Directory, ""), ("b", Link, "a")],
                "which is no file before it",
            ),
            (&[("b", Link, "a")], "which is no file before it"),
            (
                &[("a", Regular, ""), ("a/", Directory, "")],
                "also a file or link",
            ),
            (
                &[("a", EntryType::Fifo, "")],
                "files, directories and links only",
            ),
            (&[("a", Symlink, "")], "without target"),
        ] {
            let error = format!("{:#}", from_tar(&archive(entries)[..]).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        for (content, expected) in [(&b""[..], "is empty"), (b"text", "a gzip'd one is needed")] {
            fs::write(&file, content).unwrap();
            let error = from_tar_file(&file).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn sockets_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
        assert!(
            from_dir(dir.path())
                .unwrap_err()
                .to_string()
                .starts_with("/s is a socket")
        );
    }

    #[test]
    fn what_was_written_is_read_back() {
        let mut tree = Tree::default();
        let long = "d/".repeat(80) + "file";
        tree.insert(
            path(&long),
            Entry {
                uid: 7,
                gid: 8,
                ..Entry::file(0o4755, *b"x")
            },
        )
        .unwrap();
        tree.insert(path("link"), Entry::symlink("t".repeat(150)))
            .unwrap();
        for name in ["h1", "h2"] {
            tree.insert(
                path(name),
                Entry {
                    link_group: Some(0),
                    ..Entry::file(0o600, *b"h")
                },
            )
            .unwrap();
        }
        let mut writer = Writer::new(1);
        writer.tree(&tree).unwrap();
        assert_eq!(from_tar(&writer.finish()[..]).unwrap(), tree);
    }
}
