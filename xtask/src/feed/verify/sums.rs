//! `sha256sums`: every file of the feed is in it and is as it says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::feed::{Feed, is_file};
use crate::feed::write::{SUMS, SUMS_SIGNATURE};
use crate::fingerprint::hash_file;

/// Names and hashes of a `sha256sum` list.
///
/// # Errors
/// A line that is none, by its number.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut list = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let parts = line.split_once(' ').and_then(|(hash, name)| {
            let name = name.strip_prefix(['*', ' '])?;
            let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_hash && is_plain(name)).then(|| (name.to_owned(), hash.to_ascii_lowercase()))
        });
        let (name, hash) =
            parts.with_context(|| format!("line {} is no `SHA256 *NAME`", number + 1))?;
        ensure!(
            list.insert(name, hash).is_none(),
            "line {} names a file twice",
            number + 1
        );
    }
    Ok(list)
}

/// A file name that stays in its folder.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// Checks the list, its signature, and every file.
pub(super) fn check(feed: &mut Feed, dir: &Path) {
    let Some(text) = feed.read(dir, SUMS) else {
        return;
    };
    if feed.key.is_some() || dir.join(SUMS_SIGNATURE).exists() {
        feed.check_signature(dir, SUMS, &text, SUMS_SIGNATURE);
    }
    let list = match parse(&String::from_utf8_lossy(&text)) {
        Ok(list) => list,
        Err(error) => return feed.problem(SUMS, error.to_string()),
    };
    for (name, hash) in &list {
        let path = dir.join(name);
        let found = is_file(&path).then(|| hash_file(&path).ok()).flatten();
        match found {
            Some(found) if found == *hash => {}
            Some(_) => feed.problem(name, format!("is not what {SUMS} says: its hash differs")),
            None => feed.problem(name, format!("is in {SUMS} and cannot be read here")),
        }
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    for name in entries.filter_map(|entry| Some(entry.ok()?.file_name())) {
        let name = name.to_string_lossy();
        if !list.contains_key(&*name) && ![SUMS, SUMS_SIGNATURE].contains(&&*name) {
            feed.problem(&name, format!("is in the feed and not in {SUMS}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let hash = "0".repeat(64);
        let list = parse(&format!("{hash} *a\n{hash}  b c\n")).unwrap();
        assert!(list.keys().eq(["a", "b c"]));
        for wrong in [
            "x *a".to_owned(),
            hash.clone(),
            format!("{hash} *../a"),
            format!("{hash} *.a"),
            format!("{hash} */a"),
            format!("{hash} *a\n{hash} *a"),
        ] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }
}
