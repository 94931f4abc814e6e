//! The project's files as a git revision has them: three questions to git,
//! no checkout and no temporary file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::files::{ContextFile, Files, is_leftover, not_a_file};
use super::spec::{DOCKERFILE, FOLDERS, SDK};
use crate::config::image::SEEDS;

/// A revision's files.
#[derive(Clone, Debug)]
pub struct Revision {
    name: String,
    /// By path; `None` for a symlink or a submodule, with git's mode.
    entries: BTreeMap<String, (u32, Option<Vec<u8>>)>,
}

impl Revision {
    /// Reads the files of `revision` in the project at `root`, which may be a
    /// folder of a larger checkout.
    ///
    /// # Errors
    /// What git says: no checkout, no such revision.
    pub fn read(root: &Path, revision: &str) -> Result<Self> {
        // Git would take it for an option.
        ensure!(!revision.starts_with('-'), "no revision begins with `-`");
        let object = git(root, &["rev-parse", "--verify", "--quiet", revision], b"")?;
        let object = String::from_utf8_lossy(&object).trim().to_owned();
        let mut list = vec!["ls-tree", "-r", "-z", &object, "--"];
        // The rest of a revision is not read.
        list.extend([SDK, DOCKERFILE, SEEDS]);
        list.extend(FOLDERS);
        let listed = parse_list(&git(root, &list, b"")?)?;
        let wanted: String = listed
            .iter()
            .filter(|entry| entry.is_file())
            .map(|entry| entry.object.clone() + "\n")
            .collect();
        let answer = git(root, &["cat-file", "--batch"], wanted.as_bytes())?;
        let mut rest = answer.as_slice();
        let mut entries = BTreeMap::new();
        for entry in listed {
            let content = match entry.is_file() {
                true => Some(
                    next_blob(&mut rest)
                        .with_context(|| format!("read {} from git", entry.path))?,
                ),
                false => None,
            };
            entries.insert(entry.path, (entry.mode, content));
        }
        Ok(Self {
            name: format!("revision {revision}"),
            entries,
        })
    }

    fn entry(&self, path: &str, mode: u32, content: Option<&Vec<u8>>) -> Result<ContextFile> {
        let content = content.with_context(|| not_a_file(path, mode == SYMLINK))?;
        Ok(ContextFile::new(path, mode, content.clone()))
    }
}

impl Files for Revision {
    fn file(&self, path: &str) -> Result<Option<ContextFile>> {
        let found = self.entries.get(path);
        found
            .map(|(mode, content)| self.entry(path, *mode, content.as_ref()))
            .transpose()
    }

    fn below(&self, folder: &str) -> Result<Vec<ContextFile>> {
        let inside = |path: &str| {
            let rest = path.strip_prefix(folder)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| !rest.split('/').any(is_leftover))
        };
        self.entries
            .iter()
            .filter(|(path, _)| inside(path) == Some(true))
            .map(|(path, (mode, content))| self.entry(path, *mode, content.as_ref()))
            .collect()
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Git's modes of what is no regular file are other numbers.
const SYMLINK: u32 = 0o120_000;

/// A line of `git ls-tree`.
struct Listed {
    mode: u32,
    object: String,
    path: String,
}

impl Listed {
    fn is_file(&self) -> bool {
        matches!(self.mode, 0o100_644 | 0o100_755 | 0o100_664)
    }
}

/// `<mode> <kind> <object>\t<path>\0`, over and over.
fn parse_list(output: &[u8]) -> Result<Vec<Listed>> {
    let lines = output
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let line = std::str::from_utf8(line).context("a path in git is not UTF-8")?;
            let (head, path) = line.split_once('\t').context("read git ls-tree")?;
            let words: Vec<&str> = head.split(' ').collect();
            let [mode, _, object] = words[..] else {
                bail!("read git ls-tree: {head:?}");
            };
            Ok(Listed {
                mode: u32::from_str_radix(mode, 8).context("read git ls-tree")?,
                object: object.to_owned(),
                path: path.to_owned(),
            })
        })
        .collect()
}

/// `<object> blob <size>\n<content>\n` from the start of `rest`.
fn next_blob(rest: &mut &[u8]) -> Result<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (head, after) = rest.split_at(end.context("git cat-file ended early")?);
    let head = String::from_utf8_lossy(head);
    let size: usize = head
        .rsplit_once(' ')
        .and_then(|(_, size)| size.parse().ok())
        .with_context(|| format!("git cat-file says {head:?}"))?;
    let content = after.get(1..=size).context("git cat-file ended early")?;
    *rest = after.get(size + 2..).unwrap_or_default();
    Ok(content.to_vec())
}

fn git(root: &Path, args: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let output = duct::cmd("git", args)
        .dir(root)
        .env("LC_ALL", "C")
        .stdin_bytes(input)
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .context("start git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        match said.lines().next() {
            Some(line) => bail!("git says: {line}"),
            None => bail!("git knows no such revision"),
        }
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_follow_each_other() {
        let mut rest: &[u8] = b"aa blob 3\na\nb\nbb blob 0\n\ncc missing\n";
        assert_eq!(next_blob(&mut rest).unwrap(), b"a\nb");
        assert_eq!(next_blob(&mut rest).unwrap(), b"");
        let error = next_blob(&mut rest).unwrap_err().to_string();
        assert_eq!(error, "git cat-file says \"cc missing\"");
        assert!(next_blob(&mut b"aa blob 9\nx".as_slice()).is_err());
        assert!(next_blob(&mut b"".as_slice()).is_err());
    }

    #[test]
    fn a_revision_that_is_an_option_is_refused() {
        let error = Revision::read(Path::new("."), "--help").unwrap_err();
        assert_eq!(error.to_string(), "no revision begins with `-`");
    }
}
