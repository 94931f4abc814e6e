//! One feed and what is found of it; how its files are read.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::config::sdk::Format;
use crate::feed::package::Package;
use crate::feed::write::kind;
use crate::feed::{choose, page};
use crate::inspect::printable;
use crate::keys::store::{self, Public};
use crate::util::fs;

/// Largest index, list or page that is read.
pub(super) const MAX_FILE: u64 = 128 << 20;
/// Most problems that are kept of one feed.
const MAX_PROBLEMS: usize = 1000;
/// Most packages of a feed.
const MAX_PACKAGES: usize = 20_000;

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
    pub(super) key: Option<Public>,
    #[serde(skip)]
    seen: HashSet<String>,
}

/// A file of its own, and no link to one elsewhere.
pub(super) fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
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

impl Feed {
    /// Nothing is known of it yet.
    pub(super) fn new(place: String, format: Format) -> Self {
        Self {
            place,
            format,
            arch: String::new(),
            key_id: None,
            own_key: false,
            packages: 0,
            problems: Vec::new(),
            key: None,
            seen: HashSet::new(),
        }
    }

    pub(super) fn problem(&mut self, file: &str, message: impl Into<String>) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        self.problems.push(Problem {
            feed: self.place.clone(),
            file: file.to_owned(),
            message: message.into(),
        });
    }

    /// A file of the feed; a problem where there is none.
    pub(super) fn read(&mut self, dir: &Path, name: &str) -> Option<Vec<u8>> {
        let path = dir.join(name);
        // Before it is opened: a pipe would wait for its other end.
        if !is_file(&path) {
            self.problem(name, "is not there");
            return None;
        }
        let mut content = Vec::new();
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut content));
        match read {
            Err(error) => self.problem(name, format!("cannot be read: {error}")),
            Ok(length) if length as u64 > MAX_FILE => {
                self.problem(name, format!("has more than {MAX_FILE} bytes"));
            }
            Ok(_) => return Some(content),
        }
        None
    }

    /// The key that is given, else the feed's own.
    pub(super) fn find_key(&mut self, dir: &Path, given: &[PathBuf]) -> Result<()> {
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

    pub(super) fn check_signature(
        &mut self,
        dir: &Path,
        name: &str,
        content: &[u8],
        signature: &str,
    ) {
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
    pub(super) fn package(&mut self, dir: &Path, name: &str) -> Option<Package> {
        // Each is read once, however often an index names it.
        if self.seen.len() >= MAX_PACKAGES || !self.seen.insert(name.to_owned()) {
            self.problem(
                name,
                format!("is in the index twice, or after {MAX_PACKAGES} others"),
            );
            return None;
        }
        let path = dir.join(name);
        if !is_file(&path) {
            self.problem(name, "is in the index and not there");
            return None;
        }
        match Package::read(&path, self.format) {
            Ok(package) => Some(package),
            Err(error) => {
                let path = path.display().to_string();
                self.problem(name, format!("{error:#}").replace(&path, "it"));
                None
            }
        }
    }

    pub(super) fn check_json(&mut self, dir: &Path, packages: &[Package]) {
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
