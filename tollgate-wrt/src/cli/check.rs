//! `config check`: what the configuration says, for people or for programs.

use std::process::ExitCode;

use serde::Serialize;

use super::output::{complain, exit_code, print};
use super::table::Parsed;
use crate::config::{self, Error, Finding, Loaded};
use crate::paths::Paths;

/// What `--json` prints (docs/json.md).
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    /// How many mints there are; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    mints: Option<usize>,
    findings: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    severity: &'static str,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    message: &'a str,
}

impl<'a> Item<'a> {
    fn new(severity: &'static str, finding: &'a Finding) -> Self {
        Self {
            severity,
            file: finding.file.display().to_string(),
            line: finding.line,
            column: finding.column,
            message: &finding.message,
        }
    }
}

/// Says what is wrong with the configuration, or odd.
///
/// # Errors
/// What is wrong with the options.
pub fn run(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    Ok(exit_code(check(&paths, parsed.json())))
}

/// Reads the configuration and prints what there is to say about it; whether
/// the daemon would start with it.
fn check(paths: &Paths, as_json: bool) -> bool {
    let loaded = config::load(paths);
    let unused = config::no_counterpart(paths).unwrap_or_default();
    let is_printed = match (as_json, &loaded) {
        (true, _) => print(&json(&loaded, &unused)),
        (false, Ok(loaded)) => print(&text(loaded, &unused)),
        (false, Err(errors)) => {
            for error in &errors.0 {
                complain(&error.to_string());
            }
            true
        }
    };
    is_printed && loaded.is_ok()
}

fn json(loaded: &Result<Loaded, Error>, unused: &[Finding]) -> String {
    let (severity, findings) = match loaded {
        Ok(loaded) => ("warning", &loaded.warnings),
        Err(errors) => ("error", &errors.0),
    };
    let report = Report {
        ok: loaded.is_ok(),
        mints: loaded.as_ref().ok().map(mints),
        findings: findings
            .iter()
            .map(|finding| Item::new(severity, finding))
            .chain(unused.iter().map(|finding| Item::new("note", finding)))
            .collect(),
    };
    // Numbers and strings only: there is nothing that JSON cannot say.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

fn text(loaded: &Loaded, unused: &[Finding]) -> String {
    let mut text = String::new();
    for warning in &loaded.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for note in unused {
        text.push_str(&format!("note: {note}\n"));
    }
    text.push_str(&match mints(loaded) {
        0 => "The configuration can be read, but names no mint: nothing is sold.\n".to_owned(),
        1 => "The configuration is right; 1 mint.\n".to_owned(),
        mints => format!("The configuration is right; {mints} mints.\n"),
    });
    text
}

fn mints(loaded: &Loaded) -> usize {
    loaded.settings.file.accepted_mints.len()
}
