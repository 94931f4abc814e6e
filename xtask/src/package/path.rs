//! Names inside a package, ordered as GNU tar walks a sorted directory tree.

use std::cmp::Ordering;
use std::fmt;

use anyhow::{Result, bail};

/// A path below the root of a package, without a leading `/` or `./`.
///
/// Names are bytes, as in tar archives and on Linux file systems. The order is
/// that of a walk which visits every directory's entries by `strcmp`, a
/// directory's content straight after it: `a`, `a/b`, then `a+b`, `a.b`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The root directory itself.
    pub fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads `./usr/bin/x`, `/usr/bin/x` and `usr/bin/x` alike.
    ///
    /// # Errors
    /// A path with a `..` component or a NUL byte.
    pub fn new(raw: impl AsRef<[u8]>) -> Result<Self> {
        let raw = raw.as_ref();
        if raw.contains(&0) {
            bail!(
                "path {:?} contains a NUL byte",
                String::from_utf8_lossy(raw)
            );
        }
        let mut clean = Vec::with_capacity(raw.len());
        for component in raw.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => continue,
                b".." => bail!(
                    "path {:?} leaves the package (`..`)",
                    String::from_utf8_lossy(raw)
                ),
                name => {
                    if !clean.is_empty() {
                        clean.push(b'/');
                    }
                    clean.extend_from_slice(name);
                }
            }
        }
        Ok(Self(clean))
    }

    /// The bytes, without a leading `/`; empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True for the root directory.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that holds this entry; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let cut = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..cut].to_vec()))
    }

    /// The names from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
    }

    /// True when `self` lies below `directory` (or is it).
    pub fn is_below(&self, directory: &Self) -> bool {
        directory.is_root()
            || self.0 == directory.0
            || (self.0.starts_with(&directory.0) && self.0.get(directory.0.len()) == Some(&b'/'))
    }

    /// `./path` as tar archives name it, with a `/` at a directory's end.
    pub fn tar_name(&self, is_dir: bool) -> Vec<u8> {
        let mut name = b"./".to_vec();
        name.extend_from_slice(&self.0);
        if is_dir && !self.is_root() {
            name.push(b'/');
        }
        name
    }

    /// `/path` as control files name it.
    pub fn absolute(&self) -> String {
        format!("/{}", String::from_utf8_lossy(&self.0))
    }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.absolute())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.absolute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> TreePath {
        TreePath::new(raw).unwrap()
    }

    #[test]
    fn spellings_of_one_path_are_equal() {
        for raw in [
            "usr/bin/x",
            "/usr/bin/x",
            "./usr/bin/x",
            "//usr/./bin//x",
            "usr/bin/x/",
        ] {
            assert_eq!(path(raw), path("usr/bin/x"));
        }
        assert!(path("./").is_root());
    }

    #[test]
    fn a_directory_comes_before_its_content_and_names_sort_by_bytes() {
        let mut names: Vec<_> = ["a.b", "a-b", "a/b", "a+b", "a", "B", "a/é", "a/z"]
            .map(path)
            .into();
        names.sort();
        let sorted: Vec<_> = names.iter().map(TreePath::absolute).collect();
        assert_eq!(
            sorted,
            ["/B", "/a", "/a/b", "/a/z", "/a/é", "/a+b", "/a-b", "/a.b"]
        );
    }

    #[test]
    fn paths_that_leave_the_package_are_refused() {
        for raw in ["../x", "usr/../../x", "a/.."] {
            assert!(
                TreePath::new(raw).unwrap_err().to_string().contains("`..`"),
                "{raw}"
            );
        }
        assert!(TreePath::new(b"a\0b").is_err());
    }

    #[test]
    fn parents_and_below() {
        assert_eq!(path("usr/bin/x").parent(), Some(path("usr/bin")));
        assert_eq!(path("usr").parent(), Some(TreePath::root()));
        assert_eq!(TreePath::root().parent(), None);
        assert!(path("etc/a/b").is_below(&path("etc/a")));
        assert!(!path("etc/ab").is_below(&path("etc/a")));
    }
}
