//! The user's cache directory: entries that are whole or absent.
//!
//! An entry is a directory with a `manifest.json` that names its inputs and
//! every file in it with size and SHA-256. It is built beside its place, under
//! a lock, and renamed: a killed build leaves nothing that a later run believes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::fingerprint::{Inputs, Reason, hash_file, join};
use crate::util::ui::Ui;
use crate::util::{fs, lock};

const MANIFEST: &str = "manifest.json";

/// The directory that holds everything this tool downloads or prebuilds.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

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

/// A finished entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its directory.
    pub path: PathBuf,
    /// What it was made from.
    pub inputs: Inputs,
    /// Why it was built just now; empty when it was there.
    pub built: Vec<Reason>,
}

impl Cache {
    /// `$XTASK_CACHE_DIR`, else `tollgate-xtask` in `$XDG_CACHE_HOME` or
    /// `~/.cache` (XDG Base Directory Specification).
    ///
    /// # Errors
    /// When none of the variables is set.
    pub fn open() -> Result<Self> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = set("XTASK_CACHE_DIR")
            .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("tollgate-xtask")))
            .or_else(|| set("HOME").map(|dir| dir.join(".cache/tollgate-xtask")))
            .context("find a cache directory: set HOME, XDG_CACHE_HOME or XTASK_CACHE_DIR")?;
        Ok(Self {
            root: std::path::absolute(root).context("find the cache directory")?,
        })
    }

    /// A cache in a directory of its own.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A path in the cache.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The entry `kind/name-<fingerprint>`; built by `build` (into the empty
    /// directory it is given) when it is absent or does not pass `check`.
    ///
    /// # Errors
    /// Those of `build`; I/O. Nothing is left behind then.
    pub fn ensure(
        &self,
        (kind, name): (&str, &str),
        inputs: &Inputs,
        check: Check,
        ui: &Ui,
        build: impl FnOnce(&Path, &[Reason]) -> Result<()>,
    ) -> Result<Entry> {
        let path = self.entry_path(kind, name, inputs);
        let ready = |built| Entry {
            path: path.clone(),
            inputs: inputs.clone(),
            built,
        };
        if verify(&path, check).is_ok() {
            return Ok(ready(Vec::new()));
        }
        let lock = self.path(&format!("locks/{kind}-{name}-{}.lock", inputs.short()));
        let _lock = lock::take(&lock, &format!("{kind} {name}"), ui)?;
        // Another run may have built it meanwhile.
        let reasons = match verify(&path, check) {
            Ok(()) => return Ok(ready(Vec::new())),
            Err(_) if !path.exists() => self.why_absent(kind, name, inputs),
            Err(broken) => {
                ui.warn(&format!(
                    "{} is not usable and is made again: {}",
                    path.display(),
                    join(&broken)
                ));
                broken
            }
        };
        let fresh = self.path(&format!("{kind}/.new-{name}-{}", inputs.short()));
        fs::remove_dir(&fresh)?;
        fs::create_dirs(&fresh)?;
        let made = build(&fresh, &reasons)
            .and_then(|()| record(&fresh, inputs))
            .and_then(|()| {
                fs::remove_dir(&path)?;
                std::fs::rename(&fresh, &path)
                    .with_context(|| format!("move {} to its place", fresh.display()))
            });
        if made.is_err() {
            fs::remove_dir(&fresh)?;
        }
        made.map(|()| ready(reasons))
    }

    /// Finished entries `kind/name-<fingerprint>`, newest first.
    pub fn find(&self, kind: &str, name: &str) -> Vec<Entry> {
        let mut found: Vec<(std::time::SystemTime, Entry)> = std::fs::read_dir(self.path(kind))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                let file = entry.file_name();
                let rest = file
                    .to_str()
                    .and_then(|file| file.strip_prefix(name)?.strip_prefix('-'));
                rest.is_some_and(|short| short.len() == 12 && !short.contains('-'))
            })
            .filter_map(|entry| {
                let manifest = read_manifest(&entry.path()).ok()?;
                let time = entry.metadata().ok()?.modified().ok()?;
                Some((
                    time,
                    Entry {
                        path: entry.path(),
                        inputs: manifest.inputs,
                        built: Vec::new(),
                    },
                ))
            })
            .collect();
        found.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Where the entry for these inputs is or would be.
    pub fn entry_path(&self, kind: &str, name: &str, inputs: &Inputs) -> PathBuf {
        self.path(&format!("{kind}/{name}-{}", inputs.short()))
    }

    /// What differs from the newest entry of the same name.
    pub fn why_absent(&self, kind: &str, name: &str, inputs: &Inputs) -> Vec<Reason> {
        match self.find(kind, name).first() {
            Some(previous) => inputs.differences(&previous.inputs),
            None => vec![Reason::FirstBuild],
        }
    }
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
    let half = manifest.files.len().div_ceil(2).max(1);
    let files: Vec<_> = manifest.files.iter().collect();
    // Hashing a standard library is most of a no-op build: use two cores.
    let reasons: Vec<Reason> = std::thread::scope(|scope| {
        let parts: Vec<_> = files
            .chunks(half)
            .map(|part| {
                scope.spawn(move || {
                    part.iter()
                        .filter_map(|(p, r)| compare(entry, p, r, check))
                        .collect()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|_| vec![unreadable()]))
            .collect()
    });
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(reasons)
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

fn read_manifest(entry: &Path) -> Result<Manifest> {
    let text = fs::read(&entry.join(MANIFEST))?;
    serde_json::from_slice(&text).with_context(|| format!("read {MANIFEST}"))
}

/// Writes the record of a finished entry.
fn record(entry: &Path, inputs: &Inputs) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn build(content: &'static str) -> impl FnOnce(&Path, &[Reason]) -> Result<()> {
        move |dir, _| {
            std::fs::write(dir.join("file"), content)?;
            std::os::unix::fs::symlink("file", dir.join("link"))?;
            Ok(())
        }
    }

    fn ensure(cache: &Cache, inputs: &Inputs, content: &'static str) -> Result<Entry> {
        cache.ensure(
            ("std", "mips"),
            inputs,
            Check::Hashes,
            &Ui::default(),
            build(content),
        )
    }

    #[test]
    fn an_entry_is_built_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let inputs = Inputs::new().with("rustc", "1.96.0");
        let entry = ensure(&cache, &inputs, "one").unwrap();
        assert_eq!(entry.built, [Reason::FirstBuild]);
        assert_eq!(ensure(&cache, &inputs, "two").unwrap().built, []);
        assert_eq!(std::fs::read(entry.path.join("link")).unwrap(), b"one");

        let newer = Inputs::new().with("rustc", "1.97.0");
        let reasons = ensure(&cache, &newer, "three").unwrap().built;
        assert_eq!(join(&reasons), "rustc changed from 1.96.0 to 1.97.0");
        assert_eq!(cache.find("std", "mips").len(), 2);
    }

    #[test]
    fn a_damaged_entry_is_named_and_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let inputs = Inputs::new();
        let path = ensure(&cache, &inputs, "one").unwrap().path;
        type Damage = (fn(&Path), &'static str);
        let damages: [Damage; 5] = [
            (
                |entry| std::fs::write(entry.join("file"), "eno").unwrap(),
                "file is corrupted",
            ),
            (
                |entry| std::fs::write(entry.join("file"), "").unwrap(),
                "0 bytes where the record says 3 bytes",
            ),
            (
                |entry| std::fs::remove_file(entry.join("file")).unwrap(),
                "file is missing",
            ),
            (
                |entry| std::fs::write(entry.join(MANIFEST), "{").unwrap(),
                "its record is broken",
            ),
            (
                |entry| std::fs::remove_file(entry.join(MANIFEST)).unwrap(),
                "its record is broken",
            ),
        ];
        for (damage, expected) in damages {
            damage(&path);
            let reasons = join(&ensure(&cache, &inputs, "one").unwrap().built);
            assert!(reasons.contains(expected), "{reasons}");
            verify(&path, Check::Hashes).unwrap();
        }
    }

    #[test]
    fn a_failed_build_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let fail = |dir: &Path, _: &[Reason]| -> Result<()> {
            std::fs::write(dir.join("half"), "x")?;
            anyhow::bail!("no network")
        };
        let failed = cache.ensure(
            ("std", "mips"),
            &Inputs::new(),
            Check::Sizes,
            &Ui::default(),
            fail,
        );
        assert_eq!(failed.unwrap_err().to_string(), "no network");
        assert_eq!(
            std::fs::read_dir(dir.path().join("std")).unwrap().count(),
            0
        );
    }

    #[test]
    fn two_at_once_build_it_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let built = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    cache.ensure(
                        ("a", "b"),
                        &Inputs::new(),
                        Check::Sizes,
                        &Ui::default(),
                        |dir, _| {
                            built.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            std::thread::sleep(std::time::Duration::from_millis(50));
                            Ok(std::fs::write(dir.join("x"), "y")?)
                        },
                    )
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
    }
}
