//! An entry's record: its inputs, and every file with size and hash.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::fingerprint::{Inputs, Reason, hash_file};
use crate::util::fs;

/// The record's name in its entry.
pub(super) const MANIFEST: &str = "manifest.json";

/// An entry's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// What it was made from.
    pub inputs: Inputs,
    /// Its files by path below the entry.
    pub files: BTreeMap<String, FileRecord>,
}

/// One file of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex; of the target for a symbolic link.
    pub sha256: String,
}

/// How closely an entry is compared with its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// These files are there. An entry only gets its place when it is whole, so
    /// this is enough for tens of thousands of files that are used all the time.
    Named(&'static [&'static str]),
    /// Every file is there with its size.
    Sizes,
    /// Every byte.
    Hashes,
}

/// Compares an entry with its record.
///
/// # Errors
/// Every difference; a first build where the entry does not exist.
pub fn verify(entry: &Path, check: Check) -> Result<(), Vec<Reason>> {
    if !entry.exists() {
        return Err(vec![Reason::FirstBuild]);
    }
    if let Check::Named(files) = check {
        let missing: Vec<Reason> = files
            .iter()
            .filter(|file| !entry.join(file).is_file())
            .map(|file| Reason::FileMissing {
                path: (*file).to_owned(),
            })
            .collect();
        return if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        };
    }
    let manifest = read_manifest(entry).map_err(|error| {
        vec![Reason::RecordBroken {
            why: format!("{error:#}"),
        }]
    })?;
    // Hashing a standard library is most of a no-op build: two cores do it, and
    // the largest file, half of the whole, comes first.
    let mut files: Vec<_> = manifest.files.iter().collect();
    files.sort_by_key(|(_, record)| std::cmp::Reverse(record.size));
    let next = AtomicUsize::new(0);
    let compare_some = || {
        let mut reasons = Vec::new();
        while let Some((path, record)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            reasons.extend(compare(entry, path, record, check));
        }
        reasons
    };
    let reasons: Vec<Reason> = std::thread::scope(|scope| {
        let other = scope.spawn(compare_some);
        let mut reasons = compare_some();
        reasons.extend(other.join().unwrap_or_else(|_| vec![unreadable()]));
        reasons
    });
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(reasons)
    }
}

/// Compares every byte of an entry with its record, and looks for files that
/// the record does not know; gives the number of files.
///
/// # Errors
/// Every difference; a first build where the entry does not exist.
pub fn verify_whole(entry: &Path) -> Result<usize, Vec<Reason>> {
    verify(entry, Check::Hashes)?;
    let broken = |why: String| vec![Reason::RecordBroken { why }];
    let manifest = read_manifest(entry).map_err(|error| broken(format!("{error:#}")))?;
    let mut added = Vec::new();
    for found in walkdir::WalkDir::new(entry).sort_by_file_name() {
        let found = found.map_err(|error| broken(error.to_string()))?;
        let path = found.path().strip_prefix(entry).unwrap_or(found.path());
        let path = path.to_string_lossy();
        if !found.file_type().is_dir() && path != MANIFEST && !manifest.files.contains_key(&*path) {
            added.push(Reason::FileAdded {
                path: path.into_owned(),
            });
        }
    }
    match added.is_empty() {
        true => Ok(manifest.files.len()),
        false => Err(added),
    }
}

fn unreadable() -> Reason {
    Reason::RecordBroken {
        why: "it could not be compared".to_owned(),
    }
}

fn compare(entry: &Path, path: &str, record: &FileRecord, check: Check) -> Option<Reason> {
    let file = entry.join(path);
    let Ok(found) = std::fs::symlink_metadata(&file) else {
        return Some(Reason::FileMissing {
            path: path.to_owned(),
        });
    };
    let changed = |old: String, new: String| {
        Some(Reason::FileChanged {
            path: path.to_owned(),
            old,
            new,
        })
    };
    if found.is_file() && found.len() != record.size {
        return changed(
            format!("{} bytes", record.size),
            format!("{} bytes", found.len()),
        );
    }
    if check == Check::Hashes {
        return match describe(&file) {
            Ok(now) if now.sha256 == record.sha256 => None,
            Ok(now) => changed(
                record.sha256[..12.min(record.sha256.len())].to_owned(),
                now.sha256[..12].to_owned(),
            ),
            Err(_) => Some(Reason::FileMissing {
                path: path.to_owned(),
            }),
        };
    }
    None
}

pub(super) fn read_manifest(entry: &Path) -> Result<Manifest> {
    let text = fs::read(&entry.join(MANIFEST))?;
    serde_json::from_slice(&text).with_context(|| format!("read {MANIFEST}"))
}

/// What an entry was made from.
///
/// # Errors
/// When it has no readable record.
pub fn made_from(entry: &Path) -> Result<Inputs> {
    read_manifest(entry).map(|manifest| manifest.inputs)
}

/// Writes the record of a finished entry.
pub(super) fn record(entry: &Path, inputs: &Inputs) -> Result<()> {
    let mut files = BTreeMap::new();
    for found in walkdir::WalkDir::new(entry).sort_by_file_name() {
        let found = found.with_context(|| format!("walk {}", entry.display()))?;
        if found.file_type().is_dir() {
            continue;
        }
        let path = found.path().strip_prefix(entry).unwrap_or(found.path());
        let record =
            describe(found.path()).with_context(|| format!("hash {}", found.path().display()))?;
        files.insert(path.to_string_lossy().into_owned(), record);
    }
    let manifest = Manifest {
        inputs: inputs.clone(),
        files,
    };
    let json = serde_json::to_vec_pretty(&manifest).context("write the manifest")?;
    fs::write_atomic(&entry.join(MANIFEST), &json, 0o644)
}

fn describe(file: &Path) -> std::io::Result<FileRecord> {
    let found = std::fs::symlink_metadata(file)?;
    if found.is_symlink() {
        use std::os::unix::ffi::OsStrExt;
        let target = std::fs::read_link(file)?;
        let hash = <sha2::Sha256 as sha2::Digest>::digest(target.as_os_str().as_bytes());
        return Ok(FileRecord {
            size: 0,
            sha256: crate::fingerprint::hex(&hash),
        });
    }
    Ok(FileRecord {
        size: found.len(),
        sha256: hash_file(file)?,
    })
}
