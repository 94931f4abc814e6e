//! `completions`: a script for the shell, made from the flags' declarations.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::CommandFactory;
use clap_complete::shells;

use crate::flags::{Completions, Shell, Xtask};

/// What makes the script for `xtask` serve `cargo xtask` too.
const BASH: &str = include_str!("completions/cargo.bash");
const ZSH: &str = include_str!("completions/cargo.zsh");
const FISH: &str = include_str!("completions/cargo.fish");

/// Runs the command.
///
/// # Errors
/// A standard output that cannot be written.
pub fn run(flags: &Completions) -> Result<ExitCode> {
    let mut command = Xtask::command();
    let mut script = Vec::new();
    let more = match flags.shell {
        Shell::Bash => {
            clap_complete::generate(shells::Bash, &mut command, "xtask", &mut script);
            BASH
        }
        Shell::Zsh => {
            clap_complete::generate(shells::Zsh, &mut command, "xtask", &mut script);
            ZSH
        }
        Shell::Fish => {
            clap_complete::generate(shells::Fish, &mut command, "xtask", &mut script);
            FISH
        }
    };
    script.extend_from_slice(more.as_bytes());
    match std::io::stdout().lock().write_all(&script) {
        // `| head` has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        result => result.context("print the script")?,
    }
    Ok(ExitCode::SUCCESS)
}
