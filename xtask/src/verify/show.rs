//! The answers as a table.

use std::fmt::Write;

use super::check::{Subject, all};
use crate::buildlog::Outcome;
use crate::record::list;

/// Third-party crates that the table names.
const NAMED: usize = 4;

/// The whole report: a table for each architecture and backend, and the verdict.
pub fn text(subjects: &[Subject], mend_for_nothing: &str) -> String {
    let mut out = String::new();
    for subject in subjects {
        table(subject, &mut out);
    }
    let _ = writeln!(out, "{}", headline(subjects));
    let mut mends: Vec<&str> = subjects
        .iter()
        .filter_map(|subject| subject.mend.as_deref())
        .collect();
    mends.dedup();
    if subjects.is_empty() {
        mends.push(mend_for_nothing);
    }
    for mend in mends {
        let _ = writeln!(out, "mend: {mend}");
    }
    out
}

/// `recompiled: mips_24kc native (first-build)`
pub fn headline(subjects: &[Subject]) -> String {
    let verdict = all(subjects);
    let meaning = match verdict {
        Outcome::Cached => {
            return "cached: nothing of the toolchain was made again, nor would be".to_owned();
        }
        Outcome::Recompiled => "something of the toolchain was made again, or would be",
        Outcome::Unknown if subjects.is_empty() => "there is no record of a build",
        Outcome::Unknown => "there is no evidence that nothing was made again",
    };
    let of = subjects
        .iter()
        .filter(|subject| subject.verdict == verdict)
        .map(|subject| {
            let name = format!("{} {}", subject.arch, subject.backend.name());
            match &subject.cause {
                Some(cause) => format!("{name} ({cause})"),
                None => name,
            }
        })
        .collect::<Vec<_>>();
    match of.is_empty() {
        true => format!("{}: {meaning}", verdict.name()),
        false => format!("{}: {meaning}: {}", verdict.name(), of.join(", ")),
    }
}

fn table(subject: &Subject, out: &mut String) {
    let _ = writeln!(
        out,
        "{} {} {}: {}",
        subject.arch,
        subject.release,
        subject.backend.name(),
        subject.verdict.name()
    );
    for (number, answer) in subject.checks.iter().enumerate() {
        let mut sentences = answer.sentences.iter();
        let _ = writeln!(
            out,
            "  {} {:<11}{:<12}{}",
            number + 1,
            answer.check.title(),
            answer.state.title(),
            sentences.next().map_or("", String::as_str)
        );
        for sentence in sentences {
            let _ = writeln!(out, "{:27}{sentence}", "");
        }
    }
    if !subject.dependencies.is_empty() {
        let names: Vec<&str> = subject
            .dependencies
            .iter()
            .map(|piece| piece.name.as_str())
            .collect();
        let _ = writeln!(
            out,
            "  third-party crates of the last build, not of the toolchain: {}",
            list(&names, NAMED)
        );
    }
    out.push('\n');
}
