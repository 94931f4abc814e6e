//! Conffiles: which declared paths become the `conffiles` member, and which
//! are only kept over a system upgrade (`/lib/upgrade/keep.d`).
//!
//! `ipkg-build` gives the declared words to the shell and to `find … -type f`;
//! what comes out is therefore spelled as it was declared (`/etc//x`), and a
//! name with a blank falls into two lines.

mod glob;

pub use glob::expand;

use anyhow::{Context, Result, ensure};

use super::path::TreePath;
use super::tree::{Entry, Node, Tree};

/// The sorted list of regular files behind the declared paths, one a line;
/// `None` when there is none.
///
/// A directory stands for every file below it. A path that is declared twice is
/// listed twice.
pub fn member(tree: &Tree, declared: &[String]) -> Option<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    for pattern in declared {
        for start in glob::expand(tree, pattern.as_bytes()) {
            for file in find_files(tree, &start) {
                let parts = file.split(|byte| byte.is_ascii_whitespace());
                words.extend(parts.filter(|part| !part.is_empty()).map(<[u8]>::to_vec));
            }
        }
    }
    words.sort_unstable();
    let lines = words.into_iter().map(|word| [&word[..], b"\n"].concat());
    Some(lines.collect::<Vec<_>>().concat()).filter(|text| !text.is_empty())
}

/// `find START -type f`: the file itself, or every file below a directory. A
/// link is followed only where a `/` stands behind it.
fn find_files(tree: &Tree, start: &[u8]) -> Vec<Vec<u8>> {
    let has_slash = start.ends_with(b"/");
    let Some(place) = tree.locate(start, has_slash) else {
        return Vec::new();
    };
    match tree.get(&place).map(|entry| &entry.node) {
        Some(Node::File(_)) if !has_slash => vec![start.to_vec()],
        Some(Node::Dir) => {
            let prefix = [start, if has_slash { b"" } else { b"/" }].concat();
            let skip = place.as_bytes().len() + usize::from(!place.is_root());
            let below = tree
                .iter()
                .filter(|(path, entry)| entry.is_file() && path.is_below(&place));
            below
                .map(|(path, _)| [&prefix[..], &path.as_bytes()[skip..]].concat())
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Adds the declared paths that are no regular file to `keep.d/NAME`, patterns
/// as they are: the router's `sysupgrade` expands them.
///
/// The file of a tree that went through this already stays as it is.
///
/// # Errors
/// When `/lib/upgrade/keep.d` cannot be a directory of the tree.
pub fn add_keep_list(tree: &mut Tree, name: &str, declared: &[String]) -> Result<()> {
    let kept: String = declared
        .iter()
        .filter(|path| !is_file(tree, path))
        .map(|path| format!("{path}\n"))
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    let dir = make_dirs(tree, &["lib", "upgrade", "keep.d"])?;
    let path = TreePath::new([dir.as_bytes(), b"/", name.as_bytes()].concat())?;
    if tree.get(&path).is_none() {
        return tree.insert(path, Entry::file(0o644, kept.into_bytes()));
    }
    // `echo >>` writes through links, and to all names of the file.
    let place = tree
        .locate(path.as_bytes(), true)
        .with_context(|| format!("{path} is a link that leads nowhere"))?;
    let before = match tree.get(&place).map(|entry| &entry.node) {
        Some(Node::File(content)) => content.to_vec(),
        _ => anyhow::bail!("{path} has to be a file"),
    };
    if before.ends_with(kept.as_bytes()) {
        return Ok(());
    }
    let after = [before.as_slice(), kept.as_bytes()].concat();
    tree.change(&place, |entry| {
        entry.node = Node::File(after.clone().into())
    })
}

/// `mkdir -p`: the place of the last directory, links followed.
///
/// # Errors
/// A link that leads nowhere; something that is no directory.
pub fn make_dirs(tree: &mut Tree, names: &[&str]) -> Result<TreePath> {
    let mut here = TreePath::root();
    for name in names {
        let next = TreePath::new([here.as_bytes(), b"/", name.as_bytes()].concat())?;
        if tree.get(&next).is_none() {
            tree.insert(next.clone(), Entry::dir(0o755))?;
        }
        here = tree
            .locate(next.as_bytes(), true)
            .with_context(|| format!("{next} is a link that leads nowhere"))?;
        ensure!(
            tree.get(&here).is_some_and(Entry::is_dir),
            "{next} has to be a directory"
        );
    }
    Ok(here)
}

/// `[ -f PATH ]`, which a trailing `/` makes false.
fn is_file(tree: &Tree, declared: &str) -> bool {
    !declared.ends_with('/')
        && tree
            .resolve(declared.as_bytes())
            .is_some_and(Entry::is_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for file in files {
            tree.insert(TreePath::new(file).unwrap(), Entry::file(0o644, *b""))
                .unwrap();
        }
        tree
    }

    fn list(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn only_regular_files_are_listed() {
        let mut tree = tree(&["etc/b", "etc/a", "etc/d/2", "etc/d/1", "etc/d/e/3"]);
        tree.insert(TreePath::new("etc/link").unwrap(), Entry::symlink("a"))
            .unwrap();
        let declared = list(&["/etc/b", "/etc/d/", "/etc/a", "/etc/none", "/etc/link"]);
        assert_eq!(
            member(&tree, &declared).unwrap(),
            b"/etc/a\n/etc/b\n/etc/d/1\n/etc/d/2\n/etc/d/e/3\n"
        );
        assert_eq!(member(&tree, &list(&["/etc/none"])), None);

        add_keep_list(&mut tree, "x", &declared).unwrap();
        let keep = TreePath::new("lib/upgrade/keep.d/x").unwrap();
        let expected = Entry::file(0o644, *b"/etc/d/\n/etc/none\n");
        assert_eq!(
            tree.get(&keep),
            Some(&expected),
            "a link to a file is a file for `test -f`"
        );
        add_keep_list(&mut tree, "x", &declared).unwrap();
        assert_eq!(
            tree.get(&keep),
            Some(&expected),
            "twice is the same as once"
        );
    }

    #[test]
    fn a_keep_list_of_the_package_itself_is_extended() {
        let mut tree = tree(&[]);
        let keep = TreePath::new("lib/upgrade/keep.d/x").unwrap();
        let own = |content: &str| Entry {
            uid: 7,
            link_group: Some(1),
            ..Entry::file(0o600, content.as_bytes())
        };
        let other = TreePath::new("other").unwrap();
        for name in [&keep, &other] {
            tree.insert(name.clone(), own("/etc/own\n")).unwrap();
        }
        add_keep_list(&mut tree, "x", &list(&["/etc/d/"])).unwrap();
        for name in [&keep, &other] {
            assert_eq!(tree.get(name), Some(&own("/etc/own\n/etc/d/\n")));
        }
    }

    #[test]
    fn a_pattern_is_in_the_keep_list_whatever_it_matches() {
        let mut tree = tree(&["etc/x.conf"]);
        let declared = list(&["/etc/*.conf", "/etc/*.none"]);
        add_keep_list(&mut tree, "x", &declared).unwrap();
        let keep = TreePath::new("lib/upgrade/keep.d/x").unwrap();
        let expected = Entry::file(0o644, *b"/etc/*.conf\n/etc/*.none\n");
        assert_eq!(tree.get(&keep), Some(&expected));
        assert_eq!(member(&tree, &declared).unwrap(), b"/etc/x.conf\n");
    }

    #[test]
    fn paths_are_spelled_as_find_prints_them() {
        let mut tree = tree(&["etc/x", "etc/d/1", "etc/d/a b"]);
        let mut link = |name: &str, target: &str| {
            let path = TreePath::new(name).unwrap();
            tree.insert(path, Entry::symlink(target)).unwrap();
        };
        link("etc/l", "d");
        link("etc/f", "x");
        link("etc/abs", "/etc/d");
        for (declared, expected) in [
            ("/etc//x", "/etc//x\n"),
            ("/etc/./x", "/etc/./x\n"),
            ("/etc/d/../x", "/etc/d/../x\n"),
            ("/etc/x/", ""),
            ("/etc/f", ""),
            ("/etc/d", "/etc/d/1\n/etc/d/a\nb\n"),
            ("/etc/d//", "/etc/d//1\n/etc/d//a\nb\n"),
            ("/etc/l", ""),
            ("/etc/l/", "/etc/l/1\n/etc/l/a\nb\n"),
            ("/etc/l/1", "/etc/l/1\n"),
            ("/etc/abs/", ""),
        ] {
            let found = member(&tree, &list(&[declared])).unwrap_or_default();
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{declared}");
        }
    }

    #[test]
    fn a_keep_list_behind_links_is_written_through() {
        let mut tree = tree(&["real/upgrade/keep.d/y"]);
        let path = |raw: &str| TreePath::new(raw).unwrap();
        tree.insert(path("lib"), Entry::symlink("real")).unwrap();
        tree.insert(path("real/upgrade/keep.d/x"), Entry::symlink("y"))
            .unwrap();
        add_keep_list(&mut tree, "x", &list(&["/etc/d/"])).unwrap();
        let kept = tree.get(&path("real/upgrade/keep.d/y")).unwrap();
        assert_eq!(kept, &Entry::file(0o644, *b"/etc/d/\n"));
        add_keep_list(&mut tree, "z", &list(&["/etc/d/"])).unwrap();
        assert!(tree.get(&path("real/upgrade/keep.d/z")).is_some());
    }
}
