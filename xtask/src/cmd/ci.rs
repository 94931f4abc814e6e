//! `ci`: every check that guards the project, each with its time; one that
//! fails does not hide the others.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::flags::{Ci, CiKind};
use crate::toolchain::cache::Cache;
use crate::toolchain::debian::Debian;
use crate::toolchain::provider::{Provider, State, Version};
use crate::util::{process, ui};

/// The oldest compiler that the project promises to build with.
const MSRV: Version = Version {
    major: 1,
    minor: 85,
    patch: 0,
};
/// Architectures that every change is built and run for: one of each byte order.
const QUICK_ARCHS: [&str; 2] = ["aarch64", "mips"];

/// Runs the command.
///
/// # Errors
/// None: a failed check is printed and gives exit code 1.
pub fn run(flags: &Ci, ctx: &Context) -> Result<ExitCode> {
    let toolchain = flags.toolchain.toolchain.name();
    let full = flags.what == Some(CiKind::Full);
    let own = std::env::current_exe().context("find this program")?;
    let archs: &[&str] = if full { &["--all"] } else { &QUICK_ARCHS };
    let xtask = |args: &[&str]| {
        let all: Vec<&str> = [args, &["--toolchain", toolchain]].concat();
        duct::cmd(&own, all)
    };
    let require = if full { "reproducible" } else { "" };
    let cargo = |args: &[&str]| duct::cmd("cargo", args);
    let mut test = xtask(&["test"]);
    if !require.is_empty() {
        test = test.env("XTASK_REQUIRE", require);
    }
    let smoke: Vec<&str> = std::iter::once("smoke")
        .chain(archs.iter().copied())
        .collect();
    let checks: Vec<(&str, duct::Expression)> = vec![
        ("format", cargo(&["fmt", "--all", "--check"])),
        (
            "clippy",
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ]),
        ),
        (
            "docs",
            cargo(&["doc", "--workspace", "--no-deps", "--locked"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        ),
        ("recipe", duct::cmd!(&own, "recipe", "--check")),
        ("tests", test),
        ("packages", xtask(&smoke)),
    ];
    let mut results = Vec::new();
    for (name, command) in checks {
        if flags.skip.iter().any(|skipped| skipped == name) {
            continue;
        }
        results.push(check(ctx, name, || {
            let status = command
                .dir(&ctx.root)
                .unchecked()
                .run()
                .with_context(|| format!("start {name}"))?
                .status;
            if status.success() {
                Ok(())
            } else {
                bail!("{status}")
            }
        }));
    }
    results.push(check(ctx, "oldest compiler", || oldest_compiler(ctx)));
    let failed = results.iter().filter(|(_, ok)| !ok).count();
    for (name, ok) in &results {
        println!("{} {name}", if *ok { "ok    " } else { "FAILED" });
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check(
    ctx: &Context,
    name: &'static str,
    run: impl FnOnce() -> Result<()>,
) -> (&'static str, bool) {
    ctx.ui.status("Check", name);
    let started = Instant::now();
    let result = run();
    let took = ui::seconds(started.elapsed());
    match &result {
        Ok(()) => ctx.ui.status("Passed", &format!("{name} in {took}")),
        Err(error) => ctx
            .ui
            .error(&anyhow::anyhow!("check {name}: {error:#} (after {took})")),
    }
    (name, result.is_ok())
}

/// Compiles everything with Debian's build of the oldest supported compiler.
fn oldest_compiler(ctx: &Context) -> Result<()> {
    let cache = Cache::open()?;
    let debian = Debian::exactly(&cache, MSRV, &ctx.ui);
    let compiler = match debian.state()? {
        State::Ready(compiler) => compiler,
        State::Missing { .. } => debian.install()?,
    };
    let check = duct::cmd!(
        &compiler.cargo,
        "check",
        "--workspace",
        "--all-targets",
        "--locked"
    )
    .dir(&ctx.root)
    .env("RUSTC", &compiler.rustc)
    .env("CARGO_TARGET_DIR", ctx.root.join("target/oldest"));
    process::without_build_variables(compiler.with_libraries(check))
        .run()
        .with_context(|| format!("compile with Rust {MSRV}"))?;
    Ok(())
}
