//! `setup`: everything that a build would fetch or build on demand, now.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::compile::profile::Profile;
use crate::compile::{self, Job};
use crate::config::sdk::{Arch, Sdk};
use crate::config::workspace::Workspace;
use crate::context::Context;
use crate::doctor::{self, PartState};
use crate::flags::Setup;
use crate::toolchain::cache::Cache;
use crate::toolchain::stdlib::Std;
use crate::toolchain::{Toolchain, qemu};

/// Runs the command.
///
/// # Errors
/// The first part that cannot be had.
pub fn run(flags: &Setup, ctx: &Context) -> Result<ExitCode> {
    let release = ctx.sdk.release(None)?;
    let archs: Vec<Arch> = match flags.archs.is_empty() {
        true => ctx.sdk.all_archs(&release)?,
        false => flags
            .archs
            .iter()
            .map(|name| ctx.sdk.arch(name, &release))
            .collect::<Result<_>>()?,
    };
    if flags.dry_run {
        let parts = doctor::parts(ctx, &Cache::open()?, flags.toolchain.toolchain, &archs)?;
        for part in parts.iter().filter(|part| part.state != PartState::Ok) {
            println!("{}: {}", part.name, part.detail);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let toolchain = Toolchain::ensure(flags.toolchain.toolchain, &ctx.sdk, &ctx.ui)?;
    let targets: BTreeMap<&str, &Arch> = archs
        .iter()
        .map(|arch| (arch.target.as_str(), arch))
        .collect();
    for (target, arch) in targets {
        let std = toolchain.std(target, &ctx.sdk, &ctx.ui)?;
        let qemu = qemu::ensure(&arch.qemu, &ctx.sdk, &toolchain.cache, &ctx.ui)?;
        let step = ctx.ui.step(
            "Checking",
            &format!("{target} by linking and running a program"),
        );
        let answer = try_out(&toolchain, &std, &ctx.sdk, target, &qemu)
            .with_context(|| format!("try the toolchain for {target}"))?;
        anyhow::ensure!(
            answer == PROBE_ANSWER,
            "the program for {target} answered {answer:?}"
        );
        step.done("Checked");
    }
    Ok(ExitCode::SUCCESS)
}

const PROBE_ANSWER: &str = "it runs";

/// Links a program as packages are linked and runs it. The first time zig
/// compiles its C library for the target, which takes a quarter of a minute.
fn try_out(
    toolchain: &Toolchain,
    std: &Std,
    sdk: &Sdk,
    target: &str,
    qemu: &Path,
) -> Result<String> {
    let dir = tempfile::tempdir().context("make a directory for a program")?;
    let write = |name: &str, text: &str| {
        crate::util::fs::write_atomic(&dir.path().join(name), text.as_bytes(), 0o644)
    };
    write(
        "Cargo.toml",
        "[workspace]\n[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [package.metadata.openwrt]\n",
    )?;
    write(
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"probe\"\nversion = \"0.0.0\"\n",
    )?;
    write(
        "src/main.rs",
        &format!("fn main() {{ println!({PROBE_ANSWER:?}) }}\n"),
    )?;
    let workspace = Workspace::read(&dir.path().join("Cargo.toml"))?;
    let member = workspace.select(None)?;
    let job = Job {
        toolchain,
        std,
        sdk,
        workspace: &workspace,
        member: &member,
        target,
        profile: Profile::Fast,
        epoch: None,
    };
    let compiled = compile::compile(&job, compile::Output::Kept)?;
    let program = compiled.binaries.get("probe").context("find the program")?;
    duct::cmd!(qemu, program)
        .read()
        .with_context(|| format!("run it with {}", qemu.display()))
}
