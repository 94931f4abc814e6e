//! `ci`: every check that guards the project, and the steps of the workflows in
//! `.github/workflows/`: each of those is one command, so that it runs the same
//! on a developer's machine.

pub mod checks;
mod matrix;
mod payments;

use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::flags::{Ci, CiStep};

/// Runs the command.
///
/// # Errors
/// Those of the step; a failed check is printed and gives exit code 1.
pub fn run(flags: &Ci, ctx: &Context) -> Result<ExitCode> {
    match &flags.step {
        None => checks::run(&flags.checks, false, ctx),
        Some(CiStep::Full(flags)) => checks::run(flags, true, ctx),
        Some(CiStep::Matrix(flags)) => matrix::run(flags, ctx),
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
