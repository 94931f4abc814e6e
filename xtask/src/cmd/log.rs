//! `log`: the verdict on a build log.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::buildlog::{self, Baseline, Outcome, Verdict, show, svg};
use crate::flags::Log;
use crate::util::fs;
use crate::util::ui::Ui;

/// Runs the command; the verdict is the exit code.
///
/// # Errors
/// A baseline that is wrong, a drawing that cannot be written, and a log that
/// cannot be read to its end. A missing log is a verdict: `unknown`.
pub fn run(flags: &Log) -> Result<ExitCode> {
    let verdict = match flags.baseline.as_deref().map(Baseline::read).transpose() {
        Ok(baseline) => read(&flags.file, baseline),
        Err(error) => {
            Ui::default().error(&error);
            return Ok(ExitCode::from(2));
        }
    };
    if let Some(file) = &flags.svg {
        fs::write_atomic(file, svg::draw(&verdict).as_bytes(), 0o644)?;
    }
    // A closed pipe (`… | head`) must not hide the verdict's exit code.
    let text = if flags.json {
        serde_json::to_string_pretty(&verdict).context("write JSON")? + "\n"
    } else {
        show::text(&verdict)
    };
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes());
    Ok(ExitCode::from(verdict.verdict.code()))
}

/// A log that cannot be read gives no evidence.
fn read(file: &Path, baseline: Option<Baseline>) -> Verdict {
    let scanned = if file == Path::new("-") {
        buildlog::scan(std::io::stdin().lock(), baseline)
    } else {
        std::fs::File::open(file)
            .with_context(|| format!("open {}", file.display()))
            .and_then(|log| buildlog::scan(log, baseline))
    };
    scanned.unwrap_or_else(|error| {
        Ui::default().error(&error);
        let verdict =
            buildlog::verdict::of_nothing("Give a log that can be read: this one was not.");
        debug_assert_eq!(verdict.verdict, Outcome::Unknown);
        verdict
    })
}
