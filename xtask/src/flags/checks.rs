//! What is measured and checked.

use clap::Args;

use super::{Archs, PackageArgs, ToolchainArgs};

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

/// Measure, and print ratios; exit code 1 when a named figure is missed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench build --toolchain debian\n  cargo xtask bench daemon --runs 3\n  cargo xtask bench network --runs 5"
)]
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
    /// The daemon: its size, memory, requests and payments a second, beside a
    /// real mint and nginx (needs wrk; fetches nutshell).
    Daemon,
    /// A machine without any cache, phase by phase (downloads 250 MB).
    Fresh,
    /// The image that is there against a cached `docker build`, the second build
    /// in it against the first, and the log scanner (builds what is missing).
    Image,
    /// The log scanner against `grep -c` (writes 400 MB to the temporary folder).
    Log,
    /// The gate: throughput with it against without, and how fast it opens,
    /// shuts and is made again with 500 customers (needs root and iperf3).
    Network,
    /// The daemon's ipk and apk against gzip and xz on the same bytes, and feeds
    /// of 1,000 packages against the processes of OpenWrt's own script.
    Package,
}

/// Run the project's tests and count them by what they need.
///
/// The two crates' tests run side by side. With arguments after `--`, cargo test
/// runs, with them.
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
