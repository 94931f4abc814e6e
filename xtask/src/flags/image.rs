//! Images, builds in them, and the question whether anything was rebuilt.

use std::path::PathBuf;

use clap::Args;

use super::{PackageArgs, ToolchainArgs};
use crate::engine::Kind;
use crate::record::Backend;
use crate::toolchain::select::Choice;

/// What only a build in the SDK has.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --backend sdk")]
pub struct SdkArgs {
    /// Show the build's output instead of a progress line.
    #[arg(long, short)]
    pub verbose: bool,
    /// Write build.log here (and the stamps before and after) instead of beside
    /// the package; with several architectures in a folder for each.
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Go on where a stage of the toolchain is built again.
    #[arg(long)]
    pub allow_toolchain_rebuild: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Show what an SDK image is made from, hashed, and what of it changed.
///
/// Prints the fingerprint and the image's tag. In an image `--toolchain auto`
/// means rustup. Exit code with --diff, as of diff(1): 0 no input differs,
/// 1 some do, 2 trouble.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask fingerprint mips --explain\n  cargo xtask fingerprint --diff HEAD~1                           a git revision\n  cargo xtask fingerprint --diff openwrt-rust-builder:mips_24kc   an image\n  cargo xtask fingerprint --json > saved.json; cargo xtask fingerprint --diff ./saved.json"
)]
pub struct Fingerprint {
    /// Architecture or alias (default: aarch64).
    #[arg(value_name = "ARCH")]
    pub arch: Option<String>,
    /// OpenWrt release (default: the one marked so in openwrt/sdk.toml).
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<String>,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Print every input by name with its value or hash.
    #[arg(long)]
    pub explain: bool,
    /// Compare with an image, a manifest that --json printed, or a git
    /// revision: one sentence a change.
    #[arg(long, value_name = "OTHER")]
    pub diff: Option<String>,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Build the Docker image with OpenWrt's SDK, when what it is made from changed.
///
/// An image is named by the fingerprint of its inputs: where it is there already
/// nothing is done. Otherwise first the reasons are said, then it is built, and
/// the log is kept in target/xtask/image/.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask image mips                     build it, if need be\n  cargo xtask image --all --dry-run          what would be built, and why\n  cargo xtask image mips --pull registry.example.org/team --push registry.example.org/team\n  cargo xtask image mips --shell             look around where the last build failed"
)]
pub struct Image {
    /// Architectures or aliases (default: aarch64).
    #[arg(value_name = "ARCH")]
    pub archs: Vec<String>,
    /// Every architecture of openwrt/sdk.toml.
    #[arg(long, conflicts_with = "archs")]
    pub all: bool,
    /// OpenWrt release (default: the one marked so in openwrt/sdk.toml).
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<String>,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Print every input of the image too.
    #[arg(long)]
    pub explain: bool,
    /// Say what would be done, and why; change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Build although nothing changed, without the builder's cache. With
    /// --prune: although some branch cannot be read.
    #[arg(long)]
    pub force: bool,
    /// Open a shell in the state just before the step that failed last.
    #[arg(long, group = "instead")]
    pub shell: bool,
    /// Show the layers with their sizes and the inputs that drive each.
    #[arg(long, group = "instead")]
    pub history: bool,
    /// Ask the registry for the base's digest and write it to openwrt/sdk.toml.
    #[arg(long, group = "instead")]
    pub pin: bool,
    /// Remove images of this project that no branch, tag or working tree uses.
    #[arg(long, group = "instead", conflicts_with_all = ["archs", "all"])]
    pub prune: bool,
    /// Push the image, named by its fingerprint.
    #[arg(long, value_name = "REGISTRY")]
    pub push: Option<String>,
    /// Ask a registry for it before building.
    #[arg(long, value_name = "REGISTRY")]
    pub pull: Option<String>,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Tell whether anything of the toolchain was rebuilt, or would be, and why.
///
/// Looks at what is there and at the records of the last builds; changes
/// nothing without --twice. Exit code 0 cached, with evidence from every check,
/// 1 recompiled, 2 usage, 3 unknown.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask verify-cache                 all that was built\n  cargo xtask verify-cache mips --json | jq -r .verdict\n  cargo xtask verify-cache aarch64 --twice  build twice and compare"
)]
pub struct VerifyCache {
    /// Architectures or aliases (default: all with a build's record).
    #[arg(value_name = "ARCH")]
    pub archs: Vec<String>,
    /// Only what that backend built.
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,
    /// OpenWrt release (default: the one marked so in openwrt/sdk.toml; without
    /// ARCH every one with a record).
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<String>,
    #[command(flatten)]
    pub package: PackageArgs,
    /// Provider of the pinned Rust (default: as the last build chose).
    #[arg(long, value_enum, env = "XTASK_TOOLCHAIN")]
    pub toolchain: Option<Choice>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Build twice, and show that the second build makes nothing of the
    /// toolchain and the same package.
    #[arg(long)]
    pub twice: bool,
    /// The folder that builds wrote to, instead of `dist` in the workspace.
    #[arg(long, value_name = "DIR")]
    pub dist: Option<PathBuf>,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// The container engine and its network.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Container engine.
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub engine: Option<Kind>,
    /// Certificates of a company's network, in PEM form (default: SSL_CERT_FILE).
    /// They reach builds as a secret and are in no image.
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
}
