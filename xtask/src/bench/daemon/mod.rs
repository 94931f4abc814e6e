//! The daemon: what it needs, how much it answers, and how long a payment takes.
//!
//! Speed is measured with the package's own binary for this machine's processor,
//! size with that for aarch64. No other TollGate can be had from a registry, so
//! that each figure stands beside what there is: nutshell, a mint, which answers
//! requests of the same kind, and nginx, which shows what the machine can do.

mod flood;
pub(super) mod http;
mod load;
mod nginx;
pub(super) mod nutshell;
mod pay;
pub(super) mod process;
mod router;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Figure, Target};
use crate::compile::profile::Profile;
use crate::compile::{self, Job, Output};
use crate::config::sdk::{Arch, Release};
use crate::config::workspace::Workspace;
use crate::context::Context;
use crate::source;
use crate::toolchain::Toolchain;
use crate::toolchain::select::Choice;
use load::Load;
use process::Server;
use router::Router;

/// Whose size counts.
const SMALL: &str = "aarch64";

/// All figures of the daemon.
///
/// # Errors
/// No wrk, no mint, or a program that fails.
pub fn figures(ctx: &Context, choice: Choice, runs: usize) -> Result<Vec<Figure>> {
    load::wrk()?;
    let programs = nutshell::programs(ctx)?;
    let (binary, small) = build(ctx, choice)?;
    let place = ctx.root.join("target");
    let dir = tempfile::tempdir_in(&place).context("make a directory for the bench")?;

    let mut figures = vec![size(&binary, &small)?];
    ctx.ui.status("Starting", "nutshell, a mint");
    let mint = nutshell::start(&programs, dir.path())?;
    ctx.ui.status("Measuring", "start and memory");
    let router = Router::new(&place, &binary, &[format!("http://{}", mint.address)])?;
    figures.extend(start(&router, &mint, runs)?);
    ctx.ui.status("Measuring", "requests");
    figures.extend(requests(ctx, &router, &mint, runs)?);
    ctx.ui.status("Measuring", "a million requests");
    figures.push(flat(&router)?);
    ctx.ui.status("Measuring", "payments");
    let money = nutshell::money(&programs, &mint, pay::SINGLE + pay::MANY + pay::BUSY)?;
    figures.extend(pay::figures(&router, &mint, &money)?);
    ctx.ui.status("Measuring", "mints that fail");
    figures.extend(pay::failing(&place, &binary)?);
    Ok(figures)
}

/// The daemon for this machine, and for aarch64, as packages have it.
fn build(ctx: &Context, choice: Choice) -> Result<(PathBuf, PathBuf)> {
    Ok((
        compile(ctx, choice, None)?,
        compile(ctx, choice, Some(SMALL))?,
    ))
}

/// The daemon for an architecture, or for this machine, as packages have it.
pub(super) fn compile(ctx: &Context, choice: Choice, arch: Option<&str>) -> Result<PathBuf> {
    let release = ctx.sdk.release(None)?;
    let workspace = Workspace::read(&ctx.root.join("Cargo.toml"))?;
    let member = workspace.select(None)?;
    let source = source::ask(&member.dir).answer(&ctx.ui)?;
    let toolchain = Toolchain::ensure(choice, &ctx.sdk, &ctx.ui)?;
    let arch = match arch {
        Some(arch) => ctx.sdk.arch(arch, &release)?,
        None => own_arch(ctx, &release)?,
    };
    let target = &arch.target;
    ctx.ui
        .status("Compiling", &format!("{} for {target}", member.cargo_name));
    let std = toolchain.std(target, &ctx.sdk, &ctx.ui)?;
    let job = Job {
        toolchain: &toolchain,
        std: &std,
        sdk: &ctx.sdk,
        workspace: &workspace,
        member: &member,
        target,
        profile: Profile::Release,
        // As `ipk` has it: what that has compiled is not compiled again.
        epoch: Some(member.table.epoch.unwrap_or(source.epoch)),
    };
    let compiled = compile::compile(&job, Output::Shown)?;
    let binary = compiled.binaries.into_values().next();
    binary.context("the crate has no binary")
}

fn own_arch(ctx: &Context, release: &Release) -> Result<Arch> {
    let here = std::env::consts::ARCH;
    let mut archs = ctx.sdk.all_archs(release)?.into_iter();
    archs
        .find(|arch| arch.target.starts_with(&format!("{here}-")))
        .with_context(|| format!("openwrt/sdk.toml has no architecture that runs on {here}"))
}

fn size(binary: &Path, small: &Path) -> Result<Figure> {
    let length = |path: &Path| -> Result<f64> {
        let metadata = std::fs::metadata(path);
        Ok(metadata
            .with_context(|| format!("look at {}", path.display()))?
            .len() as f64)
    };
    let detail = format!("{:.2} MB for this machine", length(binary)? / 1e6);
    let target = Some(Target::AtMost(3.0));
    Ok(figure(
        "stripped aarch64 binary",
        length(small)? / 1e6,
        "MB",
        target,
        &detail,
    ))
}

fn start(router: &Router, mint: &Server, runs: usize) -> Result<Vec<Figure>> {
    // The first start makes an identity.
    router.start()?;
    let mut times = Vec::new();
    for _ in 0..runs.max(5) {
        times.push(router.start()?.1);
    }
    let (server, _) = router.start()?;
    // The mint was asked for its keysets by now.
    std::thread::sleep(Duration::from_secs(1));
    Ok(vec![
        figure(
            "start to first answer",
            median(times).as_secs_f64() * 1e3,
            "ms",
            Some(Target::AtMost(30.0)),
            &format!(
                "nutshell listens after {:.0} ms",
                mint.started.as_secs_f64() * 1e3
            ),
        ),
        figure(
            "idle RSS",
            server.memory()? / 1e6,
            "MB",
            Some(Target::AtMost(6.0)),
            &format!("nutshell {:.1} MB", mint.memory()? / 1e6),
        ),
    ])
}

/// Requests a second on 1, 8 and 64 connections, in turn with the peers.
fn requests(ctx: &Context, router: &Router, mint: &Server, runs: usize) -> Result<Vec<Figure>> {
    let (daemon, _) = router.start()?;
    let body = http::ask(daemon.address, "/", "", None)?.body;
    let nginx = nginx::start(&body)?;
    if nginx.is_none() {
        let hint = "nginx is not installed (apt install nginx-light): no ceiling is shown";
        ctx.ui.note(hint);
    }
    let mut figures = Vec::new();
    for connections in [1, 8, 64] {
        let (mut ours, mut theirs, mut most) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            ours.push(load::run(daemon.address, "/", connections)?);
            if let Some(nginx) = &nginx {
                most.push(load::run(nginx.address(), "/", connections)?);
            }
        }
        theirs.push(load::run(mint.address, "/v1/info", connections)?);
        let detail = beside(&theirs, &most);
        let is_named = connections == 64;
        let ours = load::best(&ours);
        figures.push(figure(
            &format!("GET /, {connections} connections"),
            ours.rate,
            "/s",
            is_named.then_some(Target::AtLeast(30_000.0)),
            &detail,
        ));
        figures.push(figure(
            &format!("GET /, {connections} connections, p99"),
            ours.p99,
            "ms",
            is_named.then_some(Target::AtMost(5.0)),
            &p99(&theirs, &most),
        ));
    }
    figures.push(figure(
        "RSS under load, at most",
        daemon.most_memory()? / 1e6,
        "MB",
        None,
        &format!("nutshell {:.1} MB", mint.most_memory()? / 1e6),
    ));
    Ok(figures)
}

fn beside(theirs: &[Load], most: &[Load]) -> String {
    let mut text = format!("nutshell GET /v1/info {:.0} /s", load::best(theirs).rate);
    if !most.is_empty() {
        text += &format!(
            ", nginx with the same bytes {:.0} /s",
            load::best(most).rate
        );
    }
    text
}

fn p99(theirs: &[Load], most: &[Load]) -> String {
    let mut text = format!("nutshell {:.2} ms", load::best(theirs).p99);
    if !most.is_empty() {
        text += &format!(", nginx {:.2} ms", load::best(most).p99);
    }
    text
}

/// Memory after a million requests of 10,000 addresses, over that after the
/// first tenth of them.
fn flat(router: &Router) -> Result<Figure> {
    let (daemon, _) = router.start()?;
    let tenth = flood::ADDRESSES / 10;
    flood::run(daemon.address, 0..tenth)?;
    let before = daemon.memory()?;
    flood::run(daemon.address, tenth..flood::ADDRESSES)?;
    let after = daemon.memory()?;
    Ok(figure(
        "RSS growth, 1,000,000 requests",
        (after - before) / 1e6,
        "MB",
        Some(Target::AtMost(0.5)),
        &format!(
            "{:.2} MB after {}, {:.2} MB after {} requests of {} addresses",
            before / 1e6,
            tenth * flood::EACH,
            after / 1e6,
            flood::ADDRESSES * flood::EACH,
            flood::ADDRESSES
        ),
    ))
}

pub(super) fn figure(
    name: &str,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
    detail: &str,
) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        unit,
        target,
        detail: detail.to_owned(),
    }
}

pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
