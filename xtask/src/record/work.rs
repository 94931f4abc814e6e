//! What cargo compiled, by whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lines;

/// A path where nothing is.
const NOWHERE: &str = "/nonexistent";

/// A crate that cargo compiled, as its messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// `name@version`.
    pub name: String,
    /// It comes from a folder, not from a registry or a repository.
    pub is_path: bool,
    /// Its Cargo.toml.
    pub manifest: PathBuf,
}

/// A crate that was compiled, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// `name@version`.
    pub name: String,
    /// cargo's own words; absent when it was not compiled there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What cargo compiled: each crate once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Crates of the user's own folders.
    pub own: Vec<Piece>,
    /// Crates of the standard library: of the toolchain.
    pub std: Vec<Piece>,
    /// Crates of others: never of the toolchain.
    pub dependencies: Vec<Piece>,
}

impl Work {
    /// Sorts what cargo made; `library` is where the standard library's source is.
    pub fn sort(made: &[Made], reasons: &BTreeMap<String, String>, library: &Path) -> Self {
        let mut work = Self::default();
        let mut seen = BTreeSet::new();
        for made in made.iter().filter(|made| seen.insert(&made.name)) {
            let piece = Piece {
                name: made.name.clone(),
                reason: reasons.get(&made.name).cloned(),
            };
            if made.manifest.starts_with(library) {
                work.std.push(piece);
            } else if made.is_path {
                work.own.push(piece);
            } else {
                work.dependencies.push(piece);
            }
        }
        work
    }
}

impl Work {
    /// What the recipe's cargo compiled, whose `-v` lines are in a log of
    /// OpenWrt's; its own toolchain's crates are not meant.
    pub fn of_log(log: &str) -> Self {
        let mut reasons = BTreeMap::new();
        let mut made: Vec<Made> = Vec::new();
        for line in log
            .lines()
            .skip_while(|line| !line.contains("cargo install "))
        {
            if let Some((name, reason)) = lines::dirty(line) {
                reasons.entry(name).or_insert(reason);
            } else if let Some((name, place)) = lines::compiling(line) {
                // A repository's place is an address.
                let folder = place.filter(|place| place.starts_with('/'));
                made.push(Made {
                    name,
                    is_path: folder.is_some(),
                    manifest: folder.unwrap_or_default().into(),
                });
            }
        }
        let std = made.iter().find_map(|made| {
            let library = made.manifest.parent()?;
            library
                .ends_with("rust/library")
                .then(|| library.to_owned())
        });
        Self::sort(&made, &reasons, &std.unwrap_or_else(|| NOWHERE.into()))
    }
}

impl std::fmt::Display for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{} ({reason})", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// `a, b and 3 more`, at most `most` of them by name.
pub fn list<T: ToString>(pieces: &[T], most: usize) -> String {
    let shown: Vec<String> = pieces.iter().take(most).map(ToString::to_string).collect();
    match pieces.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_the_same() {
        let work = Work::of_log(
            "   Compiling bootstrap v0.0.0\nX=y cargo install -v --root /x\n   Compiling libc v0.2.1\n       Dirty own v1.0.0 (/b/own): edited\n   Compiling own v1.0.0 (/b/own)\n\
             gcc -o x\n   Compiling git v1.0.0 (https://example.org/x#aa)\n   \
             Compiling core v0.0.0 (/r/lib/rustlib/src/rust/library/core)\n       Fresh x v1.0.0\n",
        );
        assert_eq!(list(&work.own, 9), "own@1.0.0 (edited)");
        assert_eq!(list(&work.dependencies, 9), "libc@0.2.1, git@1.0.0");
        assert_eq!(list(&work.std, 9), "core@0.0.0");
    }

    #[test]
    fn crates_are_sorted_by_whose_they_are() {
        let made = |name: &str, is_path, manifest: &str| Made {
            name: name.to_owned(),
            is_path,
            manifest: manifest.into(),
        };
        let reasons = BTreeMap::from([("own@1.0.0".to_owned(), "edited".to_owned())]);
        let work = Work::sort(
            &[
                made("core@0.0.0", true, "/rust/library/core/Cargo.toml"),
                made(
                    "memchr@2.0.0",
                    false,
                    "/rust/library/vendor/memchr/Cargo.toml",
                ),
                made("memchr@2.1.0", false, "/src/vendor/memchr/Cargo.toml"),
                made("own@1.0.0", true, "/src/Cargo.toml"),
                made("own@1.0.0", true, "/src/Cargo.toml"),
            ],
            &reasons,
            Path::new("/rust/library"),
        );
        let names = |pieces: &[Piece]| list(pieces, 9);
        assert_eq!(names(&work.std), "core@0.0.0, memchr@2.0.0");
        assert_eq!(names(&work.own), "own@1.0.0 (edited)");
        assert_eq!(names(&work.dependencies), "memchr@2.1.0");
        assert_eq!(list(&[1, 2, 3], 2), "1, 2 and 1 more");
    }
}
