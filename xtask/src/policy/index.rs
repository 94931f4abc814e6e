//! cargo's copy of the registry's index: which versions their authors took back.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What the copy says of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be had.
    Published,
    /// It was taken back.
    Yanked,
    /// The copy is older than the version, or has nothing of the crate.
    Unknown,
}

/// The copies in cargo's home: one folder for each registry.
#[derive(Debug)]
pub struct Index(Vec<PathBuf>);

impl Index {
    /// Those of `home`; none is there before cargo's first download.
    pub fn of(home: &Path) -> Self {
        let registries = std::fs::read_dir(home.join("registry/index"));
        let registries = registries.into_iter().flatten().flatten();
        Self(registries.map(|one| one.path().join(".cache")).collect())
    }

    /// What is known of a version.
    pub fn state(&self, name: &str, version: &str) -> State {
        let place = place(&name.to_lowercase());
        let mut state = State::Unknown;
        for registry in &self.0 {
            let Ok(file) = std::fs::read(registry.join(&place)) else {
                continue;
            };
            match in_file(&file, version) {
                State::Unknown => {}
                State::Yanked => return State::Yanked,
                State::Published => state = State::Published,
            }
        }
        state
    }
}

/// Where a crate's file is (The Cargo Book, "Registry Index", Index Files).
fn place(name: &str) -> String {
    match name.len() {
        0..=2 => format!("{}/{name}", name.len()),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => match (name.get(..2), name.get(2..4)) {
            (Some(a), Some(b)) => format!("{a}/{b}/{name}"),
            _ => name.to_owned(),
        },
    }
}

/// Numbers and the index's own version, then `version NUL json NUL` for each
/// (cargo, src/cargo/sources/registry/index/cache.rs).
fn in_file(file: &[u8], version: &str) -> State {
    #[derive(Deserialize)]
    struct Entry {
        vers: String,
        yanked: Option<bool>,
    }
    for part in file
        .split(|byte| *byte == 0)
        .filter(|part| part.first() == Some(&b'{'))
    {
        match serde_json::from_slice::<Entry>(part) {
            Ok(entry) if entry.vers == version => {
                return match entry.yanked {
                    Some(true) => State::Yanked,
                    _ => State::Published,
                };
            }
            _ => {}
        }
    }
    State::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_cargo_s_copy() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("registry/index/some-1/.cache/an/yh");
        std::fs::create_dir_all(&dir).unwrap();
        let text = "\u{3}\u{2}\0\0\0etag\x001.0.0\0{\"vers\": \"1.0.0\", \"yanked\": true}\0\
                    1.0.1\0{\"vers\": \"1.0.1\", \"yanked\": false}\0";
        std::fs::write(dir.join("anyhow"), text).unwrap();
        let index = Index::of(home.path());
        let states = ["1.0.0", "1.0.1", "1.0.2"].map(|version| index.state("anyhow", version));
        assert_eq!(states, [State::Yanked, State::Published, State::Unknown]);
        assert_eq!(index.state("other", "1.0.0"), State::Unknown);
        let places = ["a", "ab", "abc", "abcd"].map(place);
        assert_eq!(places, ["1/a", "2/ab", "3/a/abc", "ab/cd/abcd"]);
    }
}
