//! What a log showed, line by line.

use super::event::{self, Event, Rdep};
use super::image::Image;
use super::lines::Line;
use super::path::{self, Paths, Step};
use super::prefix;
use super::stage::{At, Note, Stage};
use super::table::Table;
use super::words::{self, lossy};

/// Lines that a report shows.
const DECIDING: usize = 24;

/// Names of packages and crates kept.
const NAMES: usize = 4096;

/// What a log showed so far.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Stages and directories.
    pub table: Table,
    /// The steps of an image's build.
    pub image: Image,
    /// `NAME VERSION` of crates that cargo compiled for packages.
    pub crates: Vec<String>,
    /// The whole build failed.
    pub build_failed: bool,
    /// A Makefile could not be read.
    pub unreadable: Option<Note>,
    /// A stage was visited without `V=s`.
    pub quiet: Option<Note>,
    /// There is anything but white space.
    pub text: bool,
}

impl Facts {
    /// Takes one line; `scratch` is room for what is read instead of it.
    pub fn line(&mut self, line: Line<'_>, scratch: &mut Vec<u8>, paths: &Paths) {
        let clean = prefix::clean(line.bytes, scratch);
        if clean.text.is_empty() {
            return;
        }
        let at = At {
            line: line.number,
            text: clean.text,
            clock: clean.clock,
        };
        if matches!(clean.text[0], b'#' | b'=' | b'S' | b'-' | b'[') && self.image.line(at) {
            return;
        }
        match event::read(clean.text, paths) {
            None => {}
            Some(Event::FileFailed(file)) => self.file_failed(file, at, paths),
            Some(event) => self.event(event, at),
        }
    }

    fn event(&mut self, event: Event<'_>, at: At<'_>) {
        let table = &mut self.table;
        match event {
            Event::Enter(dir) => table.enter(dir, at.line),
            Event::Leave(dir) => table.leave(dir, at.line),
            Event::Started(name) => self.started(name, at),
            Event::Ended(name, seconds) => self.ended(name, seconds, at),
            Event::Failed(name) => self.failed(name, at),
            Event::BuildFailed => self.build_failed = true,
            // Needs the paths: `line` sees to it.
            Event::FileFailed(_) => {}
            Event::Unreadable => {
                table.unreadable();
                self.unreadable
                    .get_or_insert_with(|| Note::new(at, "a Makefile could not be read"));
            }
            Event::Stamped(stamp) => {
                let stage = match stamp.step {
                    Step::Install => table.of_installed(stamp.owner, stamp.host),
                    _ => table.of_dir(stamp.owner, stamp.host),
                };
                if let Some(stage) = stage {
                    stage.stamped(stamp, at);
                }
            }
            Event::Rdep(verdict, stamp) => {
                // `.built` of a package may be stale in a directory that
                // only repacks what the SDK holds.
                if let Some(stage) = table.of_dir(stamp.owner, stamp.host) {
                    stage.rdep(verdict, stamp, at);
                }
            }
            Event::Make(reason, stamp) => {
                let stage = match stamp.step {
                    Step::Install => table.of_installed(stamp.owner, stamp.host),
                    _ => table.of_dir(stamp.owner, stamp.host),
                };
                if let Some(stage) = stage {
                    stage.make(reason, stamp, at);
                }
            }
            Event::Idle(dir) => {
                if let Some(stage) = table.of_dir(dir.path, true) {
                    stage.removes = true;
                    if stage.ran {
                        stage.at(at);
                    } else {
                        stage.note(at, "only what CONFIG_AUTOREMOVE removes is removed");
                    }
                }
            }
            Event::Work(work, dir) => {
                if let Some(stage) = table.of_dir(dir.path, true) {
                    stage.work(work, at);
                }
            }
            Event::Mention(dir) => {
                if let Some(stage) = table.of_dir(dir.path, true) {
                    if stage.ran || stage.doubt {
                        stage.at(at);
                    } else {
                        stage.doubt = true;
                        stage.note(at, "this may be a part of the stage, or not");
                    }
                }
            }
            Event::Fetch(file) => table.fetch(file, at, "its sources are fetched"),
            Event::HostOnly(name) => table.host_only(name),
            Event::Crate(name, version) => self.compiled(name, version),
            Event::Quiet(_) => {
                self.quiet.get_or_insert_with(|| {
                    Note::new(at, "a build without V=s shows nothing of its stages")
                });
            }
        }
    }

    fn started(&mut self, name: &[u8], at: At<'_>) {
        let Some(goal) = words::goal(name).filter(|goal| goal.builds()) else {
            return;
        };
        if let Some(stage) = self.table.of_goal(&lossy(name), goal, false) {
            stage.at(at);
        }
    }

    fn ended(&mut self, name: &[u8], seconds: f64, at: At<'_>) {
        let Some(goal) = words::goal(name) else {
            return;
        };
        if !goal.builds() {
            self.table.forget(goal);
            return;
        }
        if let Some(stage) = self.table.of_goal(&lossy(name), goal, true) {
            stage.timed(seconds);
            let meaning = if stage.ran {
                "it took so long (user, system, wall seconds)"
            } else {
                "it ended without doing anything"
            };
            stage.note_last(at, meaning);
        }
    }

    /// `package/feeds/packages/rust/host/compile`, `package/feeds/packages/rust [host]`.
    fn failed(&mut self, name: &[u8], at: At<'_>) {
        let named = match name.strip_suffix(b" [host]") {
            Some(recipe) => [recipe, b"/host-compile"].concat(),
            None if words::goal(name).is_some_and(|goal| goal.builds()) => name.to_vec(),
            None => [name, b"/compile"].concat(),
        };
        let Some(goal) = words::goal(&named).filter(|goal| goal.builds()) else {
            return;
        };
        // One name for both of make's ways to write it.
        let name = match (goal.host, named.ends_with(b"/host/compile")) {
            (true, true) => [goal.recipe, b"/host-compile"].concat(),
            _ => named.clone(),
        };
        let readable = self.table.is_readable(goal);
        if let Some(stage) = self.table.of_goal(&lossy(&name), goal, false) {
            let known = std::mem::replace(&mut stage.failed, true);
            // A stage whose Makefile cannot be read did not begin.
            stage.ran |= goal.host && readable;
            if !known {
                stage.note_last(at, "it failed");
            }
        }
    }

    fn file_failed(&mut self, file: &[u8], at: At<'_>, paths: &Paths) {
        if let Some(dir) = paths.all(file).next() {
            if let Some(stage) = self.table.of_dir(dir.path, dir.host) {
                (stage.failed, stage.ran) = (true, true);
                stage.note_last(at, "it failed");
            }
        } else if path::base(path::parent(file)) == b"dl" {
            let meaning = "its sources could not be fetched";
            self.table.fetch(path::base(file), at, meaning);
        }
    }

    /// Crates that are compiled while a stage of the toolchain runs are its own.
    fn compiled(&mut self, name: &[u8], version: &[u8]) {
        let within = |stage: &Stage| stage.host && stage.ran && !stage.ended && !stage.failed;
        if self.crates.len() >= NAMES || self.table.stages.iter().any(within) {
            return;
        }
        let text = format!("{} {}", lossy(name), lossy(version));
        if !self.crates.contains(&text) {
            self.crates.push(text);
        }
    }

    /// Stages of the toolchain.
    pub fn hosts(&self) -> impl Iterator<Item = &Stage> {
        self.table.stages.iter().filter(|stage| stage.host)
    }

    /// Packages for the router.
    pub fn packages(&self) -> impl Iterator<Item = &Stage> {
        self.table.stages.iter().filter(|stage| !stage.host)
    }

    /// A package that make looked at and left as it was.
    pub fn idle_packages(&self) -> impl Iterator<Item = &Stage> {
        let idle = |stage: &&Stage| {
            stage.visited
                && stage.ended
                && !stage.failed
                && !stage.prepared_written
                && stage.rdep != Some(Rdep::Missing)
        };
        self.packages().filter(idle)
    }
}

/// The lines of these stages that say something, the first ones.
pub(super) fn notes<'a>(stages: impl Iterator<Item = &'a Stage>) -> Vec<Note> {
    let mut notes: Vec<Note> = stages
        .flat_map(|stage| stage.notes.iter().cloned())
        .collect();
    notes.sort_by_key(|note| note.line);
    notes.truncate(DECIDING);
    notes
}
