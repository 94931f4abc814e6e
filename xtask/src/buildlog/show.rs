//! A verdict as text.

use std::fmt::Write;

use super::cause::Cause;
use super::image::State;
use super::verdict::{Outcome, Verdict};

/// Names shown of a long list.
const NAMES: usize = 8;

/// The whole report.
pub fn text(verdict: &Verdict) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", headline(verdict));
    if !verdict.candidates.is_empty() {
        out.push_str("it is one of\n");
        for cause in &verdict.candidates {
            let _ = writeln!(out, "  {:<21} {}", cause.name(), cause.mend());
        }
    }
    if let Some(mend) = &verdict.mend {
        let _ = writeln!(out, "mend: {mend}");
    }
    stages(verdict, &mut out);
    images(verdict, &mut out);
    if !verdict.deciding.is_empty() {
        out.push_str("\ndeciding lines\n");
        for note in &verdict.deciding {
            let _ = writeln!(
                out,
                "{:>7}  {}\n         {}",
                note.line, note.meaning, note.text
            );
        }
    }
    for (title, names) in [
        ("packages compiled", &verdict.packages),
        ("crates compiled", &verdict.dependencies),
    ] {
        if !names.is_empty() {
            let more = names.len().saturating_sub(NAMES);
            let shown = names[..names.len() - more].join(", ");
            let rest = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let _ = writeln!(out, "\n{title} ({}): {shown}{rest}", names.len());
        }
    }
    out
}

/// `recompiled: rust/host-compile, because stamp-renamed`
pub fn headline(verdict: &Verdict) -> String {
    let ran: Vec<&str> = verdict
        .stages
        .iter()
        .filter(|row| row.host && row.ran)
        .map(|row| row.name.as_str())
        .collect();
    let ran = if ran.is_empty() {
        String::new()
    } else {
        format!(": {}", ran.join(", "))
    };
    match (verdict.verdict, verdict.cause) {
        (Outcome::Cached, _) => "cached: nothing of the toolchain was made again".into(),
        (Outcome::Unknown, _) => {
            "unknown: the log does not show that nothing was made again".into()
        }
        (Outcome::Recompiled, None | Some(Cause::NotDetermined)) => {
            format!("recompiled{ran}\ncause: not-determined")
        }
        (Outcome::Recompiled, Some(cause)) => format!("recompiled{ran}\ncause: {}", cause.name()),
    }
}

fn stages(verdict: &Verdict, out: &mut String) {
    if verdict.stages.is_empty() {
        return;
    }
    let width = verdict
        .stages
        .iter()
        .map(|row| row.name.len())
        .max()
        .unwrap_or(0)
        .clamp(5, 60);
    let _ = writeln!(
        out,
        "\n{:<width$}  {:<9} {:>9}  lines",
        "stage", "", "seconds"
    );
    for row in &verdict.stages {
        let state = match (row.failed, row.ran) {
            (true, _) => "failed",
            (_, true) => "ran",
            (_, false) => "unchanged",
        };
        let _ = writeln!(
            out,
            "{:<width$}  {state:<9} {:>9}  {}-{}",
            row.name,
            seconds(row.seconds),
            row.first_line,
            row.last_line
        );
    }
}

fn images(verdict: &Verdict, out: &mut String) {
    if verdict.image_steps.is_empty() {
        return;
    }
    out.push_str("\nimage steps\n");
    for step in &verdict.image_steps {
        let state = match step.state {
            State::Begun => "begun",
            State::Cached => "CACHED",
            State::Ran => "ran",
            State::Failed => "failed",
        };
        let _ = writeln!(
            out,
            "{state:<7} {:>9}  {}",
            seconds(step.seconds),
            step.name
        );
    }
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.2}"))
}
