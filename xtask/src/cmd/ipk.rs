//! `ipk`: compile and pack for the architectures that are named.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::pack;
use crate::assemble;
use crate::build::{self, Backend, Built, Outcome, Request};
use crate::buildlog::{Cause, Outcome as Verdict};
use crate::compile::profile::Profile;
use crate::config::sdk::{Arch, Release};
use crate::config::workspace::{Crate, Workspace};
use crate::context::Context;
use crate::flags::{Archs, Ipk, PackageArgs, SdkArgs};
use crate::sdk_run::{self, Options};
use crate::util::fs;
use crate::util::interrupt::{self, Stopped};

/// Runs the command.
///
/// # Errors
/// What concerns every architecture; a single one's failure is printed and
/// gives exit code 1.
pub fn run(flags: &Ipk, ctx: &Context) -> Result<ExitCode> {
    if let Some(flag) = contradiction(flags) {
        let message = match flags.backend {
            Backend::Native => format!("{flag} needs --backend sdk"),
            Backend::Sdk => format!("{flag} goes with --backend native only"),
        };
        ctx.ui.error(&anyhow::anyhow!("{message}"));
        return Ok(ExitCode::from(2));
    }
    let (release, archs) = chosen(&flags.archs, ctx)?;
    let (workspace, member) = selected(&flags.package, ctx)?;
    let key = pack::sign_key(flags.sign_key.as_deref(), ctx)?;
    assemble::refuse_key(release.format, key.as_ref())?;
    let request = Request {
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
        sign_key: key.as_ref(),
    };
    let outcomes = match flags.backend {
        Backend::Native => build::build(ctx, &request)?,
        Backend::Sdk => sdk_run::build(ctx, &request, &options(&flags.sdk))?,
    };
    let stopped = |(_, result): &Outcome| result.as_ref().err().is_some_and(|e| e.is::<Stopped>());
    if outcomes.iter().any(stopped) {
        report(ctx, &outcomes, flags.json)?;
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    }
    report(ctx, &outcomes, flags.json)
}

/// A flag that the backend does not have.
fn contradiction(flags: &Ipk) -> Option<&'static str> {
    let sdk = &flags.sdk;
    let given = match flags.backend {
        Backend::Sdk => vec![("--fast", flags.fast)],
        Backend::Native => vec![
            ("--verbose", sdk.verbose),
            ("--artifacts", sdk.artifacts.is_some()),
            ("--allow-toolchain-rebuild", sdk.allow_toolchain_rebuild),
            ("--engine", sdk.engine.engine.is_some()),
            ("--ca-bundle", sdk.engine.ca_bundle.is_some()),
        ],
    };
    given
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
}

/// How the SDK backend is to run.
pub fn options(flags: &SdkArgs) -> Options {
    Options {
        engine: flags.engine.engine,
        ca_bundle: flags.engine.ca_bundle.clone(),
        verbose: flags.verbose,
        artifacts: flags.artifacts.clone(),
        allow_rebuild: flags.allow_toolchain_rebuild,
    }
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
            .map(|(arch, error)| failure(arch, error))
            .collect();
        let object = serde_json::json!({ "packages": built, "failures": failures });
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        for package in &built {
            ctx.ui.status("Packed", &package.summary());
        }
    }
    for package in &built {
        tell_verdict(ctx, package);
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
    let unknown = built
        .iter()
        .any(|package| package.verdict == Some(Verdict::Unknown));
    Ok(match (failed.is_empty(), unknown) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(Verdict::Unknown.code()),
        (true, false) => ExitCode::SUCCESS,
    })
}

/// What `--json` says of an architecture that has no package.
fn failure(arch: &Arch, error: &anyhow::Error) -> serde_json::Value {
    let mut object = serde_json::json!({ "arch": arch.name, "error": format!("{error:#}") });
    if let Some(not_built) = sdk_run::not_built(error) {
        object["verdict"] = not_built.verdict.name().into();
        object["cause"] = not_built.cause.map(Cause::name).into();
        object["log"] = not_built.log.display().to_string().into();
    }
    object
}

/// What a build in the SDK showed of the toolchain.
fn tell_verdict(ctx: &Context, package: &Built) {
    let log = package.log.as_deref().map(fs::shown);
    let log = log.map_or_else(String::new, |log| format!(" (log: {})", log.display()));
    match package.verdict {
        None => {}
        Some(Verdict::Cached) => ctx.ui.status(
            "Cached",
            &format!("nothing of the toolchain was made again{log}"),
        ),
        Some(Verdict::Recompiled) => ctx.ui.warn(&format!(
            "a part of the toolchain was made again, as --allow-toolchain-rebuild allows{log}"
        )),
        Some(Verdict::Unknown) => ctx.ui.warn(&format!(
            "nothing proves that the toolchain was not made again{log}"
        )),
    }
}
