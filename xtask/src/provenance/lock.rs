//! Cargo.lock: where each crate comes from, its hash, and what it depends on.

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// A lock file that was read.
#[derive(Debug, Default, Deserialize)]
pub struct Lock {
    #[serde(default, rename = "package")]
    packages: Vec<Locked>,
}

/// One crate of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Locked {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `registry+URL` or `git+URL`; absent for folders.
    pub source: Option<String>,
    /// SHA-256 of the `.crate` file in hex; registries' crates have one.
    pub checksum: Option<String>,
    /// `name`, `name version` or `name version (source)`, of every kind.
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    /// Reads the text of a Cargo.lock.
    ///
    /// # Errors
    /// Another format.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("read Cargo.lock")
    }

    /// The crate of that name and version.
    pub fn find(&self, name: &str, version: &str) -> Option<&Locked> {
        let mut packages = self.packages.iter();
        packages.find(|one| one.name == name && one.version == version)
    }

    /// Every crate.
    pub fn iter(&self) -> impl Iterator<Item = &Locked> {
        self.packages.iter()
    }

    /// What `package` depends on, for whatever purpose: names and versions.
    pub fn depends<'a>(&'a self, package: &'a Locked) -> impl Iterator<Item = &'a Locked> {
        package.dependencies.iter().filter_map(|line| {
            let mut words = line.split(' ');
            let (name, version) = (words.next()?, words.next());
            self.packages.iter().find(|one| {
                one.name == name && version.is_none_or(|version| one.version == version)
            })
        })
    }
}

impl Locked {
    /// Package URL (purl-spec, type `cargo`); a crate of another registry or of
    /// git names it.
    pub fn purl(&self) -> String {
        let base = format!("pkg:cargo/{}@{}", self.name, encoded(&self.version));
        match self.source.as_deref() {
            Some(source) if source.starts_with("git+") => {
                format!("{base}?vcs_url={}", encoded(source))
            }
            Some(source) if !is_crates_io(source) => {
                let url = source.split_once('+').map_or(source, |(_, url)| url);
                format!("{base}?repository_url={}", encoded(url))
            }
            _ => base,
        }
    }
}

/// True for the registry that cargo uses by itself, as lock files name it.
pub fn is_crates_io(source: &str) -> bool {
    source == "registry+https://github.com/rust-lang/crates.io-index"
}

/// Percent-encoding of what a purl may not hold.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_and_addresses() {
        let lock = Lock::parse(
            "version = 4\n[[package]]\nname = 'a'\nversion = '1.0.0+x'\ndependencies = ['b 2.0.0', 'c']\n\
             [[package]]\nname = 'b'\nversion = '1.0.0'\nsource = 'registry+https://github.com/rust-lang/crates.io-index'\n\
             [[package]]\nname = 'b'\nversion = '2.0.0'\nsource = 'git+https://example.org/b?rev=1#2'\n\
             [[package]]\nname = 'c'\nversion = '3.0.0'\nsource = 'registry+https://example.org/index'\n",
        )
        .unwrap();
        let a = lock.find("a", "1.0.0+x").unwrap();
        assert_eq!(a.purl(), "pkg:cargo/a@1.0.0%2Bx");
        let found: Vec<String> = lock.depends(a).map(Locked::purl).collect();
        let wanted = [
            "pkg:cargo/b@2.0.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fb%3Frev%3D1%232",
            "pkg:cargo/c@3.0.0?repository_url=https:%2F%2Fexample.org%2Findex",
        ];
        assert_eq!(found, wanted);
        assert_eq!(lock.find("b", "1.0.0").unwrap().purl(), "pkg:cargo/b@1.0.0");
    }
}
