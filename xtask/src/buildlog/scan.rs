//! Lines in, what happened out. A line can be given as soon as it is written:
//! [`Scanner::began`] says at once when a stage of the toolchain is made again.

use super::baseline::Baseline;
use super::cause::Because;
use super::facts::Facts;
use super::filter::Filter;
use super::lines::Lines;
use super::path::Paths;
use super::reason;
use super::stage::Note;
use super::verdict::{self, Verdict};

/// Reads a log in pieces of any size.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    lines: Lines,
    scratch: Vec<u8>,
    filter: Filter,
    paths: Paths,
    facts: Facts,
    baseline: Option<Baseline>,
}

/// A stage of the toolchain that is being made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its name.
    pub stage: String,
    /// The line that shows it.
    pub note: Option<Note>,
}

impl Scanner {
    /// A scanner that knows what was baked.
    pub fn with_baseline(baseline: Option<Baseline>) -> Self {
        Self {
            baseline,
            ..Self::default()
        }
    }

    /// Takes the next bytes of the log.
    pub fn push(&mut self, bytes: &[u8]) {
        let Self {
            lines,
            scratch,
            filter,
            paths,
            facts,
            ..
        } = self;
        facts.text |= bytes.iter().any(|byte| !byte.is_ascii_whitespace());
        lines.push(bytes, filter, |line| facts.line(line, scratch, paths));
    }

    /// The first stage of the toolchain that is being made again.
    pub fn began(&self) -> Option<Begun> {
        let table = &self.facts.table;
        if let Some(stage) = table.stages.iter().find(|stage| stage.host && stage.ran) {
            return Some(Begun {
                stage: stage.title(),
                note: stage.notes.first().cloned(),
            });
        }
        let (name, note) = table.host_fetch()?;
        Some(Begun {
            stage: name.to_owned(),
            note: Some(note.clone()),
        })
    }

    /// Why what [`Self::began`] tells of began, while the build still runs: a
    /// stage that did not end yet is not taken for one that failed.
    pub fn why(&self) -> Option<Because> {
        self.began()?;
        Some(reason::of(&self.facts, self.baseline.as_ref(), false))
    }

    /// The verdict if the log ended here.
    pub fn verdict(&self) -> Verdict {
        self.clone().finish()
    }

    /// The verdict.
    pub fn finish(mut self) -> Verdict {
        let Self {
            lines,
            scratch,
            filter,
            paths,
            facts,
            ..
        } = &mut self;
        lines.finish(filter, |line| facts.line(line, scratch, paths));
        verdict::of(&self.facts, self.baseline.as_ref())
    }
}
