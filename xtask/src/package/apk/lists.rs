//! `/lib/apk/packages/NAME.*`: what OpenWrt's scripts want to know of an
//! installed apk, where opkg kept it in its own database.

use anyhow::Result;

use crate::fingerprint::hex;
use crate::package::conffiles;
use crate::package::meta::Meta;
use crate::package::path::TreePath;
use crate::package::tree::{Entry, Node, Tree};
use sha2::{Digest, Sha256};

/// Adds the lists: users, alternatives, files, conffiles.
///
/// # Errors
/// When `/lib/apk/packages` cannot be a directory of the tree.
pub fn add(tree: &mut Tree, meta: &Meta) -> Result<()> {
    let dir = conffiles::make_dirs(tree, &["lib", "apk", "packages"])?;
    let name = meta.full_name();
    let path = |kind: &str| {
        let file = format!("/{name}.{kind}");
        TreePath::new([dir.as_bytes(), file.as_bytes()].concat())
    };
    let put = |tree: &mut Tree, kind: &str, text: Vec<u8>| -> Result<()> {
        tree.insert(path(kind)?, Entry::file(0o644, text))
    };
    let users: Vec<&str> = meta.user_id.split_ascii_whitespace().collect();
    for (kind, words) in [
        ("rusers", users.join(" ")),
        ("alternatives", meta.alternatives.join(" ")),
    ] {
        if !words.is_empty() {
            put(tree, kind, format!("{words}\n").into_bytes())?;
        }
    }
    // Neither itself nor what comes after it.
    let list = files(tree);
    put(tree, "list", list)?;
    if !meta.conffiles.is_empty() {
        let declared: String = meta
            .conffiles
            .iter()
            .map(|path| format!("{path}\n"))
            .collect();
        let hashes = hashes(tree, &meta.conffiles);
        put(tree, "conffiles", declared.into_bytes())?;
        if !hashes.is_empty() {
            put(tree, "conffiles_static", hashes.into_bytes())?;
        }
    }
    Ok(())
}

/// Files and links with `/` before them, by bytes.
fn files(tree: &Tree) -> Vec<u8> {
    let mut paths: Vec<&[u8]> = tree
        .iter()
        .filter(|(_, entry)| !entry.is_dir())
        .map(|(path, _)| path.as_bytes())
        .collect();
    paths.sort_unstable();
    let lines = paths.iter().map(|path| [b"/", *path, b"\n"].concat());
    lines.collect::<Vec<_>>().concat()
}

/// `path sha256` of each declared path that is a file (`[ -f ]` follows links);
/// of a pattern, of the files that match.
fn hashes(tree: &Tree, declared: &[String]) -> String {
    let mut lines = String::new();
    for pattern in declared {
        for path in conffiles::expand(tree, pattern.as_bytes()) {
            let is_plain = !path.ends_with(b"/");
            let found = tree.resolve(&path).filter(|_| is_plain);
            if let Some(Node::File(content)) = found.map(|entry| &entry.node) {
                let path = String::from_utf8_lossy(&path);
                lines += &format!("{path} {}\n", hex(&Sha256::digest(content)));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed() {
        let mut tree = Tree::default();
        for name in ["etc/a", "etc/a-b", "etc/d/x", "zz"] {
            let path = TreePath::new(name).unwrap();
            tree.insert(path, Entry::file(0o644, *b"")).unwrap();
        }
        let link = TreePath::new("etc/l").unwrap();
        tree.insert(link, Entry::symlink("a")).unwrap();
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let meta = Meta {
            name: "x".into(),
            user_id: "a=1:b=2  c=3".into(),
            conffiles: words("/etc/l /etc/d/ /etc/none /etc/a*"),
            ..Meta::default()
        };
        add(&mut tree, &meta).unwrap();
        let text = |kind: &str| {
            let path = TreePath::new(format!("lib/apk/packages/x.{kind}")).unwrap();
            match &tree.get(&path)?.node {
                Node::File(content) => Some(String::from_utf8(content.to_vec()).unwrap()),
                _ => None,
            }
        };
        assert_eq!(text("rusers").unwrap(), "a=1:b=2 c=3\n");
        assert_eq!(
            text("list").unwrap(),
            "/etc/a\n/etc/a-b\n/etc/d/x\n/etc/l\n/lib/apk/packages/x.rusers\n/zz\n"
        );
        assert_eq!(
            text("conffiles").unwrap(),
            "/etc/l\n/etc/d/\n/etc/none\n/etc/a*\n"
        );
        let empty = hex(&Sha256::digest(b""));
        assert_eq!(
            text("conffiles_static").unwrap(),
            format!("/etc/l {empty}\n/etc/a {empty}\n/etc/a-b {empty}\n")
        );
        assert_eq!(text("alternatives"), None);
    }
}
