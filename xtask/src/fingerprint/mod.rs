//! Fingerprints: a hash decides whether something must be built again, a
//! record of named inputs explains why.
//!
//! | in | out |
//! |---|---|
//! | compiler version and where it comes from | the crate's sources and Cargo.lock |
//! | target, flags, profile, features | file times and the order of directories |
//! | tool versions and their hashes | absolute paths, the machine's name |
//! | of an image: its base, the feeds' commits, `.config`, Dockerfile and scripts | files that the Dockerfile does not copy |
//!
//! What is *not* noticed: a compiler that was exchanged in place while it calls
//! itself the same version. The `debian` provider's files are hashed when they
//! are unpacked and `doctor` compares them; rustup's are taken at their word.

mod reason;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use reason::{Reason, join, join_short};

/// Raise it when the meaning of an input or the way it is built changes:
/// everything is then built once more.
pub const FINGERPRINT_SCHEMA: u32 = 1;

/// The named inputs of something that is built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// No inputs yet but the schema.
    pub fn new() -> Self {
        Self::default().with("schema", FINGERPRINT_SCHEMA.to_string())
    }

    /// Adds one input.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The value of an input.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every input by name, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// SHA-256 of the canonical JSON (sorted keys, no white space), in hex.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(&self.0).expect("a map of strings is JSON");
        hex(&Sha256::digest(json))
    }

    /// The first 12 digits of the digest: what names and tags carry.
    pub fn short(&self) -> String {
        self.digest()[..12].to_owned()
    }

    /// What changed from `old` to `self`, one reason an input.
    pub fn differences(&self, old: &Self) -> Vec<Reason> {
        let names = self
            .0
            .keys()
            .chain(old.0.keys().filter(|name| !self.0.contains_key(*name)));
        names
            .filter(|name| self.0.get(*name) != old.0.get(*name))
            .map(|name| match (old.get(name), self.get(name)) {
                (Some(old), Some(new)) => Reason::InputChanged {
                    name: name.clone(),
                    old: old.to_owned(),
                    new: new.to_owned(),
                },
                (Some(old), None) => Reason::InputRemoved {
                    name: name.clone(),
                    old: old.to_owned(),
                },
                (None, new) => Reason::InputAdded {
                    name: name.clone(),
                    new: new.unwrap_or_default().to_owned(),
                },
            })
            .collect()
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a file's content in hex, read piecewise.
///
/// # Errors
/// I/O errors.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_inputs_does_not_matter() {
        let a = Inputs::new().with("target", "mips").with("flags", "-x");
        let b = Inputs::new().with("flags", "-x").with("target", "mips");
        assert_eq!(a.digest(), b.digest());
        assert_ne!(a.digest(), a.clone().with("flags", "-y").digest());
        assert_eq!(a.short().len(), 12);
    }

    #[test]
    fn the_canonical_form_is_fixed() {
        let inputs = Inputs::new().with("a", "1");
        assert_eq!(
            serde_json::to_string(&inputs).unwrap(),
            r#"{"a":"1","schema":"1"}"#
        );
        // printf '{"a":"1","schema":"1"}' | sha256sum
        assert_eq!(
            inputs.digest(),
            "ce96f179b87961e2a314c451a4877a4a3a4be7701fdca5360337f57a8f8baff7"
        );
    }

    #[test]
    fn differences_name_each_input() {
        let old = Inputs::new().with("rustc", "1.95.0").with("gone", "x");
        let new = Inputs::new().with("rustc", "1.96.0").with("added", "y");
        let sentences: Vec<_> = new
            .differences(&old)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            sentences,
            [
                "added is new: y",
                "rustc changed from 1.95.0 to 1.96.0",
                "gone is no longer an input (was x)"
            ]
        );
        assert!(new.differences(&new).is_empty());
    }
}
