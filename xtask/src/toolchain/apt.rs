//! Debian packages without installing them: apt fetches and verifies, dpkg-deb
//! unpacks into the cache directory. Needs no root; apt's state is our own, and
//! nothing that is installed is changed or removed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use super::cache::Cache;
use crate::util::ui::Ui;
use crate::util::{fs, lock, process};

/// Package lists older than this are fetched again before a download.
const LISTS_MAX_AGE: Duration = Duration::from_secs(24 * 3600);
/// apt's own time-outs are minutes; a build should say sooner that it is offline.
const NETWORK_OPTIONS: [&str; 6] = [
    "-o",
    "Acquire::http::Timeout=20",
    "-o",
    "Acquire::https::Timeout=20",
    "-o",
    "Acquire::Retries=3",
];

/// apt with its state in the cache directory.
#[derive(Debug)]
pub struct Apt<'a> {
    dir: PathBuf,
    ui: &'a Ui,
}

impl<'a> Apt<'a> {
    /// `None` where apt-get or dpkg-deb is missing.
    pub fn find(cache: &Cache, ui: &'a Ui) -> Option<Self> {
        let there = ["apt-get", "apt-cache", "dpkg-deb"]
            .iter()
            .all(|name| process::find_program(name).is_some());
        there.then(|| Self {
            dir: cache.path("apt"),
            ui,
        })
    }

    /// The versions that apt offers of a package, as its lists order them.
    ///
    /// # Errors
    /// When the lists cannot be fetched (no network) or read.
    pub fn versions(&self, package: &str) -> Result<Vec<String>> {
        self.update(LISTS_MAX_AGE)?;
        let mut args = self.options();
        args.extend(["madison".into(), package.into()]);
        let text = duct::cmd("apt-cache", args)
            .stderr_null()
            .read()
            .context("run apt-cache madison")?;
        Ok(text
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(|version| version.trim().to_owned())
            .collect())
    }

    /// Fetches `packages` (`name=version` or `name`) with what they need and
    /// this machine lacks, and unpacks into `into` the paths that `keep` wants.
    /// Returns the packages' file names.
    ///
    /// # Errors
    /// When apt cannot resolve or fetch them, or a package cannot be unpacked.
    pub fn unpack(
        &self,
        packages: &[String],
        into: &Path,
        keep: &dyn Fn(&Path) -> bool,
    ) -> Result<Vec<String>> {
        let _lock = lock::take(&self.dir.join("lock"), "Debian packages", self.ui)?;
        self.update_unlocked(LISTS_MAX_AGE)?;
        let archives = self.archives();
        fs::remove_dir(&archives)?;
        fs::create_dirs(&archives.join("partial"))?;
        let mut args = self.options();
        args.extend(NETWORK_OPTIONS.map(Into::into));
        // `--reinstall` fetches also what is installed already, `--download-only`
        // stops before anything is changed.
        args.extend(
            [
                "install",
                "--download-only",
                "--reinstall",
                "--no-install-recommends",
                "-y",
                "-q",
            ]
            .map(Into::into),
        );
        args.extend(packages.iter().map(Into::into));
        let fetch = duct::cmd("apt-get", args)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::run_logged(
            fetch,
            &format!("apt-get download of {}", packages.join(" ")),
            &self.dir.join("fetch.log"),
        )?;
        let mut names = Vec::new();
        for file in
            std::fs::read_dir(&archives).with_context(|| format!("list {}", archives.display()))?
        {
            let path = file.context("list fetched packages")?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                unpack_deb(&path, into, keep)
                    .with_context(|| format!("unpack {}", path.display()))?;
                names.push(
                    path.file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
        ensure!(
            !names.is_empty(),
            "apt-get fetched nothing for {}",
            packages.join(" ")
        );
        fs::remove_dir(&archives)?;
        names.sort();
        Ok(names)
    }

    fn update(&self, max_age: Duration) -> Result<()> {
        let _lock = lock::take(&self.dir.join("lock"), "Debian package lists", self.ui)?;
        self.update_unlocked(max_age)
    }

    fn update_unlocked(&self, max_age: Duration) -> Result<()> {
        let stamp = self.dir.join("lists.stamp");
        let age = std::fs::metadata(&stamp)
            .and_then(|found| found.modified())
            .ok()
            .and_then(|time| SystemTime::now().duration_since(time).ok());
        if age.is_some_and(|age| age < max_age) {
            return Ok(());
        }
        for dir in [
            self.lists().join("partial"),
            self.archives().join("partial"),
        ] {
            fs::create_dirs(&dir)?;
        }
        let step = self.ui.step("Fetching", "Debian's package lists");
        let mut args = self.options();
        args.extend(NETWORK_OPTIONS.map(Into::into));
        args.extend([
            "update".into(),
            "-q".into(),
            "-o".into(),
            "APT::Update::Error-Mode=any".into(),
        ]);
        let update = duct::cmd("apt-get", args).env("LC_ALL", "C");
        let log = self.dir.join("update.log");
        match process::run_logged(update, "apt-get update", &log) {
            Ok(()) => {
                fs::write_atomic(&stamp, b"", 0o644)?;
                step.done("Fetched");
                Ok(())
            }
            // Some other repository of the user's may be down; ours may be there.
            Err(error) if self.has_lists() => {
                self.ui.warn(&format!(
                    "apt-get update was not complete, going on: see {}",
                    log.display()
                ));
                let _ = error;
                fs::write_atomic(&stamp, b"", 0o644)
            }
            Err(error) => {
                bail!("{error:#}\nIs there a network? The lists can be tried with: apt-get update")
            }
        }
    }

    fn has_lists(&self) -> bool {
        std::fs::read_dir(self.lists()).is_ok_and(|files| {
            files
                .flatten()
                .any(|file| file.file_name().to_string_lossy().contains("_Packages"))
        })
    }

    fn lists(&self) -> PathBuf {
        self.dir.join("lists")
    }

    fn archives(&self) -> PathBuf {
        self.dir.join("archives")
    }

    /// Lists, caches and locks of our own; the machine's sources and, read
    /// only, its list of installed packages.
    fn options(&self) -> Vec<std::ffi::OsString> {
        let option = |key: &str, value: &Path| format!("{key}={}", value.display()).into();
        vec![
            "-o".into(),
            option("Dir::State::lists", &self.lists()),
            "-o".into(),
            option("Dir::Cache", &self.dir),
            "-o".into(),
            option("Dir::Cache::archives", &self.archives()),
            "-o".into(),
            "Debug::NoLocking=1".into(),
            // As root apt would fetch as the user `_apt`, who cannot write here.
            "-o".into(),
            "APT::Sandbox::User=root".into(),
        ]
    }
}

/// Unpacks the wanted part of one .deb, as the calling user. Older packages
/// still have libraries in `/lib`, which is `/usr/lib` since Debian 12.
fn unpack_deb(deb: &Path, into: &Path, keep: &dyn Fn(&Path) -> bool) -> Result<()> {
    let reader = duct::cmd!("dpkg-deb", "--fsys-tarfile", deb)
        .reader()
        .context("run dpkg-deb")?;
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path.strip_prefix(".").unwrap_or(&path);
        let path = if path.starts_with("lib") {
            Path::new("usr").join(path)
        } else {
            path.to_owned()
        };
        let leaves = path
            .components()
            .any(|part| !matches!(part, std::path::Component::Normal(_)));
        if entry.header().entry_type().is_dir() || leaves || !keep(&path) {
            continue;
        }
        let target = into.join(&path);
        fs::create_dirs(target.parent().unwrap_or(into))?;
        entry.unpack(&target)?;
    }
    Ok(())
}
