//! `ipk`: compile and pack for the architectures that are named.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::build::{self, Built, Outcome, Request};
use crate::compile::profile::Profile;
use crate::config::sdk::{Arch, Release};
use crate::config::workspace::{Crate, Workspace};
use crate::context::Context;
use crate::flags::{Archs, Ipk, PackageArgs};

/// Runs the command.
///
/// # Errors
/// What concerns every architecture; a single one's failure is printed and
/// gives exit code 1.
pub fn run(flags: &Ipk, ctx: &Context) -> Result<ExitCode> {
    let (release, archs) = chosen(&flags.archs, ctx)?;
    let (workspace, member) = selected(&flags.package, ctx)?;
    let outcomes = build::build(
        ctx,
        &Request {
            release,
            archs,
            profile: if flags.fast {
                Profile::Fast
            } else {
                Profile::Release
            },
            toolchain: flags.toolchain.toolchain,
            dist: dist(flags.dist.as_ref(), &workspace),
            workspace: &workspace,
            member: &member,
        },
    )?;
    report(ctx, &outcomes, flags.json)
}

/// Release and architectures of the command line, each once.
///
/// # Errors
/// Unknown names.
pub fn chosen(flags: &Archs, ctx: &Context) -> Result<(Release, Vec<Arch>)> {
    let release = ctx.sdk.release(flags.release.as_deref())?;
    let named = match flags.all {
        true => ctx.sdk.all_archs(&release)?,
        false => flags
            .archs
            .iter()
            .map(|name| ctx.sdk.arch(name, &release))
            .collect::<Result<_>>()?,
    };
    let mut archs: Vec<Arch> = Vec::new();
    for arch in named {
        if !archs.contains(&arch) {
            archs.push(arch);
        }
    }
    Ok((release, archs))
}

/// The workspace and crate of the command line.
///
/// # Errors
/// When there is none, or several.
pub fn selected(flags: &PackageArgs, ctx: &Context) -> Result<(Workspace, Crate)> {
    let workspace = workspace(flags, ctx)?;
    let member = workspace.select(flags.package.as_deref())?;
    Ok((workspace, member))
}

/// The workspace of the command line.
///
/// # Errors
/// When cargo cannot read it.
pub fn workspace(flags: &PackageArgs, ctx: &Context) -> Result<Workspace> {
    let manifest = match &flags.manifest_path {
        Some(path) => std::path::absolute(path).context("find --manifest-path")?,
        None => ctx.root.join("Cargo.toml"),
    };
    Workspace::read(&manifest)
}

/// `--dist`, or `dist` in the workspace.
pub fn dist(flag: Option<&PathBuf>, workspace: &Workspace) -> PathBuf {
    flag.cloned()
        .unwrap_or_else(|| workspace.workspace_root.join("dist"))
}

/// Prints what was built and what was not.
fn report(ctx: &Context, outcomes: &[Outcome], json: bool) -> Result<ExitCode> {
    let built: Vec<&Built> = outcomes
        .iter()
        .filter_map(|(_, result)| result.as_ref().ok())
        .collect();
    let failed: Vec<(&Arch, &anyhow::Error)> = outcomes
        .iter()
        .filter_map(|(arch, result)| Some((arch, result.as_ref().err()?)))
        .collect();
    if json {
        let failures: Vec<_> = failed
            .iter()
            .map(|(arch, error)| serde_json::json!({ "arch": arch.name, "error": format!("{error:#}") }))
            .collect();
        let object = serde_json::json!({ "packages": built, "failures": failures });
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        for package in built {
            ctx.ui.status("Packed", &package.summary());
        }
    }
    for (arch, error) in &failed {
        ctx.ui.error(&anyhow::anyhow!("{}: {error:#}", arch.name));
    }
    if !failed.is_empty() && outcomes.len() > 1 {
        ctx.ui.error(&anyhow::anyhow!(
            "{} of {} architectures failed",
            failed.len(),
            outcomes.len()
        ));
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
