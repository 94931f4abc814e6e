//! Conffiles: which declared paths become the `conffiles` member, and which
//! are only kept over a system upgrade (`/lib/upgrade/keep.d`).

use anyhow::Result;

use super::path::TreePath;
use super::tree::{Entry, Node, Tree};

/// The sorted list of regular files behind the declared paths, one a line;
/// `None` when there is none.
///
/// A directory stands for every file below it. `ipkg-build` passes the list
/// through the shell, so `*`, `?` and `[…]` match names, a leading dot excepted.
/// A path that is declared twice is listed twice, as `find` would.
pub fn member(tree: &Tree, declared: &[String]) -> Option<String> {
    let mut files = Vec::new();
    for pattern in declared {
        for root in expand(tree, pattern) {
            let below = tree
                .iter()
                .filter(|(path, entry)| entry.is_file() && path.is_below(&root));
            files.extend(below.map(|(path, _)| path.absolute()));
        }
    }
    files.sort_unstable();
    (!files.is_empty()).then(|| files.join("\n") + "\n")
}

/// Adds the declared paths that are no regular file to `keep.d/NAME`.
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
    let path = TreePath::new(format!("lib/upgrade/keep.d/{name}"))?;
    let (mode, before) = match tree.get(&path) {
        Some(Entry {
            mode,
            node: Node::File(content),
            ..
        }) => (*mode, content.to_vec()),
        _ => (0o644, Vec::new()),
    };
    if before.ends_with(kept.as_bytes()) {
        return Ok(());
    }
    tree.insert(
        path,
        Entry::file(mode, [before.as_slice(), kept.as_bytes()].concat()),
    )
}

fn is_file(tree: &Tree, declared: &str) -> bool {
    if is_pattern(declared) {
        // OpenWrt's shell would match it against the building machine's own
        // files, which means nothing.
        return !expand(tree, declared).is_empty();
    }
    // `test -f /etc/x/` fails for a regular file.
    !declared.ends_with('/')
        && TreePath::new(declared).is_ok_and(|path| tree.resolve(&path).is_some_and(Entry::is_file))
}

fn is_pattern(declared: &str) -> bool {
    declared.contains(['*', '?', '['])
}

/// Shell expansion of one declared path against the tree.
fn expand(tree: &Tree, pattern: &str) -> Vec<TreePath> {
    let Ok(path) = TreePath::new(pattern) else {
        return Vec::new();
    };
    if !is_pattern(pattern) {
        return vec![path];
    }
    let wanted: Vec<&[u8]> = path.components().collect();
    let matches = |candidate: &TreePath| {
        let names: Vec<&[u8]> = candidate.components().collect();
        names.len() == wanted.len()
            && names
                .iter()
                .zip(&wanted)
                .all(|(name, glob)| matches_glob(glob, name))
    };
    tree.iter()
        .map(|(path, _)| path)
        .filter(|path| matches(path))
        .cloned()
        .collect()
}

/// One path component against one shell pattern (POSIX 2.13: `*`, `?`, `[a-z]`,
/// `[!a]`; a leading dot must be written out).
fn matches_glob(glob: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && glob.first() != Some(&b'.') {
        return false;
    }
    glob_from(glob, name)
}

fn glob_from(glob: &[u8], name: &[u8]) -> bool {
    match glob.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skip| glob_from(rest, &name[skip..])),
        Some((b'[', rest)) => match (bracket(rest, name.first()), name.split_first()) {
            (Some((true, after)), Some((_, tail))) => glob_from(after, tail),
            (Some(_), _) => false,
            (None, Some((b'[', tail))) => glob_from(rest, tail),
            (None, _) => false,
        },
        Some((wanted, rest)) => match name.split_first() {
            Some((byte, tail)) => (*wanted == b'?' || wanted == byte) && glob_from(rest, tail),
            None => false,
        },
    }
}

/// Reads a bracket expression after its `[`: whether `byte` is in it, and what
/// follows its `]`. `None` when it never ends.
fn bracket<'a>(glob: &'a [u8], byte: Option<&u8>) -> Option<(bool, &'a [u8])> {
    let negated = matches!(glob.first(), Some(b'!' | b'^'));
    let body = &glob[usize::from(negated)..];
    let end = 1 + body.get(1..)?.iter().position(|c| *c == b']')?;
    let mut found = false;
    let mut at = 0;
    while at < end {
        let (low, high) = match body[at..end] {
            [low, b'-', high, ..] => (low, high),
            _ => (body[at], body[at]),
        };
        found |= byte.is_some_and(|byte| (low..=high).contains(byte));
        at += if at + 2 < end && body[at + 1] == b'-' {
            3
        } else {
            1
        };
    }
    Some((found != negated && byte.is_some(), &body[end + 1..]))
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
            "/etc/a\n/etc/b\n/etc/d/1\n/etc/d/2\n/etc/d/e/3\n"
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
        tree.insert(keep.clone(), Entry::file(0o600, *b"/etc/own\n"))
            .unwrap();
        add_keep_list(&mut tree, "x", &list(&["/etc/d/"])).unwrap();
        assert_eq!(
            tree.get(&keep),
            Some(&Entry::file(0o600, *b"/etc/own\n/etc/d/\n"))
        );
    }

    #[test]
    fn a_pattern_that_matches_is_not_in_the_keep_list() {
        let mut tree = tree(&["etc/x.conf"]);
        let declared = list(&["/etc/*.conf", "/etc/*.none"]);
        add_keep_list(&mut tree, "x", &declared).unwrap();
        let keep = TreePath::new("lib/upgrade/keep.d/x").unwrap();
        assert_eq!(
            tree.get(&keep),
            Some(&Entry::file(0o644, *b"/etc/*.none\n"))
        );
    }

    #[test]
    fn shell_patterns_match_names() {
        let tree = tree(&["etc/x.conf", "etc/y.conf", "etc/.z.conf", "etc/d/w.conf"]);
        assert_eq!(
            member(&tree, &list(&["/etc/*.conf"])).unwrap(),
            "/etc/x.conf\n/etc/y.conf\n"
        );
        assert_eq!(
            member(&tree, &list(&["/etc/[x-z].co?f"])).unwrap(),
            "/etc/x.conf\n/etc/y.conf\n"
        );
        for (glob, name, expected) in [
            ("[!a]b", "cb", true),
            ("[!a]b", "ab", false),
            ("[]a]", "]", true),
            ("[a", "[a", true),
            ("[a-]", "-", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("*", "", true),
            (".*", ".x", true),
        ] {
            assert_eq!(
                matches_glob(glob.as_bytes(), name.as_bytes()),
                expected,
                "{glob} {name}"
            );
        }
    }
}
