//! The user's cache directory: entries that are whole or absent.
//!
//! An entry is a directory with a `manifest.json` that names its inputs and
//! every file in it with size and SHA-256. It is built beside its place, under
//! a lock, and renamed: a killed build leaves nothing that a later run believes.

mod record;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::fingerprint::{Inputs, Reason, join};
use crate::util::ui::Ui;
use crate::util::{fs, lock};
use record::{read_manifest, record};

pub use record::{Check, FileRecord, Manifest, made_from, verify, verify_whole};

/// The directory that holds everything this tool downloads or prebuilds.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
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
        let root = std::path::absolute(root).context("find the cache directory")?;
        // One name, whatever links lead there: programs in it name each other.
        let root = root.canonicalize().unwrap_or(root);
        Ok(Self { root })
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

#[cfg(test)]
mod tests {
    use super::record::MANIFEST;
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
