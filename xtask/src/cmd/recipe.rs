//! `recipe`: the OpenWrt recipe from the crate's metadata, or a check of it.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::ipk;
use crate::context::Context;
use crate::flags::Recipe;
use crate::recipe;
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// A recipe without marks; with `--check`, one that is not up to date.
pub fn run(flags: &Recipe, ctx: &Context) -> Result<ExitCode> {
    let (workspace, member) = ipk::selected(&flags.package, ctx)?;
    let path = recipe::path(&workspace, &member);
    let wanted = recipe::render(&workspace, &member)?;
    let current = match path.is_file() {
        true => fs::read_text(&path)?,
        false => String::new(),
    };
    if current == wanted {
        ctx.ui.status("Fresh", &path.display().to_string());
    } else if flags.check {
        let line = current
            .lines()
            .zip(wanted.lines())
            .position(|(a, b)| a != b);
        let line = line.unwrap_or(current.lines().count().min(wanted.lines().count()));
        bail!(
            "{}:{} is not what the metadata says:\n  recipe   {}\n  metadata {}\nUpdate it with: cargo xtask recipe",
            path.display(),
            line + 1,
            current.lines().nth(line).unwrap_or("(nothing)"),
            wanted.lines().nth(line).unwrap_or("(nothing)")
        );
    } else {
        fs::write_atomic(&path, wanted.as_bytes(), 0o644)?;
        ctx.ui.status("Wrote", &path.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}
