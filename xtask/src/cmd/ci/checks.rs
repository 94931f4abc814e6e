//! The checks, each with its time; one that fails does not hide the others.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;
use serde_json::json;

use super::payments;
use crate::context::Context;
use crate::flags::{CiCheck, CiChecks};
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

/// How often `full` kills the daemon under load, and how many seconds it spends
/// on each kind of changed input.
const FULL_CRASHES: &str = "1000";
const FULL_FUZZ: &str = "60";

/// What every check gets.
struct Job<'a> {
    ctx: &'a Context,
    own: PathBuf,
    toolchain: &'static str,
    full: bool,
    /// Standard output belongs to the one JSON object.
    quiet: bool,
}

/// Runs the command.
///
/// # Errors
/// When this program cannot be found: a failed check is printed and gives exit
/// code 1.
pub fn run(flags: &CiChecks, full: bool, ctx: &Context) -> Result<ExitCode> {
    let wanted = CiCheck::value_variants()
        .iter()
        .filter(|check| !flags.skip.contains(check));
    if flags.dry_run {
        for check in wanted {
            ctx.ui.status("Would check", &check.about());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let job = Job {
        ctx,
        own: std::env::current_exe().context("find this program")?,
        toolchain: flags.toolchain.toolchain.name(),
        full,
        quiet: flags.json,
    };
    let mut done = Vec::new();
    for check in wanted {
        let name = check.name();
        ctx.ui.status("Check", &name);
        let started = Instant::now();
        let result = job.run(*check);
        let took = started.elapsed();
        let shown = ui::seconds(took);
        match &result {
            Ok(()) => ctx.ui.status("Passed", &format!("{name} in {shown}")),
            Err(error) => ctx
                .ui
                .error(&anyhow::anyhow!("check {name}: {error:#} (after {shown})")),
        }
        let error = result.err().map(|error| format!("{error:#}"));
        done.push((name, took.as_secs_f64(), error));
    }
    let ok = done.iter().all(|(_, _, error)| error.is_none());
    if flags.json {
        let checks: Vec<_> = done
            .iter()
            .map(|(name, seconds, error)| {
                json!({ "name": name, "ok": error.is_none(), "seconds": seconds, "error": error })
            })
            .collect();
        println!("{:#}", json!({ "ok": ok, "checks": checks }));
    } else {
        for (name, _, error) in &done {
            println!("{} {name}", error.as_ref().map_or("ok    ", |_| "FAILED"));
        }
    }
    Ok(ExitCode::from(u8::from(!ok)))
}

fn cargo(args: &[&str]) -> duct::Expression {
    duct::cmd("cargo", args)
}

impl Job<'_> {
    fn run(&self, check: CiCheck) -> Result<()> {
        match check {
            CiCheck::Format => self.finish(cargo(&["fmt", "--all", "--check"])),
            CiCheck::Clippy => {
                let args = ["clippy", "--workspace", "--all-targets", "--locked"];
                self.finish(cargo(&[&args[..], &["--", "-D", "warnings"]].concat()))
            }
            CiCheck::Docs => {
                let doc = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
                self.finish(doc.env("RUSTDOCFLAGS", "-D warnings"))
            }
            CiCheck::Recipe => self.finish(duct::cmd!(&self.own, "recipe", "--check")),
            CiCheck::Policy => self.finish(duct::cmd!(&self.own, "policy")),
            CiCheck::Tests => {
                let test = self.xtask(&["test"]);
                self.finish(match self.full {
                    true => test
                        .env("XTASK_REQUIRE", required_and("reproducible"))
                        .env("TOLLGATE_CRASHES", FULL_CRASHES)
                        .env("TOLLGATE_FUZZ_SECONDS", FULL_FUZZ)
                        .env("TOLLGATE_LONG", "1"),
                    false => test,
                })
            }
            CiCheck::Packages => {
                let archs: &[&str] = if self.full { &["--all"] } else { &QUICK_ARCHS };
                self.finish(self.xtask(&[&["smoke"], archs].concat()))
            }
            CiCheck::PaymentsUnderQemu => {
                let archs = if self.full {
                    None
                } else {
                    Some(&QUICK_ARCHS[..])
                };
                // Unpacked programs, until the test has ended.
                let (programs, _files) = payments::programs(self.ctx, archs)?;
                let money = ["test", "-p", "tollgate-wrt", "--locked", "--test", "money"];
                let test = cargo(&[&money[..], &["emulated::"]].concat());
                self.finish(
                    test.env("TOLLGATE_PROGRAMS", programs)
                        .env("XTASK_REQUIRE", required_and("emulated")),
                )
            }
            CiCheck::OldestCompiler => self.oldest_compiler(),
        }
    }

    fn xtask(&self, args: &[&str]) -> duct::Expression {
        duct::cmd(&self.own, [args, &["--toolchain", self.toolchain]].concat())
    }

    fn finish(&self, command: duct::Expression) -> Result<()> {
        let command = command.dir(&self.ctx.root).unchecked();
        let command = match self.quiet {
            true => command.stdout_to_stderr(),
            false => command,
        };
        let status = command.run().context("start it")?.status;
        if !status.success() {
            bail!("{status}");
        }
        Ok(())
    }

    /// Compiles everything with Debian's build of the oldest supported compiler.
    fn oldest_compiler(&self) -> Result<()> {
        let cache = Cache::open()?;
        let debian = Debian::exactly(&cache, MSRV, &self.ctx.ui);
        let compiler = match debian.state()? {
            State::Ready(compiler) => compiler,
            State::Missing { .. } => debian.install()?,
        };
        let args = ["check", "--workspace", "--all-targets", "--locked"];
        let check = duct::cmd(&compiler.cargo, args)
            .env("RUSTC", &compiler.rustc)
            .env("CARGO_TARGET_DIR", self.ctx.root.join("target/oldest"));
        let check = process::without_build_variables(compiler.with_libraries(check));
        self.finish(check)
            .with_context(|| format!("compile with Rust {MSRV}"))
    }
}

/// XTASK_REQUIRE with one more group.
fn required_and(group: &str) -> String {
    match std::env::var("XTASK_REQUIRE") {
        Ok(others) if !others.is_empty() => format!("{others},{group}"),
        _ => group.to_owned(),
    }
}
