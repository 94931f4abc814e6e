//! A machine without any cache: how long until the first package.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::{Figure, Target};
use crate::context::Context;
use crate::toolchain::select::Choice;

/// Builds this tool and the aarch64 package with empty caches, downloads
/// included, and reports each phase.
///
/// # Errors
/// When something does not build, or there is no network.
pub fn figures(ctx: &Context, choice: Choice) -> Result<Vec<Figure>> {
    let dir =
        tempfile::tempdir_in(ctx.root.join("target")).context("make a directory for the bench")?;
    let fresh = |command: duct::Expression| {
        let command = command
            .dir(&ctx.root)
            .env("CARGO_HOME", dir.path().join("cargo"));
        let command = command.env("XTASK_CACHE_DIR", dir.path().join("cache"));
        command.env("CARGO_TARGET_DIR", dir.path().join("target"))
    };
    let mut figures = Vec::new();
    let started = Instant::now();
    ctx.ui.status("Measuring", "a cold build of xtask");
    fresh(duct::cmd!("cargo", "fetch", "--locked", "-q"))
        .run()
        .context("fetch the crates")?;
    let fetched = started.elapsed().as_secs_f64();
    fresh(duct::cmd!("cargo", "build", "--locked", "-p", "xtask"))
        .run()
        .context("build xtask")?;
    let built = started.elapsed().as_secs_f64() - fetched;
    let figure = |name: &str, value: f64, target, detail: &str| Figure {
        name: name.into(),
        value,
        unit: "s",
        target,
        detail: detail.into(),
    };
    figures.push(figure("fetch crates", fetched, None, "for all members"));
    figures.push(figure(
        "cold cargo build -p xtask",
        built,
        Some(Target::AtMost(60.0)),
        "",
    ));

    ctx.ui.status("Measuring", "the first package");
    let xtask = dir.path().join("target/debug/xtask");
    let toolchain = choice.name();
    let output = fresh(duct::cmd!(
        &xtask,
        "ipk",
        "aarch64",
        "--json",
        "--toolchain",
        toolchain
    ))
    .env("CARGO_MANIFEST_DIR", ctx.root.join("xtask"))
    .stdout_capture()
    .run()
    .context("make the first package")?;
    let whole = started.elapsed().as_secs_f64();
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("read the report")?;
    let phases = report["packages"][0]["phases"]
        .as_object()
        .context("the report has no phases")?;
    for name in ["toolchain", "std", "compile", "pack"] {
        let seconds = phases
            .get(name)
            .and_then(serde_json::Value::as_f64)
            .unwrap_or_default();
        figures.push(figure(&format!("first ipk: {name}"), seconds, None, ""));
    }
    figures.push(figure(
        "fresh machine to first aarch64 ipk",
        whole,
        Some(Target::AtMost(300.0)),
        "downloads included",
    ));
    ensure!(
        Path::new(report["packages"][0]["path"].as_str().unwrap_or_default()).is_file(),
        "no package was written"
    );
    Ok(figures)
}
