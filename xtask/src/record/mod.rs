//! What a build leaves beside its packages: with what it was made, what of the
//! toolchain was made again and why, and what cargo compiled.
//!
//! It is begun before anything is compiled and written again when the package
//! is there: a build that fails or is killed leaves a record without a result,
//! which nobody believes.

pub mod lines;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::buildlog::Outcome;
use crate::fingerprint::{Inputs, Reason, hex};
use crate::util::fs;

pub use work::{Made, Piece, Work, list};

/// Raise it when a key's meaning changes.
pub const RECORD_SCHEMA: u32 = 1;

/// What built.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// With the toolchain in the cache, without Docker.
    #[default]
    Native,
    /// By OpenWrt's own build system, in a container of the SDK image.
    Sdk,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Native, Self::Sdk];

    /// As the command line and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Sdk => "sdk",
        }
    }
}

/// A build of one architecture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_SCHEMA`].
    pub schema: u32,
    /// What built.
    pub backend: Backend,
    /// OpenWrt release.
    pub release: String,
    /// OpenWrt architecture.
    pub arch: String,
    /// Absent while the build runs, and after one that failed.
    pub result: Option<Built>,
    /// SHA-256 of the record without this: an edited one is not believed.
    #[serde(default)]
    pub sum: String,
}

/// What a finished build tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Was anything of the toolchain made again in this build?
    pub verdict: Outcome,
    /// Where the compiler was to come from (`--toolchain`).
    pub choice: String,
    /// Compiler settings: `openwrt` or `openwrt-fast`.
    pub profile: String,
    /// What the toolchain's parts (`std`, `zig`; `image`) were made from.
    pub inputs: BTreeMap<String, Inputs>,
    /// The parts of the toolchain that were made in this build.
    pub made: Vec<Part>,
    /// What cargo compiled.
    pub compiled: Work,
    /// What came out.
    pub package: Package,
    /// The log of a build that OpenWrt made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogFile>,
}

/// A build's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    /// The file, relative to the record's folder or absolute.
    pub file: PathBuf,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// A part of the toolchain that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// `compiler`, `zig`, `std`; a stage of OpenWrt's.
    pub name: String,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The crate, by cargo's name.
    #[serde(rename = "crate")]
    pub crate_name: String,
    /// The package's name.
    pub name: String,
    /// Its version with release number.
    pub version: String,
    /// The file, relative to the record's folder.
    pub file: String,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// The time that its files have.
    pub epoch: u64,
}

impl Built {
    /// The verdict that follows from what was made.
    pub fn judge(made: &[Part], compiled: &Work) -> Outcome {
        match made.is_empty() && compiled.std.is_empty() {
            true => Outcome::Cached,
            false => Outcome::Recompiled,
        }
    }
}

/// Where the record of a build is.
pub fn path(dist: &Path, release: &str, arch: &str, backend: Backend) -> PathBuf {
    let name = format!("build.{}.json", backend.name());
    dist.join(release).join(arch).join(name)
}

impl Record {
    /// Writes the record of a build that begins: the last one's is gone.
    ///
    /// # Errors
    /// I/O errors with the path.
    pub fn begin(dist: &Path, release: &str, arch: &str, backend: Backend) -> Result<Self> {
        let record = Self {
            schema: RECORD_SCHEMA,
            backend,
            release: release.to_owned(),
            arch: arch.to_owned(),
            result: None,
            sum: String::new(),
        };
        record.write(dist)?;
        Ok(record)
    }

    /// Writes what came out.
    ///
    /// # Errors
    /// I/O errors with the path.
    pub fn finish(mut self, dist: &Path, result: Built) -> Result<()> {
        self.result = Some(result);
        self.write(dist)
    }

    /// Reads a record; `None` where there is none.
    ///
    /// # Errors
    /// One that cannot be read, is of another version, or was edited.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(path)?;
        let context = || format!("{} is no build record", path.display());
        let record: Self = serde_json::from_slice(&text).with_context(context)?;
        ensure!(
            record.schema == RECORD_SCHEMA,
            "{} has schema {}, not {RECORD_SCHEMA}",
            path.display(),
            record.schema
        );
        ensure!(
            record.sum == record.digest()?,
            "{} was edited: its sum is another",
            path.display()
        );
        Ok(Some(record))
    }

    fn write(&self, dist: &Path) -> Result<()> {
        let record = Self {
            sum: self.digest()?,
            ..self.clone()
        };
        let mut json = serde_json::to_vec_pretty(&record).context("write the build's record")?;
        json.push(b'\n');
        let path = path(dist, &self.release, &self.arch, self.backend);
        fs::write_atomic(&path, &json, 0o644)
    }

    fn digest(&self) -> Result<String> {
        let bare = Self {
            sum: String::new(),
            ..self.clone()
        };
        let json = serde_json::to_vec(&bare).context("sum up the build's record")?;
        Ok(hex(&Sha256::digest(json)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Built {
        Built {
            verdict: Outcome::Cached,
            choice: "auto".to_owned(),
            profile: "openwrt".to_owned(),
            inputs: BTreeMap::from([("std".to_owned(), Inputs::new().with("rustc", "1.96.0"))]),
            made: vec![Part {
                name: "std".to_owned(),
                reasons: vec![Reason::FirstBuild],
            }],
            compiled: Work::default(),
            package: Package {
                crate_name: "x".to_owned(),
                name: "x".to_owned(),
                version: "1-r1".to_owned(),
                file: "x.ipk".to_owned(),
                size: 1,
                sha256: "00".to_owned(),
                epoch: 1,
            },
            log: None,
        }
    }

    #[test]
    fn a_record_is_begun_finished_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), "24.10", "mips_24kc", Backend::Native);
        assert!(path.ends_with("24.10/mips_24kc/build.native.json"));
        assert_eq!(Record::read(&path).unwrap(), None);
        let begin = || Record::begin(dir.path(), "24.10", "mips_24kc", Backend::Native).unwrap();
        begin().finish(dir.path(), built()).unwrap();
        assert_eq!(Record::read(&path).unwrap().unwrap().result, Some(built()));
        begin();
        assert_eq!(
            Record::read(&path).unwrap().unwrap().result,
            None,
            "the last build's is gone"
        );
    }

    #[test]
    fn what_was_edited_or_cut_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), "24.10", "mips_24kc", Backend::Sdk);
        let record = Record::begin(dir.path(), "24.10", "mips_24kc", Backend::Sdk).unwrap();
        record.finish(dir.path(), built()).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let edits: [(&str, &str, &str); 5] = [
            ("first-build\"", "first-build\" ", "ok"),
            ("\"cached\"", "\"recompiled\"", "was edited"),
            ("\"1.96.0\"", "\"1.97.0\"", "was edited"),
            ("\"schema\": 1", "\"schema\": 2", "has schema 2, not 1"),
            ("\"choice\"", "\"chosen\"", "is no build record"),
        ];
        for (from, to, expected) in edits {
            assert!(good.contains(from), "{good}");
            std::fs::write(&path, good.replace(from, to)).unwrap();
            let told = match Record::read(&path) {
                Ok(_) => "ok".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(told.contains(expected), "{to}: {told}");
        }
        for length in 0..good.len() - 2 {
            std::fs::write(&path, &good[..length]).unwrap();
            assert!(Record::read(&path).is_err(), "{length} bytes");
        }
    }
}
