//! The stages of a build and the directories that make is in: a bounded table,
//! whatever the length of the log.

use super::stage::{At, Note, Stage};
use super::words::{Goal, lossy};
use super::{names, path};

/// Stages and directories kept. A whole OpenWrt with all feeds has some
/// thousand packages.
const LIMIT: usize = 8192;

/// The times that make entered a directory and did not yet account for.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    dir: String,
    first_line: u64,
    last_line: u64,
    /// Entered and not left.
    open: u32,
    /// Left since the last `time:` line for it.
    left: u32,
    /// Its recipe has no package for the router.
    host_only: bool,
    /// It fetches its sources.
    fetch: Option<Note>,
    /// Its Makefile could not be read.
    unreadable: bool,
}

/// The stages, and where make is.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// In the order of their first lines.
    pub stages: Vec<Stage>,
    visits: Vec<Visit>,
    /// Directories below `build_dir` that make is in.
    inner: u32,
    /// Something did not fit.
    pub overflow: bool,
    /// make entered a directory at all: the log was made with `V=s`.
    pub verbose: bool,
}

impl Table {
    /// make entered a directory.
    pub fn enter(&mut self, dir: &[u8], line: u64) {
        self.verbose = true;
        if path::tree(dir).is_some() {
            self.inner += 1;
            return;
        }
        let known = self
            .visits
            .iter()
            .position(|visit| visit.dir.as_bytes() == dir);
        let visit = match known {
            Some(at) => &mut self.visits[at],
            None if self.visits.len() >= LIMIT => {
                self.overflow = true;
                return;
            }
            None => {
                self.visits.push(Visit {
                    dir: lossy(dir),
                    first_line: line,
                    ..Visit::default()
                });
                self.visits.last_mut().expect("pushed above")
            }
        };
        visit.open += 1;
        visit.last_line = line;
    }

    /// make left a directory.
    pub fn leave(&mut self, dir: &[u8], line: u64) {
        if path::tree(dir).is_some() {
            self.inner = self.inner.saturating_sub(1);
            return;
        }
        let visit = self
            .visits
            .iter_mut()
            .find(|visit| visit.dir.as_bytes() == dir);
        if let Some(visit) = visit.filter(|visit| visit.open > 0) {
            visit.open -= 1;
            visit.left += 1;
            visit.last_line = line;
        }
    }

    /// True while make is in a directory: the build did not end.
    pub fn is_open(&self) -> bool {
        self.inner > 0 || self.visits.iter().any(|visit| visit.open > 0)
    }

    /// The recipe of this name makes nothing for the router.
    pub fn host_only(&mut self, name: &[u8]) {
        let visits = self.visits.iter_mut().rev();
        let mut open = visits.filter(|visit| visit.open > 0);
        if let Some(visit) = open.find(|visit| path::base(visit.dir.as_bytes()) == name) {
            visit.host_only = true;
        }
    }

    /// The Makefile that make read last is not readable.
    pub fn unreadable(&mut self) {
        if let Some(visit) = self.visits.iter_mut().rev().find(|visit| visit.open > 0) {
            visit.unreadable = true;
        }
    }

    /// Sources are fetched: by the recipe whose name fits, or by the only one
    /// that make is in.
    pub fn fetch(&mut self, file: &[u8], at: At<'_>, meaning: &str) {
        let fits = |visit: &Visit| {
            visit.open > 0 && names::is_of_recipe(file, path::base(visit.dir.as_bytes()))
        };
        let by_name = self.visits.iter().rposition(fits);
        let by_kind = || {
            self.visits
                .iter()
                .rposition(|visit| visit.open > 0 && visit.host_only)
        };
        if let Some(found) = by_name.or_else(by_kind) {
            self.visits[found].fetch = Some(Note::new(at, meaning));
        }
    }

    /// The first fetch of a recipe that has nothing for the router: a stage of
    /// the toolchain begins.
    pub fn host_fetch(&self) -> Option<(&str, &Note)> {
        let mut fetching = self.visits.iter().filter(|visit| visit.host_only);
        fetching.find_map(|visit| {
            let name = visit.dir.rsplit('/').next().unwrap_or_default();
            visit.fetch.as_ref().map(|note| (name, note))
        })
    }

    /// The stage that a build directory is of.
    pub fn of_dir(&mut self, dir: &[u8], host: bool) -> Option<&mut Stage> {
        let known = |stage: &Stage| {
            stage
                .dir
                .as_deref()
                .is_some_and(|known| known.as_bytes() == dir)
        };
        if let Some(at) = self.stages.iter().rposition(known) {
            return Some(&mut self.stages[at]);
        }
        let name = path::base(dir);
        let fits = |stage: &Stage| {
            stage.host == host
                && stage.dir.is_none()
                && !stage.ended
                && names::is_of_recipe(name, stage.short.as_bytes())
        };
        if let Some(at) = self.stages.iter().position(fits) {
            let stage = &mut self.stages[at];
            stage.dir = Some(lossy(dir));
            stage.source = Some(lossy(name));
            return Some(stage);
        }
        self.add(Stage::of_dir(dir, host))
    }

    /// The stage that `.NAME_installed` is of.
    pub fn of_installed(&mut self, name: &[u8], host: bool) -> Option<&mut Stage> {
        let exact = |stage: &Stage| stage.host == host && stage.short.as_bytes() == name;
        let fits = |stage: &Stage| {
            stage.host == host
                && !stage.ended
                && stage.ran
                && names::is_of_recipe(name, stage.short.as_bytes())
        };
        let found = self
            .stages
            .iter()
            .rposition(exact)
            .or_else(|| self.stages.iter().rposition(fits));
        if let Some(at) = found {
            return Some(&mut self.stages[at]);
        }
        self.add(Stage::of_recipe(name, host))
    }

    /// The stage of this name, which began, ended or failed. `ended`: the
    /// directories that make left for it are accounted for.
    pub fn of_goal(&mut self, name: &str, goal: Goal<'_>, ended: bool) -> Option<&mut Stage> {
        let visit = self.take_visit(goal, ended);
        let at = self.find_goal(name, goal, visit.as_ref()).or_else(|| {
            self.add(Stage::of_recipe(path::base(goal.recipe), goal.host))?;
            Some(self.stages.len() - 1)
        })?;
        let stage = &mut self.stages[at];
        if stage.name.is_none() {
            stage.name = Some(name.to_owned());
            stage.short = lossy(path::base(goal.recipe));
        }
        if let Some(visit) = visit {
            stage.visited |= visit.left > 0;
            if stage.first_line == 0 || stage.first_line > visit.first_line {
                stage.first_line = visit.first_line;
            }
            stage.last_line = stage.last_line.max(visit.last_line);
            stage.recipe.get_or_insert(visit.dir);
            if let Some(fetch) = visit.fetch.filter(|_| goal.host && !stage.fetched) {
                (stage.ran, stage.fetched) = (true, true);
                stage.notes.insert(0, fetch);
            }
        }
        Some(stage)
    }

    /// A stage of this name ended that does not build: what it fetched is no
    /// sign of a build.
    pub fn forget(&mut self, goal: Goal<'_>) {
        self.take_visit(goal, true);
    }

    /// True when make read the recipe of this stage.
    pub fn is_readable(&self, goal: Goal<'_>) -> bool {
        self.visit_of(goal)
            .is_none_or(|at| !self.visits[at].unreadable)
    }

    fn find_goal(&self, name: &str, goal: Goal<'_>, visit: Option<&Visit>) -> Option<usize> {
        let by_name = |stage: &Stage| stage.name.as_deref() == Some(name);
        if let Some(at) = self.stages.iter().rposition(by_name) {
            return Some(at);
        }
        let short = path::base(goal.recipe);
        let since = visit.map_or(0, |visit| visit.first_line);
        let unnamed = |stage: &Stage| {
            stage.name.is_none() && stage.host == goal.host && stage.first_line >= since
        };
        let exact = |stage: &Stage| unnamed(stage) && stage.short.as_bytes() == short;
        let fits =
            |stage: &Stage| unnamed(stage) && names::is_of_recipe(stage.short.as_bytes(), short);
        let found = self
            .stages
            .iter()
            .rposition(exact)
            .or_else(|| self.stages.iter().rposition(fits));
        found.or_else(|| {
            // Only one stage worked while make was in the recipe's directory.
            visit?;
            let mut all = self
                .stages
                .iter()
                .enumerate()
                .filter(|(_, stage)| unnamed(stage));
            let only = all.next()?;
            all.next().is_none().then_some(only.0)
        })
    }

    fn take_visit(&mut self, goal: Goal<'_>, ended: bool) -> Option<Visit> {
        let at = self.visit_of(goal)?;
        let found = self.visits[at].clone();
        if ended {
            let visit = &mut self.visits[at];
            (visit.left, visit.fetch) = (0, None);
            if visit.open == 0 && !visit.unreadable {
                self.visits.remove(at);
            }
        }
        Some(found)
    }

    fn add(&mut self, stage: Stage) -> Option<&mut Stage> {
        if self.stages.len() >= LIMIT {
            self.overflow = true;
            return None;
        }
        self.stages.push(stage);
        self.stages.last_mut()
    }

    /// A recipe's physical directory ends as its stage's name does; a variant's
    /// name has one part more.
    fn visit_of(&self, goal: Goal<'_>) -> Option<usize> {
        let ends = |name: &[u8]| {
            let mut visits = self.visits.iter();
            visits.position(|visit| path::base(visit.dir.as_bytes()) == name)
        };
        ends(path::base(goal.recipe)).or_else(|| ends(path::base(path::parent(goal.recipe))))
    }
}
