//! Shell patterns against the names of a tree.

use crate::package::tree::{Entry, Tree};

/// What the shell makes of one word: the paths that match, spelled as the word
/// is; the word itself when none does or it is no pattern.
pub fn expand(tree: &Tree, word: &[u8]) -> Vec<Vec<u8>> {
    if !is_pattern(word) {
        return vec![word.to_vec()];
    }
    let mut found = vec![Vec::new()];
    let mut rest = word;
    while !rest.is_empty() {
        let slashes = rest.iter().take_while(|byte| **byte == b'/').count();
        let (separator, after) = rest.split_at(slashes);
        let end = after
            .iter()
            .position(|byte| *byte == b'/')
            .unwrap_or(after.len());
        let (component, after) = after.split_at(end);
        found = found
            .into_iter()
            .flat_map(|prefix| step(tree, &[&prefix[..], separator].concat(), component))
            .collect();
        rest = after;
    }
    match found.is_empty() {
        true => vec![word.to_vec()],
        false => found,
    }
}

/// The paths that one more component leads to.
fn step(tree: &Tree, prefix: &[u8], component: &[u8]) -> Vec<Vec<u8>> {
    let Some(dir) = tree.locate(prefix, true) else {
        return Vec::new();
    };
    if !tree.get(&dir).is_some_and(Entry::is_dir) {
        return Vec::new();
    }
    if !is_pattern(component) {
        let path = [prefix, component].concat();
        return match tree.locate(&path, false) {
            Some(_) => vec![path],
            None => Vec::new(),
        };
    }
    let names = tree.iter().filter_map(|(path, _)| {
        let is_child = path.parent().as_ref() == Some(&dir);
        path.components().next_back().filter(|_| is_child)
    });
    names
        .filter(|name| matches_glob(component, name))
        .map(|name| [prefix, name].concat())
        .collect()
}

fn is_pattern(word: &[u8]) -> bool {
    word.iter().any(|byte| b"*?[".contains(byte))
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
    use crate::package::path::TreePath;

    #[test]
    fn words_become_the_names_that_match() {
        let mut tree = Tree::default();
        for file in ["etc/x.conf", "etc/y.conf", "etc/.z.conf", "etc/d/w.conf"] {
            let path = TreePath::new(file).unwrap();
            tree.insert(path, Entry::file(0o644, *b"")).unwrap();
        }
        let link = TreePath::new("etc/l").unwrap();
        tree.insert(link, Entry::symlink("d")).unwrap();
        for (pattern, expected) in [
            ("/etc/*.conf", "/etc/x.conf /etc/y.conf"),
            ("/etc/[x-z].co?f", "/etc/x.conf /etc/y.conf"),
            ("/etc//[x].conf", "/etc//x.conf"),
            ("/e*/./?/w.conf", "/etc/./d/w.conf /etc/./l/w.conf"),
            ("/etc/*/", "/etc/d/ /etc/l/"),
            ("/etc/.*f", "/etc/.z.conf"),
            ("/etc/*.none", "/etc/*.none"),
            ("/etc/x.c*/", "/etc/x.c*/"),
            ("/none", "/none"),
        ] {
            let found: Vec<_> = expand(&tree, pattern.as_bytes())
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            assert_eq!(found.join(" "), expected, "{pattern}");
        }
    }

    #[test]
    fn shell_patterns_match_names() {
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
