//! `PKG_FILE_MODES`: owners and modes that a recipe gives to single files.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::path::TreePath;
use super::tree::{Node, Tree};

/// One entry `/path:user:group:mode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMode {
    path: TreePath,
    user: String,
    group: String,
    mode: u32,
    /// GNU chmod keeps a directory's setuid and setgid bits, unless they are
    /// spelled out with a fifth digit.
    clears: bool,
}

impl FromStr for FileMode {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            format!("`file_modes` has {text:?}: /PATH:USER:GROUP:MODE with an octal mode is needed")
        };
        let mut parts = text.rsplitn(4, ':');
        let (mode, group, user, path) = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(mode), Some(group), Some(user), Some(path)) = (mode, group, user, path) else {
            bail!(wrong());
        };
        let clears = mode.len() > 4;
        let mode = u32::from_str_radix(mode, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777);
        ensure!(
            path.starts_with('/') && !user.is_empty() && !group.is_empty(),
            wrong()
        );
        Ok(Self {
            path: TreePath::new(path)?,
            user: user.to_owned(),
            group: group.to_owned(),
            mode: mode.with_context(wrong)?,
            clears,
        })
    }
}

/// Applies every entry as `chown` and `chmod` do, which follow links; names are
/// `root`, numbers, or those of `user_id`.
///
/// # Errors
/// A path that the tree lacks, or a name without a known number.
pub fn apply(tree: &mut Tree, modes: &[FileMode], user_id: &str) -> Result<()> {
    for given in modes {
        let uid = number(&given.user, user_id, 0)?;
        let gid = number(&given.group, user_id, 1)?;
        let place = tree.locate(given.path.as_bytes(), true).with_context(|| {
            let path = &given.path;
            match tree.get(path) {
                Some(_) => {
                    format!("{path} has a mode in `file_modes` but is a link out of the package")
                }
                None => format!("{path} has a mode in `file_modes` but is not in the package"),
            }
        })?;
        tree.change(&place, |entry| {
            (entry.uid, entry.gid) = (uid, gid);
            let kept = match entry.node {
                Node::Dir if !given.clears => entry.mode & 0o6000,
                _ => 0,
            };
            entry.mode = given.mode | kept;
        })?;
    }
    Ok(())
}

/// The number behind a user (`part` 0) or group (`part` 1) name.
fn number(name: &str, user_id: &str, part: usize) -> Result<u32> {
    if name == "root" {
        return Ok(0);
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return name
            .parse()
            .with_context(|| format!("`file_modes` has the number {name}"));
    }
    user_id
        .split_whitespace()
        .filter_map(|pair| pair.split(':').nth(part)?.split_once('='))
        .find_map(|(known, number)| (known == name).then(|| number.parse().ok())?)
        .with_context(|| {
            format!("`file_modes` names {name:?}: give a number, or declare it in `userid` as NAME=NUMBER")
        })
}

/// The name behind a user's (`part` 0) or group's (`part` 1) number.
///
/// # Errors
/// A number that `user_id` gives no name.
pub fn name(id: u32, user_id: &str, part: usize) -> Result<&str> {
    if id == 0 {
        return Ok("root");
    }
    user_id
        .split_whitespace()
        .filter_map(|pair| pair.split(':').nth(part)?.split_once('='))
        .find_map(|(known, number)| (number.parse() == Ok(id)).then_some(known))
        .with_context(|| {
            let what = if part == 0 { "user" } else { "group" };
            format!(
                "it belongs to {what} {id}, and an apk has names: declare it in `userid` as NAME={id}"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::super::tree::Entry;
    use super::*;

    #[test]
    fn entries_are_read_from_the_right() {
        let entry: FileMode = "/etc/a:b:root:1000:4755".parse().unwrap();
        assert_eq!(entry.path.absolute(), "/etc/a:b");
        assert_eq!(
            (entry.user.as_str(), entry.group.as_str(), entry.mode),
            ("root", "1000", 0o4755)
        );
        for text in [
            "/x:root:0644",
            "x:root:root:0644",
            "/x:root:root:u+s",
            "/x:root:root:10000",
            "/x::root:1",
        ] {
            let error = text.parse::<FileMode>().unwrap_err().to_string();
            assert!(error.contains("/PATH:USER:GROUP:MODE"), "{error}");
        }
    }

    #[test]
    fn chmod_follows_links_and_keeps_the_bits_of_directories() {
        let path = |raw: &str| TreePath::new(raw).unwrap();
        let mut tree = Tree::default();
        tree.insert(path("d"), Entry::dir(0o2775)).unwrap();
        tree.insert(path("e"), Entry::dir(0o2775)).unwrap();
        tree.insert(path("f"), Entry::file(0o4755, *b"")).unwrap();
        tree.insert(path("l"), Entry::symlink("f")).unwrap();
        tree.insert(path("out"), Entry::symlink("/f")).unwrap();
        let modes = [
            "/d:root:root:0750",
            "/e:root:root:00750",
            "/l:some:other:0600",
        ];
        let modes: Vec<FileMode> = modes.iter().map(|mode| mode.parse().unwrap()).collect();
        apply(&mut tree, &modes, "some=5:other=6").unwrap();
        let found = |name: &str| {
            let entry = tree.get(&path(name)).unwrap();
            (entry.uid, entry.gid, entry.mode)
        };
        assert_eq!(found("d"), (0, 0, 0o2750));
        assert_eq!(found("e"), (0, 0, 0o750));
        assert_eq!(found("f"), (5, 6, 0o600));
        assert_eq!(found("l"), (0, 0, 0o777));
        for (mode, expected) in [
            ("/out:root:root:0600", "a link out of the package"),
            ("/none:root:root:0600", "not in the package"),
        ] {
            let error = apply(&mut tree, &[mode.parse().unwrap()], "").unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn names_come_from_userid() {
        let user_id = "guser=4001:ggroup=4002 other:x";
        assert_eq!(number("guser", user_id, 0).unwrap(), 4001);
        assert_eq!(number("ggroup", user_id, 1).unwrap(), 4002);
        assert_eq!(number("root", "", 1).unwrap(), 0);
        let error = number("other", user_id, 0).unwrap_err().to_string();
        assert!(error.contains("declare it in `userid`"), "{error}");
    }
}
