//! `ci`: every check that guards the project, and the steps of the workflows in
//! `.github/workflows/`: each of those is one command, so that it runs the same
//! on a developer's machine.

pub mod checks;
mod matrix;
mod package;
mod payments;
mod release;
mod steps;
mod summary;

use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::flags::{Ci, CiStep};
use crate::util::interrupt::{self, Stopped};

/// Runs the command.
///
/// # Errors
/// Those of the step; a failed check is printed and gives exit code 1.
pub fn run(flags: &Ci, ctx: &Context) -> Result<ExitCode> {
    match &flags.step {
        None => checks::run(&flags.checks, false, ctx),
        Some(CiStep::Full(flags)) => checks::run(flags, true, ctx),
        Some(CiStep::Matrix(flags)) => matrix::run(flags, ctx),
        Some(CiStep::Image(flags)) => or_stopped(ctx, package::image(flags, ctx)),
        Some(CiStep::Package(flags)) => or_stopped(ctx, package::package(flags, ctx)),
        Some(CiStep::Release(flags)) => or_stopped(ctx, release::run(flags, ctx)),
        Some(CiStep::Summary(flags)) => or_stopped(ctx, summary::run(flags, ctx)),
    }
}

/// The user's wish to stop is no failure of a step.
fn or_stopped(ctx: &Context, result: Result<ExitCode>) -> Result<ExitCode> {
    match result {
        Err(error) if error.is::<Stopped>() => {
            ctx.ui.error(&error);
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        result => result,
    }
}

/// Appends to the file that GitHub Actions (or act) names in a variable.
///
/// # Errors
/// Outside of a workflow, and I/O errors with the path.
fn tell_runner(variable: &str, text: &str) -> Result<()> {
    let path = std::env::var_os(variable)
        .filter(|path| !path.is_empty())
        .with_context(|| {
            format!("{variable} is not set: --github is for steps of a workflow (without it this is printed)")
        })?;
    let path = std::path::Path::new(&path);
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("write {}", path.display()))
}
