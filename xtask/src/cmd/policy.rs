//! `policy`: licences, sources, bans and known faults of everything in
//! Cargo.lock, by deny.toml.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::config::strict;
use crate::context::Context;
use crate::flags::Policy as Flags;
use crate::policy::deny::{Level, Policy};
use crate::policy::graph::Package;
use crate::policy::index::{Index, State};
use crate::policy::{Findings, advisory, graph};
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// No deny.toml, or one with mistakes; what cargo says; a broken database.
pub fn run(flags: &Flags, ctx: &Context) -> Result<ExitCode> {
    let file = ctx.root.join("deny.toml");
    let policy: Policy = strict::parse(&file, &fs::read_text(&file)?)?;
    let packages = graph::packages(&ctx.root, &policy)?;
    let mut findings = Findings::default();
    graph::check(&packages, &policy, &mut findings);
    let home = cargo_home()?;
    let unknown = yanked(&packages, &policy, &Index::of(&home), &mut findings);
    let databases = match &flags.advisory_db {
        Some(dir) => vec![dir.clone()],
        None => advisory::usual_places(&home),
    };
    for database in &databases {
        audit(&packages, &policy, database, &mut findings)?;
    }
    let errors = findings.0.iter().filter(|one| one.error).count();
    if flags.json {
        let object = json!({
            "ok": errors == 0, "crates": packages.len(), "findings": findings.0,
            "audited": !databases.is_empty(), "index_unknown": unknown,
        });
        println!("{object:#}");
    }
    for one in &findings.0 {
        let subject = match one.subject.is_empty() {
            true => String::new(),
            false => format!("{} ", one.subject),
        };
        let text = format!("{}: {subject}{}", one.rule, one.message);
        match one.error {
            true => ctx.ui.error(&anyhow::anyhow!("{text}")),
            false => ctx.ui.warn(&text),
        }
    }
    if !unknown.is_empty() {
        ctx.ui.note(&format!(
            "cargo's copy of the index says nothing of {} of {} crates: whether those were yanked is not known",
            unknown.len(),
            packages.len()
        ));
    }
    if databases.is_empty() {
        ctx.ui.warn(&format!(
            "not audited for known faults: there is no copy of RustSec's database in {} \
             (cargo audit makes one), and --advisory-db names none",
            home.join("advisory-db").display()
        ));
    }
    let text = format!("{} crates by deny.toml", packages.len());
    if errors > 0 {
        bail!("{errors} of the project's rules are broken, above ({text})");
    }
    ctx.ui.status("Checked", &text);
    Ok(ExitCode::SUCCESS)
}

fn cargo_home() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".cargo")))
        .context("find cargo's home: set CARGO_HOME or HOME")
}

/// Gives the crates that the index's copy says nothing of.
fn yanked(
    packages: &[Package],
    policy: &Policy,
    index: &Index,
    findings: &mut Findings,
) -> Vec<String> {
    let mut unknown = Vec::new();
    for package in packages.iter().filter(|one| one.is_published()) {
        match index.state(&package.name, &package.version) {
            State::Published => {}
            State::Unknown => unknown.push(package.title()),
            State::Yanked => {
                let message =
                    "was taken back by its authors: cargo update takes another".to_owned();
                findings.add(
                    policy.advisories.yanked,
                    "advisories",
                    package.title(),
                    message,
                );
            }
        }
    }
    unknown
}

fn audit(
    packages: &[Package],
    policy: &Policy,
    database: &std::path::Path,
    findings: &mut Findings,
) -> Result<()> {
    let advisories = advisory::read(database)?;
    for package in packages.iter().filter(|one| one.is_published()) {
        let version = package.version.parse();
        let version =
            version.with_context(|| format!("read the version of {}", package.title()))?;
        let concerned = advisories
            .iter()
            .filter(|one| one.concerns(&package.name, &version));
        for one in concerned.filter(|one| !policy.advisories.ignore.contains(&one.id)) {
            let (level, kind) = match one.informational.as_deref() {
                None => (Level::Deny, "vulnerable"),
                Some("notice") => (Level::Warn, "notice"),
                Some(kind) => (Level::Deny, kind),
            };
            let message = format!("is {kind}: {} ({})", one.title, one.id);
            findings.add(level, "advisories", package.title(), message);
        }
    }
    Ok(())
}
