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

/// Rebuild a published package from its recorded commit and toolchain, and compare.
///
/// FILE.provenance.json says how the package was made. Its commit is cloned into
/// a temporary folder and built by that commit's own build tool: who rebuilds
/// runs its code. Exit code 0 the same bytes, 1 others, 2 usage, 3 it could not
/// be rebuilt, so nothing is known.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask reproduce dist/24.10/mips_24kc/tollgate-wrt_0.1.0-r1_mips_24kc.ipk\n  cargo xtask reproduce tollgate-wrt-0.1.0-r1.apk --source https://example.org/tollgate-wrt.git\n  cargo xtask reproduce FILE -o rebuilt/ --json | jq '.differences[]'"
)]
pub struct Reproduce {
    /// The package.
    pub file: PathBuf,
    /// Its provenance (default: FILE.provenance.json).
    #[arg(long, value_name = "FILE")]
    pub provenance: Option<PathBuf>,
    /// The repository with the commit (default: that of the package's folder, of
    /// the working directory, or this one).
    #[arg(long, value_name = "URL|DIR")]
    pub source: Option<String>,
    /// Compare although the toolchain here is another than the recorded one.
    #[arg(long)]
    pub any_toolchain: bool,
    /// Keep the rebuilt package in this folder.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Check the package's hash and say what would be rebuilt; build nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Check licences, sources, banned and yanked crates, by deny.toml.
///
/// Looks at every crate in Cargo.lock. What was yanked is read from cargo's own
/// copy of the index, known faults from a copy of RustSec's database: nothing is
/// asked over a network but crates that cargo lacks.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask policy\n  cargo xtask policy --advisory-db ~/src/advisory-db\n  cargo xtask policy --json | jq '.findings[] | select(.error)'"
)]
pub struct Policy {
    /// A copy of RustSec's advisory-db (default: those of cargo-audit and
    /// cargo-deny in cargo's home; without any it is said that nothing was audited).
    #[arg(long, value_name = "DIR")]
    pub advisory_db: Option<PathBuf>,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}
