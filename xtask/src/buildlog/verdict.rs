//! The verdict. It fails closed: what shows nothing of the toolchain, or not
//! all of it, is `unknown`.

use serde::{Deserialize, Serialize};

use super::baseline::Baseline;
use super::cause::{Because, Cause};
use super::doubt::doubt;
use super::facts::{Facts, notes};
use super::image::{ImageStep, State};
use super::reason;
use super::stage::{Note, Stage};

/// Was anything of the toolchain made again?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// No, and the log shows that all of it was looked at.
    Cached,
    /// Yes.
    Recompiled,
    /// The log does not show enough.
    Unknown,
}

impl Outcome {
    /// The exit code of commands that give a verdict.
    pub fn code(self) -> u8 {
        match self {
            Self::Cached => 0,
            Self::Recompiled => 1,
            Self::Unknown => 3,
        }
    }

    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Recompiled => "recompiled",
            Self::Unknown => "unknown",
        }
    }
}

/// What a log says.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The verdict.
    pub verdict: Outcome,
    /// Why something was made again.
    pub cause: Option<Cause>,
    /// The causes that remain when it is not determined.
    pub candidates: Vec<Cause>,
    /// The stages, in the order of their first lines.
    pub stages: Vec<Row>,
    /// The lines that decide.
    pub deciding: Vec<Note>,
    /// What to do.
    pub mend: Option<String>,
    /// Crates that cargo compiled for packages; they do not change the verdict.
    pub dependencies: Vec<String>,
    /// Packages that were compiled; they do not change the verdict.
    pub packages: Vec<String>,
    /// The steps of an image's build, where the log is of one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_steps: Vec<ImageStep>,
}

/// A stage in the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// As the log names it: `package/feeds/packages/rust/host-compile`.
    pub name: String,
    /// It, or a part of it, was made.
    pub ran: bool,
    /// Wall time.
    pub seconds: Option<f64>,
    /// Counted from 1.
    pub first_line: u64,
    /// Counted from 1.
    pub last_line: u64,
    /// Part of the toolchain.
    #[serde(skip)]
    pub host: bool,
    /// It failed.
    #[serde(skip)]
    pub failed: bool,
}

/// The verdict on a whole log.
pub fn of(facts: &Facts, baseline: Option<&Baseline>) -> Verdict {
    if facts.hosts().any(|stage| stage.ran) || facts.table.host_fetch().is_some() {
        return recompiled(facts, baseline);
    }
    if facts.hosts().next().is_none() && !facts.image.steps.is_empty() {
        return of_image(facts);
    }
    match doubt(facts, baseline) {
        Some((mend, lines)) => Verdict {
            mend: Some(mend),
            ..report(facts, Outcome::Unknown, lines)
        },
        None if facts.hosts().next().is_none() => {
            report(facts, Outcome::Cached, notes(facts.packages()))
        }
        None => report(facts, Outcome::Cached, notes(facts.hosts())),
    }
}

/// The verdict on a log that is not there.
pub fn of_nothing(why: &str) -> Verdict {
    Verdict {
        mend: Some(why.to_owned()),
        ..report(&Facts::default(), Outcome::Unknown, Vec::new())
    }
}

fn recompiled(facts: &Facts, baseline: Option<&Baseline>) -> Verdict {
    let mut lines = notes(facts.hosts().filter(|stage| stage.ran));
    lines.extend(facts.table.host_fetch().map(|(_, note)| note.clone()));
    lines.sort_by_key(|note| note.line);
    let because = reason::of(facts, baseline, true);
    with_cause(report(facts, Outcome::Recompiled, lines), because)
}

fn with_cause(verdict: Verdict, because: Because) -> Verdict {
    Verdict {
        cause: Some(because.cause),
        mend: Some(because.cause.mend().to_owned()),
        candidates: because.candidates,
        ..verdict
    }
}

/// The verdict on an image's build that shows nothing of OpenWrt's stages:
/// make's output may be in a file.
fn of_image(facts: &Facts) -> Verdict {
    let image = &facts.image;
    let bakes = || image.steps.iter().filter(|step| step.bakes());
    let notes = || bakes().map(ImageStep::note).collect::<Vec<_>>();
    if bakes().any(|step| step.state == State::Failed) {
        return with_cause(
            report(facts, Outcome::Recompiled, notes()),
            Cause::StageFailed.into(),
        );
    }
    if bakes().any(|step| step.state == State::Ran) {
        let because = Because {
            cause: Cause::NotDetermined,
            candidates: vec![Cause::FirstBuild, Cause::FeedUpdated, Cause::ConfigChanged],
        };
        return with_cause(report(facts, Outcome::Recompiled, notes()), because);
    }
    let cached = bakes().next().is_some() && bakes().all(|step| step.state == State::Cached);
    if cached && image.written {
        return report(facts, Outcome::Cached, notes());
    }
    let mend = if cached {
        "The log ends before the image was written: give all of it."
    } else {
        "No step of this image's build is known to make a toolchain: the log says nothing about one."
    };
    Verdict {
        mend: Some(mend.to_owned()),
        ..report(facts, Outcome::Unknown, notes())
    }
}

fn report(facts: &Facts, verdict: Outcome, deciding: Vec<Note>) -> Verdict {
    let mut stages: Vec<Row> = facts.table.stages.iter().map(row).collect();
    stages.sort_by_key(|row| row.first_line);
    let built = facts.packages().filter(|stage| stage.built);
    Verdict {
        verdict,
        cause: None,
        candidates: Vec::new(),
        stages,
        deciding,
        mend: None,
        dependencies: facts.crates.clone(),
        packages: built.map(|stage| stage.short.clone()).collect(),
        image_steps: facts.image.steps.clone(),
    }
}

fn row(stage: &Stage) -> Row {
    Row {
        name: stage.title(),
        ran: stage.ran,
        seconds: stage.seconds,
        first_line: stage.first_line,
        last_line: stage.last_line,
        host: stage.host,
        failed: stage.failed,
    }
}
