//! `PKG_FILE_MODES`: owners and modes that a recipe gives to single files.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::path::TreePath;
use super::tree::Tree;

/// One entry `/path:user:group:mode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMode {
    path: TreePath,
    user: String,
    group: String,
    mode: u32,
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
        })
    }
}

/// Applies every entry; names are `root`, numbers, or those of `user_id`.
///
/// # Errors
/// A path that the tree lacks, or a name without a known number.
pub fn apply(tree: &mut Tree, modes: &[FileMode], user_id: &str) -> Result<()> {
    for entry in modes {
        let uid = number(&entry.user, user_id, 0)?;
        let gid = number(&entry.group, user_id, 1)?;
        tree.set_owner_and_mode(&entry.path, uid, gid, entry.mode)?;
    }
    Ok(())
}

/// The number behind a user (`part` 0) or group (`part` 1) name.
fn number(name: &str, user_id: &str, part: usize) -> Result<u32> {
    if name == "root" {
        return Ok(0);
    }
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    user_id
        .split_whitespace()
        .filter_map(|pair| pair.split(':').nth(part)?.split_once('='))
        .find_map(|(known, number)| (known == name).then(|| number.parse().ok())?)
        .with_context(|| {
            format!("`file_modes` names {name:?}: give a number, or declare it in `userid` as NAME=NUMBER")
        })
}

#[cfg(test)]
mod tests {
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
    fn names_come_from_userid() {
        let user_id = "guser=4001:ggroup=4002 other:x";
        assert_eq!(number("guser", user_id, 0).unwrap(), 4001);
        assert_eq!(number("ggroup", user_id, 1).unwrap(), 4002);
        assert_eq!(number("root", "", 1).unwrap(), 0);
        let error = number("other", user_id, 0).unwrap_err().to_string();
        assert!(error.contains("declare it in `userid`"), "{error}");
    }
}
