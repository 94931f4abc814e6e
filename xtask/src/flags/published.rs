//! What lies beside a package, and the tool's own completions and pages.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Print a script that completes `cargo xtask …` in a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  source <(cargo xtask completions bash)      this shell; in ~/.bashrc for all\n  source <(cargo xtask completions zsh)       after compinit, in ~/.zshrc\n  cargo xtask completions fish > ~/.config/fish/completions/xtask.fish"
)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}

/// Shells that are completed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash 4 or newer.
    Bash,
    /// zsh with compinit.
    Zsh,
    /// fish.
    Fish,
}

/// Print a manual page, or write all of them to a folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask man ipk | man -l -\n  cargo xtask man -o ~/.local/share/man/man1     then: man xtask-ipk"
)]
pub struct Man {
    /// The command it is about (default: all of them in short).
    pub command: Option<String>,
    /// Write the page of every command into this folder.
    #[arg(short, long, value_name = "DIR", conflicts_with = "command")]
    pub output: Option<PathBuf>,
}
