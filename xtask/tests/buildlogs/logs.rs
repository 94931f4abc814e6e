//! The logs, and what is known of them.

use std::path::PathBuf;

use serde_json::json;
use xtask::buildlog::{Baseline, Cause, Outcome, Scanner, Verdict};

use crate::support;

/// A log with what really happened.
pub struct Log {
    pub name: String,
    pub text: String,
    pub verdict: Outcome,
    pub cause: Option<Cause>,
    /// `yes`, `no`, `no-failed`.
    pub package: String,
}

pub fn folder() -> Option<PathBuf> {
    support::shared("buildlogs")
}

pub fn logs() -> Vec<Log> {
    let Some(dir) = folder() else {
        return Vec::new();
    };
    let truth = std::fs::read_to_string(dir.join("TRUTH.tsv")).unwrap();
    let logs: Vec<Log> = truth
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let verdict = match cells[1] {
                "cached" => Outcome::Cached,
                "recompiled" => Outcome::Recompiled,
                _ => Outcome::Unknown,
            };
            let cause =
                (!cells[2].is_empty()).then(|| serde_json::from_value(json!(cells[2])).unwrap());
            let text = std::fs::read_to_string(dir.join(cells[0])).unwrap();
            Log {
                name: cells[0].into(),
                text,
                verdict,
                cause,
                package: cells[3].into(),
            }
        })
        .collect();
    assert!(logs.len() >= 23);
    logs
}

pub fn scan(text: &[u8], baseline: Option<Baseline>) -> Verdict {
    let mut scanner = Scanner::with_baseline(baseline);
    scanner.push(text);
    scanner.finish()
}

/// The cause is the truth's, or undecided with the truth among what remains.
pub fn cause_fits(verdict: &Verdict, truth: Option<Cause>) -> bool {
    verdict.cause == truth
        || (verdict.cause == Some(Cause::NotDetermined)
            && truth.is_some_and(|truth| {
                truth == Cause::NotDetermined || verdict.candidates.contains(&truth)
            }))
}

/// The verdict is the truth's or `unknown`; the cause fits.
pub fn holds_or_unknown(log: &Log, verdict: &Verdict, what: &str) {
    let name = &log.name;
    if verdict.verdict == Outcome::Unknown {
        assert_eq!(verdict.cause, None, "{name}, {what}");
        return;
    }
    assert_eq!(verdict.verdict, log.verdict, "{name}, {what}: {verdict:#?}");
    assert!(
        cause_fits(verdict, log.cause),
        "{name}, {what}: {:?} of {:?}",
        verdict.cause,
        verdict.candidates
    );
}
