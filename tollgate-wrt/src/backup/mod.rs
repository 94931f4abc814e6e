//! All of the router's money in one file: the ledger, the key, the settings.
//!
//! ```text
//! tollgate-wrt backup 1
//! {"made":1790000000,"version":"0.1.0","records":2}
//! {"file":{"name":"identities","mode":384,"text":"…"}}
//! {"record":{…}}
//! {"record":{…}}
//! sha256 <64 hexadecimal digits, of all lines above>
//! ```
//!
//! Records are the journal's ([`crate::ledger::record`]), the fewest that add
//! up to the state. A file without its last line was cut off, and is refused.

mod restore;

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin_hashes::hex::DisplayHex as _;
use bitcoin_hashes::{Hash as _, sha256};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::journal::disk::Directory;
use crate::ledger::record::Record;
use crate::ledger::{self, State};
use crate::paths::Paths;

pub use restore::{Done, How, Onto, restore};

/// The first line.
pub const HEAD: &str = "tollgate-wrt backup 1";

/// What every version's first line begins with.
const NAME: &str = "tollgate-wrt backup ";

/// Largest backup that is read, in bytes: a journal of the largest size, and more.
pub const MAX_LENGTH: u64 = 96 << 20;

/// Only the owner: whoever has a backup has the money and the key.
pub const MODE: u32 = 0o600;

/// A file beside the ledger that belongs to the router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Which: see [`place`].
    pub name: String,
    /// Its permissions.
    pub mode: u32,
    /// What it holds.
    pub text: String,
}

/// A backup.
#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    /// When it was made, in seconds since 1970, by the router's clock.
    pub made: u64,
    /// The version that has made it.
    pub version: String,
    /// The key and the settings.
    pub files: Vec<Saved>,
    /// The ledger.
    pub records: Vec<Record>,
}

/// Why a text is no backup, or not one that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(pub String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    made: u64,
    version: String,
    records: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LineOut<'a> {
    File(&'a Saved),
    Record(&'a Record),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum LineIn {
    File(Saved),
    Record(Box<Record>),
}

/// Where a saved file belongs; `None` for a name that this version does not know.
pub fn place(paths: &Paths, name: &str) -> Option<PathBuf> {
    match name {
        "identities" => Some(paths.identities()),
        "config" => Some(paths.config()),
        "uci" => Some(paths.uci()),
        _ => None,
    }
}

const FILES: [&str; 3] = ["identities", "config", "uci"];

impl Backup {
    /// A backup of a ledger, with the files that are there now.
    ///
    /// # Errors
    /// A file that is there cannot be read.
    pub fn new(paths: &Paths, records: Vec<Record>) -> io::Result<Self> {
        let mut saved = Vec::new();
        for (name, path) in FILES
            .iter()
            .filter_map(|name| Some((name, place(paths, name)?)))
        {
            let text = match files::read_text(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let what = format!("{}: {error}", path.display());
                    return Err(io::Error::new(error.kind(), what));
                }
            };
            let mode = std::fs::metadata(&path)?.mode() & 0o777;
            saved.push(Saved {
                name: (*name).to_owned(),
                mode,
                text,
            });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            made: now.map_or(0, |now| now.as_secs()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            files: saved,
            records,
        })
    }

    /// A backup of a router whose daemon does not run. Changes nothing.
    ///
    /// # Errors
    /// `WouldBlock` if the daemon runs, else what the system says, or that the
    /// journal cannot be read.
    pub fn offline(paths: &Paths) -> io::Result<Self> {
        let directory = paths.money();
        let state = match directory.is_dir() {
            true => ledger::read(&mut Directory::open(&directory)?)?.0,
            false => State::default(),
        };
        Self::new(paths, state.records())
    }

    /// The file's text.
    ///
    /// # Errors
    /// None of it is anything that JSON cannot say.
    pub fn to_text(&self) -> io::Result<String> {
        let head = Head {
            made: self.made,
            version: self.version.clone(),
            records: self.records.len(),
        };
        let mut text = format!("{HEAD}\n{}\n", serde_json::to_string(&head)?);
        let files = self.files.iter().map(LineOut::File);
        for line in files.chain(self.records.iter().map(LineOut::Record)) {
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        let sum = sha256::Hash::hash(text.as_bytes());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "sha256 {}", sum.as_byte_array().to_lower_hex_string());
        Ok(text)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// It is no backup, of another version, cut off or changed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let error = |what: &str| Error(what.to_owned());
        if text.lines().next() != Some(HEAD) {
            return Err(match text.starts_with(NAME) {
                true => error("a backup of another version of tollgate-wrt, which can read it"),
                false => error("no backup of tollgate-wrt"),
            });
        }
        let end = text
            .strip_suffix('\n')
            .and_then(|body| body.rfind('\n'))
            .map_or(0, |newline| newline + 1);
        let (body, last) = text.split_at(end);
        let sum = last
            .strip_prefix("sha256 ")
            .and_then(|sum| sum.strip_suffix('\n'))
            .ok_or_else(|| error("cut off: its last line, the checksum, is missing"))?;
        let found = sha256::Hash::hash(body.as_bytes());
        if found.as_byte_array().to_lower_hex_string() != sum {
            return Err(error("damaged: it does not fit its checksum"));
        }
        let mut lines = body.lines().enumerate().skip(1);
        let wrong = |number: usize, why: &dyn std::fmt::Display| {
            Error(format!(
                "line {}: not known to this version of tollgate-wrt: {why}",
                number + 1
            ))
        };
        let (number, head) = lines.next().unwrap_or((1, ""));
        let head: Head = serde_json::from_str(head).map_err(|why| wrong(number, &why))?;
        let mut backup = Self {
            made: head.made,
            version: head.version,
            files: Vec::new(),
            records: Vec::new(),
        };
        for (number, line) in lines {
            let line: LineIn = serde_json::from_str(line).map_err(|why| wrong(number, &why))?;
            match line {
                LineIn::Record(record) => backup.records.push(*record),
                LineIn::File(saved) => backup.files.push(saved),
            }
        }
        if backup.records.len() != head.records {
            return Err(error("damaged: records are missing"));
        }
        Ok(backup)
    }

    /// The ledger.
    pub fn state(&self) -> State {
        let mut state = State::default();
        self.records.iter().for_each(|record| state.apply(record));
        state
    }
}

#[cfg(test)]
mod tests;
