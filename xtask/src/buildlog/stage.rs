//! What is known of one stage.

use super::clock::Clock;
use super::event::{MakeReason, Rdep, Work};
use super::names;
use super::path::{self, Stamp, Step};
use super::words::{lossy, shorten};

/// Bytes of a line that a report shows.
const SHOWN: usize = 240;
/// Lines kept for a stage: what it printed first decides.
const NOTES: usize = 12;

/// A line that says something about a stage.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Counted from 1.
    pub line: u64,
    /// The line without its prefixes, shortened.
    pub text: String,
    /// What it says, in words.
    pub meaning: String,
}

impl Note {
    /// A note on a line.
    pub fn new(at: At<'_>, meaning: impl Into<String>) -> Self {
        Self {
            line: at.line,
            text: shorten(at.text, SHOWN),
            meaning: meaning.into(),
        }
    }
}

/// The line that is being read.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Counted from 1.
    pub line: u64,
    /// Without its prefixes.
    pub text: &'a [u8],
    /// When it was written, if its prefix says so.
    pub clock: Option<Clock>,
}

/// What is newer than the `.prepared…` stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// A file of the recipe (its `…_check`).
    Recipe,
    /// An archive in `dl/`.
    Download,
}

/// One stage of the build.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// As `time.pl` names it: `package/feeds/packages/rust/host-compile`.
    pub name: Option<String>,
    /// The recipe's, or the build directory's without its version.
    pub short: String,
    /// Part of the toolchain, not a package for the router.
    pub host: bool,
    /// Its build directory.
    pub dir: Option<String>,
    /// The directory of its recipe.
    pub recipe: Option<String>,
    /// Its first line, counted from 1.
    pub first_line: u64,
    /// Its last line.
    pub last_line: u64,
    /// Wall time, where its `time:` line or the time stamps tell.
    pub seconds: Option<f64>,
    /// make entered and left its directory.
    pub visited: bool,
    /// Its `time:` line is there, or it is installed.
    pub ended: bool,
    /// It failed.
    pub failed: bool,
    /// It, or a part of it, was made again (or would be, in a dry run).
    pub ran: bool,
    /// A line names its build directory, and nobody knows what that means.
    pub doubt: bool,
    /// make said that nothing of it needs to be made.
    pub fresh: bool,
    /// Its sources were fetched.
    pub fetched: bool,
    /// Its sources were unpacked.
    pub unpacked: bool,
    /// It was configured, compiled or installed.
    pub worked: bool,
    /// `.built` was written: it was compiled to its end.
    pub built: bool,
    /// The `.prepared…` stamp that was written or spoken of.
    pub prepared: Option<String>,
    /// That stamp was written.
    pub prepared_written: bool,
    /// OpenWrt's verdict on it.
    pub rdep: Option<Rdep>,
    /// OpenWrt's verdict on `.built`.
    pub rdep_built: Option<Rdep>,
    /// What is newer than it.
    pub newer: Option<Newer>,
    /// CONFIG_AUTOREMOVE is set: the stage removed its build directory.
    pub removes: bool,
    /// The lines that say so.
    pub notes: Vec<Note>,
    /// The last part of its build directory: `rustc-1.90.0-src`.
    pub source: Option<String>,
    first_clock: Option<Clock>,
    timed: Option<f64>,
}

impl Stage {
    /// A stage of which nothing is known but a build directory.
    pub fn of_dir(dir: &[u8], host: bool) -> Self {
        Self {
            short: lossy(names::stem(path::base(dir))),
            source: Some(lossy(path::base(dir))),
            dir: Some(lossy(dir)),
            host,
            ..Self::default()
        }
    }

    /// A stage of which nothing is known but its recipe's name.
    pub fn of_recipe(name: &[u8], host: bool) -> Self {
        Self {
            short: lossy(name),
            host,
            ..Self::default()
        }
    }

    /// What it is called.
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let kind = if self.host {
                "/host-compile"
            } else {
                "/compile"
            };
            format!("{}{kind}", self.short)
        })
    }

    /// Counts a line as the stage's own.
    pub fn at(&mut self, at: At<'_>) {
        if self.first_line == 0 {
            self.first_line = at.line;
        }
        self.last_line = self.last_line.max(at.line);
        self.first_clock = self.first_clock.or(at.clock);
        let since = self
            .first_clock
            .zip(at.clock)
            .and_then(|(first, last)| last.since(first));
        if !self.ended && since.is_some() {
            self.seconds = since;
        }
    }

    /// Keeps a line.
    pub fn note(&mut self, at: At<'_>, meaning: &str) {
        self.at(at);
        if self.notes.len() < NOTES {
            self.notes.push(Note::new(at, meaning));
        }
    }

    /// Its `time:` line; the longest counts where it ran twice.
    pub fn timed(&mut self, seconds: f64) {
        let longest = self.timed.map_or(seconds, |known| known.max(seconds));
        self.timed = Some(longest);
        self.seconds = self.timed;
        self.ended = true;
    }

    /// Keeps a line however many there are: how the stage ended.
    pub fn note_last(&mut self, at: At<'_>, meaning: &str) {
        self.notes.truncate(NOTES - 1);
        self.note(at, meaning);
    }

    /// A command worked in its build directory.
    pub fn work(&mut self, work: Work, at: At<'_>) {
        let (again, meaning) = match work {
            Work::Unpack => (self.unpacked, "its sources are unpacked"),
            Work::Configure => (self.worked, "it is configured"),
            Work::Other => (self.worked, "its commands run"),
        };
        match work {
            Work::Unpack => self.unpacked = true,
            Work::Configure | Work::Other => self.worked = true,
        }
        self.ran = true;
        if again {
            self.at(at);
        } else {
            self.note(at, meaning);
        }
    }

    /// A stamp of it was written.
    pub fn stamped(&mut self, stamp: Stamp<'_>, at: At<'_>) {
        self.ran = true;
        let meaning = match stamp.step {
            Step::Prepare => {
                self.prepared = Some(lossy(stamp.file));
                self.prepared_written = true;
                "its sources were prepared anew"
            }
            Step::Configure => {
                self.worked = true;
                "it was configured anew"
            }
            Step::Compile => {
                self.worked = true;
                if std::mem::replace(&mut self.built, true) {
                    return self.at(at);
                }
                "it was compiled anew"
            }
            Step::Install => {
                self.worked = true;
                self.ended = true;
                "it was installed anew"
            }
        };
        self.note(at, meaning);
    }

    /// OpenWrt said something of one of its stamps.
    pub fn rdep(&mut self, verdict: Rdep, stamp: Stamp<'_>, at: At<'_>) {
        match stamp.step {
            Step::Prepare => {
                self.rdep = Some(verdict);
                self.prepared = Some(lossy(stamp.file));
            }
            Step::Compile => self.rdep_built = Some(verdict),
            Step::Configure | Step::Install => {}
        }
        self.ran |= verdict != Rdep::Fresh;
        let meaning = match (verdict, stamp.step) {
            (Rdep::Fresh, _) => "nothing that the stamp depends on is newer",
            (Rdep::Stale, Step::Prepare) => "a file of the recipe is newer than the stamp",
            (Rdep::Stale, _) => "a file in the build directory is newer than the stamp",
            (Rdep::Missing, Step::Prepare) => {
                "there is no stamp of this name: it was renamed or never made"
            }
            (Rdep::Missing, _) => "there is no such stamp",
        };
        self.note(at, meaning);
    }

    /// make gave a reason.
    pub fn make(&mut self, reason: MakeReason<'_>, stamp: Stamp<'_>, at: At<'_>) {
        let prepare = stamp.step == Step::Prepare;
        if prepare {
            self.prepared = Some(lossy(stamp.file));
        }
        let meaning = match reason {
            MakeReason::Newer(file) => {
                self.ran = true;
                let is_download = path::base(path::parent(file)) == b"dl";
                if prepare && is_download {
                    self.newer = Some(Newer::Download);
                    "the downloaded archive is newer than the stamp"
                } else if prepare && file.ends_with(b"_check") {
                    self.newer = Some(Newer::Recipe);
                    "a file of the recipe is newer than the stamp"
                } else {
                    "a file is newer than the stamp"
                }
            }
            MakeReason::Missing => {
                if prepare {
                    self.rdep = Some(Rdep::Missing);
                }
                self.ran = true;
                "there is no stamp of this name"
            }
            MakeReason::Must => {
                self.ran = true;
                "make decided to make it again"
            }
            MakeReason::NoNeed => {
                if stamp.step == Step::Install {
                    self.fresh = true;
                }
                "make found it up to date"
            }
        };
        self.note(at, meaning);
    }
}
