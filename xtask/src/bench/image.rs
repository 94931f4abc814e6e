//! The image and builds in it: what it costs that there is nothing to do.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{Figure, Target, alternate};
use crate::context::Context;
use crate::engine::Engine;
use crate::image::dockerfile::Dockerfile;
use crate::image::ensure;
use crate::image::files::WorkingTree;
use crate::image::invocation::Invocation;
use crate::image::spec::Spec;
use crate::toolchain::select::Choice;
use crate::util::process;

/// What of a checkout a build in the SDK reads.
const SOURCES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "tollgate-wrt",
    "xtask",
    "openwrt",
];

/// Measures an image that is there against a build that finds everything in the
/// builder's cache, and the second build of the daemon in it against the first.
/// The first has empty volumes of its own (cargo's downloads are shared).
///
/// # Errors
/// No engine; an image or a package that cannot be built.
pub fn figures(ctx: &Context, choice: Choice, runs: usize) -> Result<Vec<Figure>> {
    let xtask = std::env::current_exe().context("find the running xtask")?;
    let release = ctx.sdk.release(None)?;
    let arch = ctx.sdk.arch("aarch64", &release)?;
    let engine = Engine::find(None)?;
    let spec = Spec::collect(
        &WorkingTree::new(&ctx.root),
        &ctx.sdk,
        &release,
        &arch,
        choice,
    )?;
    let ours = duct::cmd!(&xtask, "image", &arch.name, "--toolchain", choice.name());
    // It is built here if it is not there.
    run(&ours, "xtask image")?;

    let builder = engine.for_builds()?;
    let dir = tempfile::tempdir().context("make a folder for the bench")?;
    let text = ensure::dockerfile(&spec)?;
    let invocation = Invocation {
        engine: &builder,
        spec: &spec,
        dockerfile: &Dockerfile::parse(&text),
        text: &text,
        ca: None,
        project: None,
        no_cache: false,
    };
    let cached = invocation.command(dir.path(), &dir.path().join("id"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let by_cargo = duct::cmd!(
        cargo,
        "xtask",
        "image",
        &arch.name,
        "--toolchain",
        choice.name()
    )
    .dir(&ctx.root);
    let commands = [
        ("xtask image", &ours),
        ("docker build", &cached),
        ("cargo xtask image", &by_cargo),
    ];
    let times = alternate(runs, &commands, || Ok(()))?;
    let seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    let (first, second) = packages(ctx, &xtask, &arch.name, choice, runs)?;
    Ok(vec![
        Figure {
            name: "no-op image against a cached docker build".into(),
            value: seconds[0] / seconds[1],
            unit: "×",
            target: Some(Target::AtMost(0.5)),
            detail: format!(
                "{:.3} s against {:.3} s; with cargo in front {:.3} s",
                seconds[0], seconds[1], seconds[2]
            ),
        },
        Figure {
            name: "second ipk --backend sdk against the first".into(),
            value: second.as_secs_f64() / first.as_secs_f64(),
            unit: "×",
            target: None,
            detail: format!(
                "{:.2} s against {:.2} s",
                second.as_secs_f64(),
                first.as_secs_f64()
            ),
        },
    ])
}

/// The first build of a copy of the checkout, which has no volumes yet, and the
/// median of those after it.
fn packages(
    ctx: &Context,
    xtask: &Path,
    arch: &str,
    choice: Choice,
    runs: usize,
) -> Result<(Duration, Duration)> {
    let dir = tempfile::tempdir().context("make a copy of the checkout")?;
    for name in SOURCES {
        let from = ctx.root.join(name);
        if from.exists() {
            run(
                &duct::cmd!("cp", "-a", &from, dir.path()),
                "copy the checkout",
            )?;
        }
    }
    let command = duct::cmd!(
        xtask,
        "ipk",
        arch,
        "--backend",
        "sdk",
        "--toolchain",
        choice.name(),
        "--manifest-path",
        dir.path().join("Cargo.toml")
    )
    // The copy has no commit that gives a time.
    .env("SOURCE_DATE_EPOCH", "1700000000");
    let engine = Engine::find(None)?;
    let before = build_volumes(&engine)?;
    let measured = || {
        let started = Instant::now();
        run(&command, "the first build in the SDK")?;
        let first = started.elapsed();
        let second = alternate(runs, &[("the second build", &command)], || Ok(()))?[0];
        Ok((first, second))
    };
    let result = measured();
    for volume in build_volumes(&engine)? {
        if !before.contains(&volume) {
            engine.read(&["volume", "rm", &volume])?;
        }
    }
    result
}

/// Volumes that hold what was built of a checkout.
fn build_volumes(engine: &Engine) -> Result<Vec<String>> {
    let filter = "label=org.tollgate-wrt.volume=build";
    let names = engine.read(&["volume", "ls", "--quiet", "--filter", filter])?;
    Ok(names.lines().map(str::to_owned).collect())
}

fn run(command: &duct::Expression, what: &str) -> Result<()> {
    let output = command
        .stdin_null()
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()
        .with_context(|| format!("start {what}"))?;
    ensure!(
        output.status.success(),
        "{what} failed ({}):\n{}",
        output.status,
        process::tail(&String::from_utf8_lossy(&output.stdout))
    );
    Ok(())
}
