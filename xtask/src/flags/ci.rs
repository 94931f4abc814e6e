//! The project's checks, and the steps of its workflows.

use clap::{Args, Subcommand, ValueEnum};

use super::ToolchainArgs;
/// Run the checks that guard the project, or one step of its workflows.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "STEP",
    subcommand_help_heading = "Steps",
    after_help = "Examples:\n  cargo xtask ci                what every change must pass\n  cargo xtask ci --skip tests   without those that ran already\n  cargo xtask ci full           all architectures, long runs"
)]
pub struct Ci {
    #[command(subcommand)]
    pub step: Option<CiStep>,
    #[command(flatten)]
    pub checks: CiChecks,
}

/// What `ci` does besides the quick checks.
#[derive(Debug, Subcommand)]
pub enum CiStep {
    Full(CiChecks),
    Matrix(CiMatrix),
}

/// Run every check on all architectures, long runs included.
#[derive(Debug, Args)]
pub struct CiChecks {
    /// Leave out a check, when it ran already.
    #[arg(long, value_enum, value_name = "CHECK")]
    pub skip: Vec<CiCheck>,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Say what would be checked; run nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// The checks, in the order in which they run: what is quick comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CiCheck {
    /// Every file is as rustfmt writes it.
    Format,
    /// No warning in any target.
    Clippy,
    /// No warning in the documentation.
    Docs,
    /// The feed recipe is what the crate's metadata gives.
    Recipe,
    /// Every test; full: a build that shares nothing gives the same bytes, too.
    Tests,
    /// Packages of aarch64 and mips (full: of all) are built and answer under qemu.
    Packages,
    /// The programs of those packages take real ecash of a real mint under qemu.
    PaymentsUnderQemu,
    /// All of it compiles with the oldest Rust that is promised.
    OldestCompiler,
}

impl CiCheck {
    /// As the command line has it.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Its name and what it shows.
    pub fn about(self) -> String {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help());
        let help = help.map_or_else(String::new, ToString::to_string);
        format!("{}: {help}", self.name())
    }
}

/// Print what is built: every architecture and release of openwrt/sdk.toml.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask ci matrix\n  cargo xtask ci matrix --json | jq .matrix    a workflow's strategy"
)]
pub struct CiMatrix {
    /// Write the strategy to $GITHUB_OUTPUT too, as `matrix`.
    #[arg(long)]
    pub github: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}
