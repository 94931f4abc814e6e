//! `ci summary`: what the builds made, as Markdown for a workflow's page, from
//! the records that they left and what `verify-cache` says of them.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::steps::Steps;
use crate::context::Context;
use crate::fingerprint::hex;
use crate::flags::CiSummary;
use crate::record::{self, Backend, Record};
use crate::util::fs;
use crate::verify::subject::recorded;

/// One build.
#[derive(Debug, Serialize)]
struct Row {
    release: String,
    arch: String,
    backend: Backend,
    /// What it made; null for a build that gave no package, or one that is no
    /// longer what was made.
    package: Option<Package>,
    /// Why there is none.
    error: Option<String>,
    /// Of `verify-cache`.
    verdict: String,
    cause: Option<String>,
    mend: Option<String>,
}

#[derive(Debug, Serialize)]
struct Package {
    file: String,
    version: String,
    size: u64,
    sha256: String,
}

/// Runs the command.
///
/// # Errors
/// With --github outside of a workflow. What is wrong with a build is said in
/// the summary and is no error here: other steps failed for it.
pub fn run(flags: &CiSummary, ctx: &Context) -> Result<ExitCode> {
    let dist = flags.dist.clone().unwrap_or_else(|| ctx.root.join("dist"));
    let mut rows: Vec<Row> = recorded(&dist)
        .into_iter()
        .map(|(release, arch, backend)| row(&dist, release, arch, backend))
        .collect();
    if !rows.is_empty() {
        let mut args = vec!["verify-cache"];
        let folder = dist.to_str().context("--dist is no text")?;
        if flags.dist.is_some() {
            args.extend(["--dist", folder]);
        }
        let (answer, _) = Steps::new(ctx)?.json(&args)?;
        for row in &mut rows {
            judge(row, &answer);
        }
    }
    let text = markdown(&rows);
    if flags.github {
        super::tell_runner("GITHUB_STEP_SUMMARY", &text)?;
    }
    match flags.json {
        true => println!("{:#}", json!({ "builds": rows })),
        false => print!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn row(dist: &Path, release: String, arch: String, backend: Backend) -> Row {
    let (package, error) = match package(dist, &release, &arch, backend) {
        Ok(package) => (Some(package), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    Row {
        release,
        arch,
        backend,
        package,
        error,
        verdict: "unknown".to_owned(),
        cause: None,
        mend: None,
    }
}

/// What was made, if the file is still that.
fn package(dist: &Path, release: &str, arch: &str, backend: Backend) -> Result<Package> {
    let path = record::path(dist, release, arch, backend);
    let record = Record::read(&path)?.context("the record is gone")?;
    let result = record.result.context("this build gave no package")?;
    let made = result.package;
    let content = fs::read(&path.with_file_name(&made.file))?;
    ensure!(
        hex(&Sha256::digest(&content)) == made.sha256,
        "{} is not what this build made",
        made.file
    );
    Ok(Package {
        file: made.file,
        version: made.version,
        size: made.size,
        sha256: made.sha256,
    })
}

/// Takes over what `verify-cache` says of the same build.
fn judge(row: &mut Row, answer: &Value) {
    let subjects = answer["subjects"].as_array();
    let found = subjects.into_iter().flatten().find(|subject| {
        subject["release"] == json!(row.release)
            && subject["arch"] == json!(row.arch)
            && subject["backend"] == json!(row.backend)
    });
    let Some(found) = found else { return };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    row.verdict = text(&found["verdict"]).unwrap_or_else(|| "unknown".to_owned());
    row.cause = text(&found["cause"]);
    row.mend = text(&found["mend"]);
}

fn markdown(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "### Packages\n\nNothing was built.\n".to_owned();
    }
    let mut text = String::from(
        "### Packages\n\n| release | architecture | package | size | built | toolchain | SHA-256 |\n|---|---|---|--:|---|---|---|\n",
    );
    for row in rows {
        let (file, size, sha256) = match &row.package {
            Some(package) => (
                format!("`{}`", cell(&package.file)),
                fs::human_size(package.size),
                format!("`{}`", cell(&package.sha256)),
            ),
            None => ("**none**".to_owned(), String::new(), String::new()),
        };
        let verdict = match row.verdict.as_str() {
            "cached" => "cached".to_owned(),
            other => format!("**{}**", cell(other)),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {file} | {size} | {} | {verdict} | {sha256} |",
            cell(&row.release),
            cell(&row.arch),
            match row.backend {
                Backend::Native => "natively",
                Backend::Sdk => "by the SDK",
            },
        );
    }
    let mut notes = String::new();
    for row in rows {
        let subject = format!("{} {} ({})", row.release, row.arch, row.backend.name());
        if let Some(error) = &row.error {
            let _ = writeln!(notes, "- {}: {}", cell(&subject), cell(error));
        }
        if row.verdict != "cached" {
            let cause = row.cause.as_deref().unwrap_or("no evidence");
            let mend = row
                .mend
                .as_deref()
                .map_or_else(String::new, |mend| format!(". {mend}"));
            let said = format!("{subject}: toolchain {}, {cause}{mend}", row.verdict);
            let _ = writeln!(notes, "- {}", cell(&said));
        }
    }
    if !notes.is_empty() {
        text += &format!("\n{notes}");
    }
    text
}

/// Text that stays in its cell: what a record holds must not become markup.
fn cell(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '|' | '`' | '<' | '>' | '[' | ']' | '\\' => '\'',
            char if char.is_control() => ' ',
            char => char,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_holds_stays_in_its_cell() {
        let row = Row {
            release: "24.10".to_owned(),
            arch: "mips | `x`\n<b>".to_owned(),
            backend: Backend::Native,
            package: None,
            error: Some("gone\n# heading".to_owned()),
            verdict: "unknown".to_owned(),
            cause: None,
            mend: Some("cargo xtask ipk".to_owned()),
        };
        let text = markdown(&[row]);
        let table: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(table.len(), 3);
        assert!(
            table.iter().all(|line| line.matches('|').count() == 8),
            "{text}"
        );
        assert!(!text.contains("\n# ") && !text.contains("<b>"), "{text}");
        assert!(text.contains("no evidence. cargo xtask ipk"), "{text}");
        assert!(markdown(&[]).contains("Nothing was built"));
    }
}
