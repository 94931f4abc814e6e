//! `bench`: measures, prints, and says which figure is missed.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::bench::{self, Figure};
use crate::context::Context;
use crate::flags::{Bench, BenchKind};

/// Runs the command; exit code 1 when a figure is missed.
///
/// # Errors
/// When something cannot be measured.
pub fn run(flags: &Bench, ctx: &Context) -> Result<ExitCode> {
    let choice = flags.toolchain.toolchain;
    let figures = match flags.what {
        BenchKind::Build => bench::build::figures(ctx, choice, flags.runs)?,
        BenchKind::Daemon => bench::daemon::figures(ctx, choice, flags.runs)?,
        BenchKind::Fresh => bench::fresh::figures(ctx, choice)?,
        BenchKind::Image => {
            let mut figures = bench::image::figures(ctx, choice, flags.runs)?;
            figures.extend(log(ctx, flags.runs)?);
            figures
        }
        BenchKind::Log => log(ctx, flags.runs)?,
        BenchKind::Network => bench::network::figures(ctx, choice, flags.runs)?,
        BenchKind::Package => bench::package::figures(ctx, choice, flags.runs)?,
    };
    let missed = figures.iter().filter(|figure| !figure.reached()).count();
    if flags.json {
        println!(
            "{:#}",
            serde_json::json!({ "figures": figures, "missed": missed })
        );
    } else {
        for line in figures.iter().map(Figure::line) {
            println!("{}", line.trim_end());
        }
    }
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn log(ctx: &Context, runs: usize) -> Result<Vec<Figure>> {
    let xtask = std::env::current_exe().context("find the running xtask")?;
    let fixtures = ctx.root.join("xtask/tests/fixtures/buildlogs");
    bench::log::figures(&xtask, &fixtures, runs)
}
