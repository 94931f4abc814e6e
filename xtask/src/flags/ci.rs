//! The project's checks, and the steps of its workflows.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{PackageArgs, ToolchainArgs};
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
    #[command(
        after_help = "Examples:\n  cargo xtask ci full --dry-run\n  cargo xtask ci full --skip tests   without those that ran already"
    )]
    Full(CiChecks),
    Matrix(CiMatrix),
    Image(CiImage),
    Package(CiPackage),
    Summary(CiSummary),
    Release(CiRelease),
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
    /// Licences, sources and versions of all crates are as deny.toml wants them.
    Policy,
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

/// A registry of SDK images.
#[derive(Debug, Args)]
pub struct Registry {
    /// Registry of SDK images; without one packages are built natively only.
    #[arg(long, value_name = "REGISTRY", env = "XTASK_REGISTRY")]
    registry: Option<String>,
}

impl Registry {
    /// Its name; an empty variable, as workflows make them, names none.
    pub fn name(&self) -> Option<&str> {
        self.registry.as_deref().filter(|name| !name.is_empty())
    }
}

/// Have the SDK images of an architecture: pulled by fingerprint, else built.
///
/// One for each release of openwrt/sdk.toml. Without a registry nothing is done.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  cargo xtask ci image mips --registry registry.example.org/team --push"
)]
pub struct CiImage {
    /// Architecture or alias.
    #[arg(value_name = "ARCH")]
    pub arch: String,
    #[command(flatten)]
    pub registry: Registry,
    /// Push them there too.
    #[arg(long, env = "XTASK_REGISTRY_PUSH")]
    pub push: bool,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Say what would be done, and why; change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Make the packages of an architecture, one for each release.
///
/// With a registry of SDK images by OpenWrt's own build system too, and then
/// both have to give the same bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask ci package aarch64\n  cargo xtask ci package mips --registry registry.example.org/team"
)]
pub struct CiPackage {
    /// Architecture or alias.
    #[arg(value_name = "ARCH")]
    pub arch: String,
    #[command(flatten)]
    pub package: PackageArgs,
    #[command(flatten)]
    pub registry: Registry,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Write below this folder instead of `dist` in the workspace.
    #[arg(long, value_name = "DIR")]
    pub dist: Option<PathBuf>,
    /// Say what would be made; make nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Summarise what was built, as Markdown: sizes, hashes and verdicts.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask ci package aarch64 && cargo xtask ci summary")]
pub struct CiSummary {
    /// Append it to $GITHUB_STEP_SUMMARY too.
    #[arg(long)]
    pub github: bool,
    /// The folder that builds wrote to, instead of `dist` in the project.
    #[arg(long, value_name = "DIR")]
    pub dist: Option<PathBuf>,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Lay out a release: packages, signed feeds, checksums and notes.
///
/// Needs the packages of every architecture and release in `dist`, built from
/// the commit that is checked out, and both keys (`keygen --help`). Feeds go to
/// `dist/feed`, what is to be published to `dist/release`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask ci release v0.1.0 --dry-run    is everything there?\n  cargo xtask ci release v0.1.0 --url https://example.org/openwrt"
)]
pub struct CiRelease {
    /// The tag: `v` and the version in Cargo.toml.
    #[arg(value_name = "TAG")]
    pub tag: String,
    /// Where `dist/feed` will be served: for the commands on the feeds' pages.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The folder with the packages, instead of `dist` in the project.
    #[arg(long, value_name = "DIR")]
    pub dist: Option<PathBuf>,
    /// Check everything; write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}
