//! `reproduce`: does a published package come from where it says?

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::context::Context;
use crate::fingerprint::hash_file;
use crate::flags::Reproduce;
use crate::inspect::printable;
use crate::provenance::beside;
use crate::provenance::statement::Statement;
use crate::reproduce::compare::Difference;
use crate::reproduce::recorded::Recorded;
use crate::reproduce::{self, Answer, Request, Verdict};
use crate::util::interrupt::{self, Stopped};

/// Exit code where nothing is known.
const UNKNOWN: u8 = 3;
/// Most of a value that is shown.
const MAX_SHOWN: usize = 120;

/// Runs the command.
///
/// # Errors
/// With `--json` none: they are in the object, and the exit code is 3.
pub fn run(flags: &Reproduce, ctx: &Context) -> Result<ExitCode> {
    match answer(flags, ctx) {
        Ok(code) => Ok(code),
        Err(error) if error.is::<Stopped>() => {
            ctx.ui.error(&error);
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        Err(error) if flags.json => {
            let object = json!({ "verdict": "unknown", "error": format!("{error:#}") });
            println!("{}", serde_json::to_string_pretty(&object)?);
            ctx.ui.error(&error);
            Ok(ExitCode::from(UNKNOWN))
        }
        Err(error) => Err(error),
    }
}

fn answer(flags: &Reproduce, ctx: &Context) -> Result<ExitCode> {
    let file = flags.file.display();
    let sha256 = hash_file(&flags.file).with_context(|| format!("read {file}"))?;
    let path = match &flags.provenance {
        Some(path) => path.clone(),
        None => beside(&flags.file, ".provenance.json"),
    };
    if !path.is_file() {
        anyhow::bail!(
            "{} is not there, which says how the package was made: get it from where the package \
             comes from, or name it with --provenance",
            path.display()
        );
    }
    let statement = Statement::read(&path)?;
    if statement.sha256() != sha256 {
        let text = format!(
            "{file} is not the package that {} is of: its SHA-256 is {sha256}, that one's is {}",
            path.display(),
            printable(statement.sha256())
        );
        return not_the_package(flags, &text, ctx);
    }
    let recorded = Recorded::of(&statement).with_context(|| format!("rebuild {file}"))?;
    let asked = &recorded.asked;
    if flags.dry_run {
        let text = format!(
            "{} for {} of {} ({}) at commit {}, with {}",
            asked.crate_name,
            asked.arch,
            asked.release,
            asked.backend.name(),
            recorded.commit,
            printable(
                recorded
                    .compiler
                    .as_deref()
                    .unwrap_or("the SDK image's compiler")
            )
        );
        match flags.json {
            true => println!(
                "{}",
                serde_json::to_string_pretty(&json!({
                    "verdict": null, "sha256": sha256, "commit": recorded.commit,
                    "compiler": recorded.compiler,
                }))?
            ),
            false => ctx.ui.status("Would rebuild", &text),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let request = Request {
        file: &flags.file,
        recorded: &recorded,
        source: flags.source.as_deref(),
        any_toolchain: flags.any_toolchain,
        output: flags.output.as_deref(),
    };
    let answer = reproduce::reproduce(&request, ctx).with_context(|| format!("rebuild {file}"))?;
    if flags.json {
        let mut object = serde_json::to_value(&answer).context("write the answer")?;
        object["sha256"] = sha256.clone().into();
        object["commit"] = recorded.commit.clone().into();
        println!("{}", serde_json::to_string_pretty(&object)?);
    }
    tell(
        &answer,
        &file.to_string(),
        &sha256,
        &recorded,
        flags.json,
        ctx,
    );
    Ok(match answer.verdict {
        Verdict::Reproduced => ExitCode::SUCCESS,
        Verdict::Different => ExitCode::FAILURE,
    })
}

fn not_the_package(flags: &Reproduce, text: &str, ctx: &Context) -> Result<ExitCode> {
    if flags.json {
        let object = json!({ "verdict": "different", "error": text, "differences": [] });
        println!("{}", serde_json::to_string_pretty(&object)?);
    }
    ctx.ui.error(&anyhow::anyhow!("{text}"));
    Ok(ExitCode::FAILURE)
}

fn tell(answer: &Answer, file: &str, sha256: &str, recorded: &Recorded, json: bool, ctx: &Context) {
    match answer.verdict {
        Verdict::Reproduced if answer.signature_aside => ctx.ui.status(
            "Reproduced",
            &format!(
                "{file} but for its signature, from commit {}",
                recorded.commit
            ),
        ),
        Verdict::Reproduced => ctx.ui.status(
            "Reproduced",
            &format!(
                "{file}: the same bytes from commit {} (sha256 {sha256})",
                recorded.commit
            ),
        ),
        Verdict::Different => {
            ctx.ui.error(&anyhow::anyhow!(
                "{file} is not what commit {} gives: {} published, {} rebuilt",
                recorded.commit,
                sha256,
                answer.rebuilt_sha256
            ));
            if !json {
                for difference in &answer.differences {
                    println!("{}", line(difference));
                }
            }
        }
    }
    if let Some(kept) = &answer.rebuilt {
        ctx.ui
            .note(&format!("the rebuilt package is {}", kept.display()));
    }
}

fn line(difference: &Difference) -> String {
    let side = |value: &Option<String>| match value {
        None => "nothing".to_owned(),
        Some(text) => {
            let text: String = text.chars().take(MAX_SHOWN).collect();
            printable(&text).into_owned()
        }
    };
    format!(
        "{}: {}: {} published, {} rebuilt",
        printable(&difference.place),
        difference.what,
        side(&difference.published),
        side(&difference.rebuilt)
    )
}
