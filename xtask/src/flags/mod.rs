//! The command line, declared in one place. Each command's work is in `cmd/`.

mod checks;
mod ci;
mod feed;
mod image;
mod published;
mod router;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::sdk::Format;
use crate::record::Backend;
use crate::toolchain::select::Choice;

pub use checks::{Bench, BenchKind, Smoke, Test};
pub use ci::{Ci, CiCheck, CiChecks, CiImage, CiMatrix, CiPackage, CiRelease, CiStep, CiSummary};
pub use feed::{Feed, Keygen};
pub use image::{EngineArgs, Fingerprint, Image, SdkArgs, VerifyCache};
pub use published::{Completions, Man, Policy, Reproduce, Shell};
pub use router::{Deploy, SshArgs, Try};

/// Builds OpenWrt packages from Rust crates, without Docker or an OpenWrt SDK.
#[derive(Debug, Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    version,
    after_help = "Start here:\n  cargo xtask ipk aarch64    make a package for a router\n  cargo xtask doctor         what is installed, what is missing"
)]
pub struct Xtask {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Ipk(Ipk),
    Setup(Setup),
    Doctor(Doctor),
    Pack(Pack),
    Inspect(Inspect),
    Fingerprint(Fingerprint),
    Image(Image),
    Log(Log),
    VerifyCache(VerifyCache),
    Smoke(Smoke),
    Recipe(Recipe),
    Bench(Bench),
    Test(Test),
    Ci(Ci),
    Apk(Apk),
    Keygen(Keygen),
    Feed(Feed),
    Completions(Completions),
    Man(Man),
    Reproduce(Reproduce),
    Policy(Policy),
    Deploy(Deploy),
    Try(Try),
}

impl Command {
    /// The exit code when the command itself fails. Comparing follows `diff`:
    /// 1 is an answer there. Of a package that cannot be rebuilt nothing is known.
    pub fn trouble(&self) -> ExitCode {
        match self {
            Self::Reproduce(_) => ExitCode::from(3),
            Self::Fingerprint(flags) if flags.diff.is_some() => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Compile a crate and write its ipk to `dist/<release>/<arch>/`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask ipk aarch64\n  cargo xtask ipk --all --json\n  cargo xtask ipk mips --fast            the quick loop: no LTO, incremental\n  cargo xtask ipk x86_64 --manifest-path ../other/Cargo.toml -p daemon\n  cargo xtask ipk mips --backend sdk     by OpenWrt's own build system, in Docker"
)]
pub struct Ipk {
    #[command(flatten)]
    pub archs: Archs,
    #[command(flatten)]
    pub package: PackageArgs,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Compile faster and larger: for trying things out, not for release.
    #[arg(long)]
    pub fast: bool,
    /// Write below this folder instead of `dist` in the workspace.
    #[arg(long, value_name = "DIR")]
    pub dist: Option<PathBuf>,
    /// Sign each apk with this EC key (PEM); OpenWrt, and `feed`, sign the
    /// index only, which is enough for routers that install from a feed.
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
    /// How it is built.
    #[arg(long, value_enum, default_value_t = Backend::Native)]
    pub backend: Backend,
    #[command(flatten)]
    pub sdk: SdkArgs,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Install the toolchain, zig, qemu and the standard libraries ahead of time.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask setup                all architectures\n  cargo xtask setup aarch64 mips --toolchain debian"
)]
pub struct Setup {
    /// Architectures or aliases (default: all of openwrt/sdk.toml).
    #[arg(value_name = "ARCH")]
    pub archs: Vec<String>,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Print what would be fetched or built, and why; change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Show every part of the tool's set-up with its state and what mends it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  cargo xtask doctor --json | jq '.parts[] | select(.state != \"ok\")'"
)]
pub struct Doctor {
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Pack a directory or tar archive as an ipk or apk.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask pack --meta package.toml --tree root/ -o out/   (docs/package-metadata.md)\n  cargo xtask pack --meta package.toml --tree root.tar -o hello.apk"
)]
pub struct Pack {
    /// The package table: name, version, architecture, dependencies …
    #[arg(long, value_name = "FILE.toml")]
    pub meta: PathBuf,
    /// The installed files: a directory (owner root, modes 0755 and 0644) or a
    /// tar archive (owners, modes and links as it records them).
    #[arg(long, value_name = "DIR|TAR")]
    pub tree: PathBuf,
    /// The file to write; a directory gets OpenWrt's file name in it.
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: PathBuf,
    /// The package's format (default: by the file's name, else ipk).
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Sign the apk with this EC key (PEM); OpenWrt signs the feed's index only.
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Show and lint any ipk or apk; exit code 1 when it has errors.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask inspect dist/24.10/mips_24kc/tollgate-wrt_0.1.0-r1_mips_24kc.ipk\n  cargo xtask inspect dist/25.12/mips_24kc/tollgate-wrt-0.1.0-r1.apk"
)]
pub struct Inspect {
    /// The package.
    pub file: PathBuf,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Tell from a build log whether a toolchain was rebuilt, and why.
///
/// Any log of OpenWrt's build system that was made with V=s, as CI systems and
/// terminals keep it, and logs of image builds. Exit code 0 cached,
/// 1 recompiled, 2 usage, 3 unknown.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask log dist/24.10/mips_24kc/build.log\n  cargo xtask log build.log --baseline baked.json --svg stages.svg\n  gh run view 123 --log | cargo xtask log - --json | jq -r .cause"
)]
pub struct Log {
    /// The log, or `-` for standard input.
    pub file: PathBuf,
    /// What was baked (docs/json.md): decides between causes that the log
    /// alone leaves open.
    #[arg(long, value_name = "MANIFEST")]
    pub baseline: Option<PathBuf>,
    /// Draw the stages and their times.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Write the OpenWrt feed recipe's variables from the crate's metadata.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask recipe            update openwrt/<name>/Makefile\n  cargo xtask recipe --check    fail when it is not up to date"
)]
pub struct Recipe {
    #[command(flatten)]
    pub package: PackageArgs,
    /// Change nothing; fail when the recipe is not what would be written.
    #[arg(long)]
    pub check: bool,
}

/// Architectures and the release they are for.
#[derive(Debug, Args)]
pub struct Archs {
    /// Architectures as OpenWrt names them, or their aliases.
    #[arg(value_name = "ARCH", required_unless_present = "all")]
    pub archs: Vec<String>,
    /// Every architecture of openwrt/sdk.toml.
    #[arg(long, conflicts_with = "archs")]
    pub all: bool,
    /// OpenWrt release (default: the one marked so in openwrt/sdk.toml).
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<String>,
}

/// Which crate is packaged.
#[derive(Debug, Args)]
pub struct PackageArgs {
    /// The crate, where several have a [package.metadata.openwrt] table.
    #[arg(short, long, value_name = "NAME")]
    pub package: Option<String>,
    /// The workspace to build from (default: this project).
    #[arg(long, value_name = "FILE")]
    pub manifest_path: Option<PathBuf>,
}

/// Where the compiler comes from.
#[derive(Debug, Args)]
pub struct ToolchainArgs {
    /// Provider of the pinned Rust.
    #[arg(long, value_enum, env = "XTASK_TOOLCHAIN", default_value_t = Choice::Auto)]
    pub toolchain: Choice,
}

/// Compile a crate and write its apk to `dist/<release>/<arch>/`.
///
/// As `ipk`, for the release that installs apk packages. With `--release` the
/// release decides, whichever of the two commands is used.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask apk aarch64\n  cargo xtask apk --all --json\n  cargo xtask ipk aarch64 --release 25.12     the same as the first\n  cargo xtask apk aarch64 --backend sdk        by OpenWrt's own build system, in Docker"
)]
pub struct Apk {
    #[command(flatten)]
    pub build: Ipk,
}
