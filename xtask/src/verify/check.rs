//! The checks, what each found, and the verdict that follows. It fails closed:
//! only evidence from every check gives `cached`.

use serde::Serialize;

use crate::buildlog::Outcome;
use crate::record::Backend;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What the toolchain was made from, against what it would be made from now.
    Inputs,
    /// Its files, against what they were when it was made.
    Files,
    /// What the next build would do.
    NextBuild,
    /// What the last build did.
    LastBuild,
    /// What a second build does (`--twice`).
    Twice,
}

impl Check {
    /// In the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Inputs,
        Self::Files,
        Self::NextBuild,
        Self::LastBuild,
        Self::Twice,
    ];

    /// In a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Inputs => "inputs",
            Self::Files => "files",
            Self::NextBuild => "next build",
            Self::LastBuild => "last build",
            Self::Twice => "twice",
        }
    }

    /// `cached` needs it.
    fn is_needed(self) -> bool {
        self != Self::Twice
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing was made again, nor would be.
    Ok,
    /// Something was made again, or would or must be.
    Recompiled,
    /// It could not be told.
    Unknown,
    /// Nobody asked for it.
    NotRun,
}

impl State {
    /// In a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Recompiled => "recompiled",
            Self::Unknown => "unknown",
            Self::NotRun => "not run",
        }
    }
}

/// One check's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The check.
    pub check: Check,
    /// What it found.
    pub state: State,
    /// The same in words.
    pub sentences: Vec<String>,
    /// Why something was or would be made again: a kind of reason, or a cause
    /// of a log's verdict.
    pub cause: Option<String>,
    /// What to do.
    pub mend: Option<String>,
}

impl Evidence {
    /// An answer.
    pub fn new(check: Check, state: State, sentence: impl Into<String>) -> Self {
        Self {
            check,
            state,
            sentences: vec![sentence.into()],
            cause: None,
            mend: None,
        }
    }

    /// All is as it was.
    pub fn ok(check: Check, sentence: impl Into<String>) -> Self {
        Self::new(check, State::Ok, sentence)
    }

    /// Something was or would be made again.
    pub fn recompiled(check: Check, sentence: impl Into<String>) -> Self {
        Self::new(check, State::Recompiled, sentence)
    }

    /// Nobody knows.
    pub fn unknown(check: Check, sentence: impl Into<String>) -> Self {
        Self::new(check, State::Unknown, sentence)
    }

    /// With one more sentence.
    #[must_use]
    pub fn and(mut self, sentence: impl Into<String>) -> Self {
        self.sentences.push(sentence.into());
        self
    }

    /// With the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// The worse state counts, all sentences stay, and the first cause and mend.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        let rank = |state| match state {
            State::NotRun => 0,
            State::Ok => 1,
            State::Unknown => 2,
            State::Recompiled => 3,
        };
        let worse = rank(other.state) > rank(self.state);
        if worse {
            self.state = other.state;
            self.sentences.splice(0..0, other.sentences);
            self.cause = other.cause.or(self.cause);
            self.mend = other.mend.or(self.mend);
        } else {
            self.sentences.extend(other.sentences);
            self.cause = self.cause.or(other.cause);
            self.mend = self.mend.or(other.mend);
        }
        self
    }
}

/// The verdict on all answers.
pub fn verdict(answers: &[Evidence]) -> Outcome {
    let any = |state| answers.iter().any(|answer| answer.state == state);
    if any(State::Recompiled) {
        return Outcome::Recompiled;
    }
    let needed = Check::ALL.into_iter().filter(|check| check.is_needed());
    let mut needed = needed.map(|check| {
        answers
            .iter()
            .any(|answer| answer.check == check && answer.state == State::Ok)
    });
    match needed.all(|found| found) && !any(State::Unknown) {
        true => Outcome::Cached,
        false => Outcome::Unknown,
    }
}

/// One architecture of one backend.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// OpenWrt release.
    pub release: String,
    /// OpenWrt architecture.
    pub arch: String,
    /// What builds.
    pub backend: Backend,
    /// The verdict.
    pub verdict: Outcome,
    /// The cause of the first check that found one.
    pub cause: Option<String>,
    /// What to do, where it is not cached.
    pub mend: Option<String>,
    /// Each check's answer.
    pub checks: Vec<Evidence>,
    /// Crates of others that the last build compiled: they do not change the
    /// verdict.
    pub dependencies: Vec<crate::record::Piece>,
}

impl Subject {
    /// With the verdict that follows from the answers.
    pub fn judged(mut self) -> Self {
        self.verdict = verdict(&self.checks);
        let bad = match self.verdict {
            Outcome::Cached => None,
            Outcome::Recompiled => Some(State::Recompiled),
            Outcome::Unknown => Some(State::Unknown),
        };
        let decisive = || {
            self.checks
                .iter()
                .filter(|answer| Some(answer.state) == bad)
        };
        let cause = decisive().find_map(|answer| answer.cause.clone());
        let mend = decisive().find_map(|answer| answer.mend.clone());
        (self.cause, self.mend) = (cause, mend);
        self
    }

    /// Adds an answer, in place of one of the same check.
    pub fn answer(&mut self, evidence: Evidence) {
        self.checks.retain(|answer| answer.check != evidence.check);
        self.checks.push(evidence);
        self.checks.sort_by_key(|answer| answer.check);
    }
}

/// The verdict on all of them; nothing is no evidence.
pub fn all(subjects: &[Subject]) -> Outcome {
    let any = |verdict| subjects.iter().any(|subject| subject.verdict == verdict);
    if any(Outcome::Recompiled) {
        Outcome::Recompiled
    } else if subjects.is_empty() || any(Outcome::Unknown) {
        Outcome::Unknown
    } else {
        Outcome::Cached
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATES: [State; 4] = [State::Ok, State::Recompiled, State::Unknown, State::NotRun];

    fn answers(states: &[State]) -> Vec<Evidence> {
        let pairs = Check::ALL.into_iter().zip(states);
        pairs
            .map(|(check, state)| Evidence::new(check, *state, "x"))
            .collect()
    }

    #[test]
    fn the_table() {
        use State::{NotRun, Ok, Recompiled, Unknown};
        for (states, expected) in [
            (vec![], Outcome::Unknown),
            (vec![Ok, Ok, Ok, Ok], Outcome::Cached),
            (vec![Ok, Ok, Ok, Ok, NotRun], Outcome::Cached),
            (vec![Ok, Ok, Ok, Ok, Ok], Outcome::Cached),
            (vec![Ok, Ok, Ok, Ok, Unknown], Outcome::Unknown),
            (vec![Ok, Ok, Ok, Ok, Recompiled], Outcome::Recompiled),
            (vec![Ok, Ok, Ok], Outcome::Unknown),
            (vec![Ok, Ok, Ok, NotRun, Ok], Outcome::Unknown),
            (vec![Unknown, Ok, Recompiled, Ok], Outcome::Recompiled),
        ] {
            assert_eq!(verdict(&answers(&states)), expected, "{states:?}");
        }
        assert_eq!(all(&[]), Outcome::Unknown);
    }

    #[test]
    fn the_worse_answer_speaks_first() {
        let good = Evidence::ok(Check::Files, "the compiler is whole");
        let bad = Evidence::recompiled(Check::Files, "std is gone").because("file-missing");
        for answer in [good.clone().with(bad.clone()), bad.with(good)] {
            assert_eq!(answer.state, State::Recompiled);
            assert_eq!(answer.sentences, ["std is gone", "the compiler is whole"]);
            assert_eq!(answer.cause.as_deref(), Some("file-missing"));
        }
    }

    proptest! {
        /// Only full evidence is `cached`, in any order and number of answers.
        #[test]
        fn no_doubt_is_ever_cached(picked in prop::collection::vec((0usize..5, 0usize..4), 0..9)) {
            let answers: Vec<Evidence> = picked
                .iter()
                .map(|&(check, state)| Evidence::new(Check::ALL[check], STATES[state], "x"))
                .collect();
            let has = |state| answers.iter().any(|answer| answer.state == state);
            let complete = Check::ALL.into_iter().filter(|check| *check != Check::Twice).all(|check| {
                answers.iter().any(|answer| answer.check == check && answer.state == State::Ok)
            });
            let expected = match (has(State::Recompiled), has(State::Unknown), complete) {
                (true, ..) => Outcome::Recompiled,
                (false, false, true) => Outcome::Cached,
                _ => Outcome::Unknown,
            };
            prop_assert_eq!(verdict(&answers), expected);
        }
    }
}
