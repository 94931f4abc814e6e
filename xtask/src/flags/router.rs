//! What is done on a router, or on something like one.

use std::path::PathBuf;

use clap::Args;

use super::{EngineArgs, PackageArgs, ToolchainArgs};

/// Install the package on a router over ssh, or tell it of a feed.
///
/// Asks the router for its architecture, release, package manager and free
/// flash, builds the package for it (a moment when it is there already), copies
/// it without needing sftp, installs it with opkg or apk, and shows what the
/// service says. The owner's configuration stays. ssh is your own, with its
/// configuration; a password is asked for once.
///
/// Exit code 3 when the connection broke while the router was installing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask deploy root@192.168.1.1 --dry-run\n  cargo xtask deploy root@192.168.1.1\n  cargo xtask deploy root@openwrt.lan --file tollgate-wrt_0.1.0-r1_mips_24kc.ipk\n  cargo xtask deploy root@openwrt.lan --feed https://example.org/openwrt/24.10/mips_24kc --key key-build.pub"
)]
pub struct Deploy {
    /// Where ssh goes: `root@ADDRESS`, or a name of ~/.ssh/config.
    #[arg(value_name = "ROUTER")]
    pub router: String,
    #[command(flatten)]
    pub ssh: SshArgs,
    /// Install this ipk or apk; nothing is built.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["package", "manifest_path", "dist"])]
    pub file: Option<PathBuf>,
    /// Where packages are built to (default: `dist` in the workspace).
    #[arg(long, value_name = "DIR")]
    pub dist: Option<PathBuf>,
    /// Install although the router has a newer version.
    #[arg(long)]
    pub downgrade: bool,
    /// Install nothing: add this feed and the key that signs it, so that the
    /// router's own package manager installs and upgrades from it. A folder is
    /// one on the router (`/mnt/usb/feed`).
    #[arg(long, value_name = "URL|DIR", conflicts_with_all = ["file", "downgrade"])]
    pub feed: Option<String>,
    /// The feed's public key (default: the one that the feed itself brings).
    #[arg(long, value_name = "FILE", requires = "feed")]
    pub key: Option<PathBuf>,
    #[command(flatten)]
    pub package: PackageArgs,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Ask the router and say what would be done; change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}

/// How ssh is called.
#[derive(Debug, Args)]
pub struct SshArgs {
    /// The router's ssh port.
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// A key for ssh.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Any option of ssh_config(5), as ssh's -o takes it.
    #[arg(long, value_name = "KEY=VALUE")]
    pub ssh_option: Vec<String>,
}

/// Try the package's whole life in an OpenWrt userland, without a router.
///
/// Installs it with the router's own opkg or apk, starts its service, asks it
/// over HTTP, removes it, and lists what is left.
///
/// The userland is OpenWrt's image in Docker, or with --rootfs any folder or
/// archive, of which a copy is used in namespaces of its own: that needs neither
/// Docker nor root, and other processors are emulated by qemu for it alone
/// (Linux 6.7). Where procd does not run, its service's command line is run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cargo xtask try x86_64\n  cargo xtask try mips --release 25.12 --rootfs openwrt-25.12.5-ath79-generic-rootfs.tar.gz\n  cargo xtask try aarch64 --rootfs ./rootfs --file tollgate-wrt_0.1.0-r1_aarch64_cortex-a53.ipk"
)]
pub struct Try {
    /// Architecture or alias.
    pub arch: String,
    /// OpenWrt release (default: the one marked so in openwrt/sdk.toml).
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<String>,
    /// A folder or archive with an OpenWrt userland, in place of Docker.
    #[arg(long, value_name = "DIR|TAR")]
    pub rootfs: Option<PathBuf>,
    /// The image (default: openwrt/rootfs:ARCH-VERSION).
    #[arg(long, value_name = "IMAGE", conflicts_with = "rootfs")]
    pub image: Option<String>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Try this ipk or apk; nothing is built.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["package", "manifest_path", "dist"])]
    pub file: Option<PathBuf>,
    /// Where packages are built to (default: `dist` in the workspace).
    #[arg(long, value_name = "DIR")]
    pub dist: Option<PathBuf>,
    /// What to ask the service for (default: `get` and `port` of the package's
    /// smoke table).
    #[arg(long, value_name = "URL")]
    pub ask: Option<String>,
    #[command(flatten)]
    pub package: PackageArgs,
    #[command(flatten)]
    pub toolchain: ToolchainArgs,
    /// Leave the userland there, and say where.
    #[arg(long)]
    pub keep: bool,
    /// Say what would be done; change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}
