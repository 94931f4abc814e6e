//! The command line, declared in one place. Each command's work is in `cmd/`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::sdk::Format;
use crate::engine::Kind;
use crate::record::Backend;
use crate::toolchain::select::Choice;

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
}

impl Command {
    /// The exit code when the command itself fails. Comparing follows `diff`:
    /// 1 is an answer there.
    pub fn trouble(&self) -> ExitCode {
        match self {
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
    /// How it is built.
    #[arg(long, value_enum, default_value_t = Backend::Native)]
    pub backend: Backend,
    #[command(flatten)]
    pub sdk: SdkArgs,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

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

/// Build packages, run their program under qemu-user and ask it over HTTP.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask smoke aarch64 mips")]
pub struct Smoke {
    #[command(flatten)]
    pub archs: Archs,
    #[command(flatten)]
    pub package: PackageArgs,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
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

/// Measure, and print ratios; exit code 1 when a named figure is missed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask bench build --toolchain debian")]
pub struct Bench {
    /// What to measure.
    pub what: BenchKind,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Runs of each measurement; the median counts.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// The benches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BenchKind {
    /// Native builds and packing.
    Build,
    /// A machine without any cache, phase by phase (downloads 250 MB).
    Fresh,
    /// The image that is there against a cached `docker build`, the second build
    /// in it against the first, and the log scanner (builds what is missing).
    Image,
    /// The log scanner against `grep -c` (writes 400 MB to the temporary folder).
    Log,
}

/// Run the project's tests and count them by what they need.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask test\n  cargo xtask test -- --test pack\n  XTASK_REQUIRE=toolchain,qemu cargo xtask test    fail where those are missing"
)]
pub struct Test {
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Arguments for `cargo test`.
    #[arg(last = true)]
    pub args: Vec<String>,
}

/// Run the checks that guard the project.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  cargo xtask ci          what every change must pass\n  cargo xtask ci full     all architectures, long runs"
)]
pub struct Ci {
    /// `full` for everything.
    pub what: Option<CiKind>,
    /// Leave out a check (by the name that is printed), when it ran already.
    #[arg(long, value_name = "NAME")]
    pub skip: Vec<String>,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
}

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CiKind {
    /// All architectures, long runs.
    Full,
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
    after_help = "Examples:\n  cargo xtask apk aarch64\n  cargo xtask apk --all --json\n  cargo xtask ipk aarch64 --release 25.12     the same as the first"
)]
pub struct Apk {
    #[command(flatten)]
    pub build: Ipk,
}

/// Make the keys that sign feeds: usign's for opkg, an EC key for apk.
///
/// They are made once: routers that have the public halves trust no others.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask keygen                    into the user's folder (~/.config/xtask/keys)\n  cargo xtask keygen --dir /media/stick/keys\n\nIn CI, XTASK_USIGN_KEY and XTASK_APK_KEY hold the text of the secret keys."
)]
pub struct Keygen {
    /// Write into this folder, which must not be in a checkout.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print what would be written; change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// Make a feed of the packages in `dist/<release>/<arch>/`, or check one.
///
/// Written to `dist/feed/<release>/<arch>/` in one step: index, signature,
/// packages (the newest of each name), checksums, public key and a page.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask keygen && cargo xtask feed\n  cargo xtask feed aarch64 --release 25.12 --url https://example.org/openwrt\n  cargo xtask feed --verify dist/feed\n  cargo xtask feed --verify https://example.org/openwrt --key key-build.pub"
)]
pub struct Feed {
    /// Architectures or aliases (default: those that packages were made for).
    #[arg(value_name = "ARCH", conflicts_with = "verify")]
    pub archs: Vec<String>,
    /// OpenWrt release (default: the one marked so in openwrt/sdk.toml).
    #[arg(long, value_name = "RELEASE", conflicts_with = "verify")]
    pub release: Option<String>,
    /// The folder with `<release>/<arch>/` (default: `dist` in the project).
    #[arg(long, value_name = "DIR", conflicts_with = "verify")]
    pub dist: Option<PathBuf>,
    /// The secret key that signs, where it is neither in the environment nor in
    /// the user's folder (`keygen --help`). With --verify the public key, or one
    /// for each package manager.
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Write a feed without signature, which routers refuse.
    #[arg(long, conflicts_with_all = ["key", "verify"])]
    pub unsigned: bool,
    /// Where the feed will be: for the commands on its page.
    #[arg(long, value_name = "URL", conflicts_with = "verify")]
    pub url: Option<String>,
    /// Check a whole feed as a router would; exit code 1 when it would refuse
    /// anything, with the file's name.
    #[arg(long, value_name = "DIR|URL")]
    pub verify: Option<String>,
    /// Look at the packages and print what would be written; change nothing.
    #[arg(long, conflicts_with = "verify")]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}
