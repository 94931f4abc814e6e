//! Checks a feed as a router would, and what a router does not look at as well.
//! Every problem is named with its file; none hides another.
//!
//! | module | |
//! |---|---|
//! | [`sums`] | the list of checksums, its signature, files that it does not name |
//! | `opkg`, `apk` | index, signature, packages |

mod apk;
mod opkg;
pub mod sums;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::package::Package;
use super::write::kind;
use super::{choose, fetch, page};
use crate::config::sdk::Format;
use crate::inspect::printable;
use crate::keys::store::{self, Public};
use crate::util::fs;
use crate::util::ui::Ui;

/// Largest index, list or page that is read.
const MAX_FILE: u64 = 128 << 20;

/// Something wrong with a file of a feed.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The feed.
    pub feed: String,
    /// The file.
    pub file: String,
    /// What is wrong.
    pub message: String,
}

/// What was found of one feed.
#[derive(Debug, Serialize)]
pub struct Feed {
    /// Folder or URL.
    pub place: String,
    /// Format of its packages.
    pub format: Format,
    /// Its architecture, by its own account.
    pub arch: String,
    /// The key that signed it.
    pub key_id: Option<String>,
    /// True when the key came with the feed: nobody else vouches for it.
    pub own_key: bool,
    /// Packages that its index has.
    pub packages: usize,
    /// What is wrong.
    pub problems: Vec<Problem>,
    #[serde(skip)]
    key: Option<Public>,
}

/// What was found of all of them.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One for each feed.
    pub feeds: Vec<Feed>,
    /// Nothing is wrong.
    pub ok: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, message) = (printable(&self.file), printable(&self.message));
        write!(f, "{}/{file}: {message}", self.feed)
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.problems.len() {
            0 => "ok".to_owned(),
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        };
        let key = match (&self.key_id, self.own_key) {
            (None, _) => "no key".to_owned(),
            (Some(id), false) => format!("key {id}"),
            (Some(id), true) => format!("key {id}, which the feed itself brings"),
        };
        let s = if self.packages == 1 { "" } else { "s" };
        write!(
            f,
            "{}: {state}, {} package{s}, {key}",
            self.place, self.packages
        )
    }
}

/// Checks the feed in a folder or behind a URL; of a folder without index, every
/// feed in it. `keys` are the public keys that signatures must be by.
///
/// # Errors
/// No feed at all; servers that do not answer; a key that cannot be read.
pub fn verify(place: &str, keys: &[PathBuf], ui: &Ui) -> Result<Report> {
    let copied;
    let places: Vec<(String, PathBuf)> = if fetch::is_url(place) {
        copied = tempfile::tempdir().context("make a folder for the feed")?;
        let step = ui.step("Fetching", place);
        fetch::copy(place, copied.path())?;
        drop(step);
        vec![(
            place.trim_end_matches('/').to_owned(),
            copied.path().to_owned(),
        )]
    } else {
        let found = feeds_below(Path::new(place))?;
        found
            .into_iter()
            .map(|dir| (dir.display().to_string(), dir))
            .collect()
    };
    let mut feeds = Vec::new();
    for (place, dir) in places {
        feeds.push(one(place, &dir, keys)?);
    }
    for feed in feeds.iter().filter(|feed| feed.own_key) {
        ui.note(&format!(
            "{} was checked with the key that it brings itself: --key FILE says whose it has to be",
            feed.place
        ));
    }
    let ok = feeds.iter().all(|feed| feed.problems.is_empty());
    Ok(Report { feeds, ok })
}

/// What a folder has an index of.
fn format(dir: &Path) -> Option<Format> {
    let has = |name: &str| dir.join(name).symlink_metadata().is_ok();
    if has("packages.adb") || has("public-key.pem") {
        Some(Format::Apk)
    } else if ["Packages", "Packages.gz", "Packages.sig"]
        .into_iter()
        .any(has)
    {
        Some(Format::Ipk)
    } else {
        None
    }
}

fn feeds_below(dir: &Path) -> Result<Vec<PathBuf>> {
    ensure!(dir.is_dir(), "there is no folder {}", dir.display());
    if format(dir).is_some() {
        return Ok(vec![dir.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(dir).max_depth(4).sort_by_file_name() {
        let entry = entry.context("look for feeds")?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.') && entry.depth() > 0;
        if entry.file_type().is_dir() && !is_hidden && format(entry.path()).is_some() {
            found.push(entry.into_path());
        }
    }
    ensure!(
        !found.is_empty(),
        "no feed is in {}: neither Packages nor packages.adb",
        dir.display()
    );
    Ok(found)
}

/// Names of packages in the index of a folder without checksums.
pub(super) fn listed(dir: &Path) -> Vec<String> {
    match format(dir) {
        Some(Format::Ipk) => opkg::listed(dir),
        Some(Format::Apk) => apk::listed(dir),
        None => Vec::new(),
    }
}

fn one(place: String, dir: &Path, keys: &[PathBuf]) -> Result<Feed> {
    let format = format(dir).with_context(|| format!("{place} has no index"))?;
    let mut feed = Feed {
        place,
        format,
        arch: String::new(),
        key_id: None,
        own_key: false,
        packages: 0,
        problems: Vec::new(),
        key: None,
    };
    feed.find_key(dir, keys)?;
    sums::check(&mut feed, dir);
    let packages = match format {
        Format::Ipk => opkg::check(&mut feed, dir),
        Format::Apk => apk::check(&mut feed, dir),
    };
    feed.packages = packages.len();
    feed.check_json(dir, &packages);
    Ok(feed)
}

impl Feed {
    fn problem(&mut self, file: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            feed: self.place.clone(),
            file: file.to_owned(),
            message: message.into(),
        });
    }

    /// A file of the feed; a problem where there is none.
    fn read(&mut self, dir: &Path, name: &str) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let path = dir.join(name);
        let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut content));
        match read {
            _ if !is_file => self.problem(name, "is not there"),
            Err(error) => self.problem(name, format!("cannot be read: {error}")),
            Ok(length) if length as u64 > MAX_FILE => {
                self.problem(name, format!("has more than {MAX_FILE} bytes"));
            }
            Ok(_) => return Some(content),
        }
        None
    }

    /// The key that is given, else the feed's own.
    fn find_key(&mut self, dir: &Path, given: &[PathBuf]) -> Result<()> {
        let kind = kind(self.format);
        let mut wrong = None;
        for file in given {
            match kind.public(&fs::read_text(file)?) {
                Ok(key) => {
                    self.key_id = Some(key.id());
                    self.key = Some(key);
                    return Ok(());
                }
                Err(error) => wrong = Some((file, error)),
            }
        }
        if let Some((file, error)) = wrong {
            let context = format!("check {} with {}", self.place, file.display());
            return Err(error.context(context));
        }
        let name = kind.files().1;
        if dir.join(name).symlink_metadata().is_err() {
            self.problem(
                name,
                "is not there, and no --key was given: nobody vouches for the feed",
            );
            return Ok(());
        }
        let Some(text) = self.read(dir, name) else {
            return Ok(());
        };
        match kind.public(&String::from_utf8_lossy(&text)) {
            Ok(key) => {
                let known = store::home().and_then(|home| fs::read(&home.join(name)));
                self.own_key = known.map_or(true, |known| known != text);
                self.key_id = Some(key.id());
                self.key = Some(key);
            }
            Err(error) => self.problem(name, format!("{error:#}")),
        }
        Ok(())
    }

    fn check_signature(&mut self, dir: &Path, name: &str, content: &[u8], signature: &str) {
        let Some(bytes) = self.read(dir, signature) else {
            return;
        };
        let checked = self
            .key
            .as_ref()
            .map(|key| key.verify_file(content, &bytes));
        if let Some(Err(error)) = checked {
            self.problem(
                name,
                format!("its signature {signature} is refused: {error:#}"),
            );
        }
    }

    /// A package file that the index names; a problem where no router would
    /// install it.
    fn package(&mut self, dir: &Path, name: &str) -> Option<Package> {
        let path = dir.join(name);
        if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            self.problem(name, "is in the index and not there");
            return None;
        }
        let read = Package::read(&path, self.format).and_then(|package| {
            package.check()?;
            Ok(package)
        });
        match read {
            Ok(package) => Some(package),
            Err(error) => {
                self.problem(name, format!("{error:#}"));
                None
            }
        }
    }

    fn check_json(&mut self, dir: &Path, packages: &[Package]) {
        const NAME: &str = "index.json";
        let Some(text) = self.read(dir, NAME) else {
            return;
        };
        let arch = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|json| Some(json.get("architecture")?.as_str()?.to_owned()));
        let Some(arch) = arch else {
            return self.problem(NAME, "is no index of OpenWrt's");
        };
        let order = choose::index_order(packages, self.format);
        if page::json(&arch, &order).as_bytes() != text {
            self.problem(NAME, "has other packages than the index");
        }
        for package in packages {
            if package.arch != arch && !["all", "noarch"].contains(&package.arch.as_str()) {
                let message = format!("is for {}, and the feed for {arch}", package.arch);
                self.problem(&package.file_name, message);
            }
        }
        self.arch = arch;
    }
}
