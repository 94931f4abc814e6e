//! Keys and feeds.

use std::path::PathBuf;

use clap::Args;

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
    after_help = "Examples:\n  cargo xtask keygen && cargo xtask feed\n  cargo xtask feed aarch64 --release 25.12 --url https://example.org/openwrt\n  cargo xtask feed --verify dist/feed\n  cargo xtask feed --verify https://example.org/openwrt/24.10/mips_24kc --key key-build.pub"
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
    /// Where `dist/feed` will be served: for the commands on the pages, which
    /// name `URL/<release>/<arch>`.
    #[arg(long, value_name = "URL", conflicts_with = "verify")]
    pub url: Option<String>,
    /// Check a whole feed as a router would; exit code 1 when it would refuse
    /// anything, with the file's name.
    #[arg(long, value_name = "DIR|URL")]
    pub verify: Option<String>,
    /// With --verify and https: certificates in PEM form that the server has to
    /// show one of (default: SSL_CERT_FILE, else the system's).
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub ca_bundle: Option<PathBuf>,
    /// Look at the packages and print what would be written; change nothing.
    #[arg(long, conflicts_with = "verify")]
    pub dry_run: bool,
    /// Print one JSON object (docs/json.md).
    #[arg(long)]
    pub json: bool,
}
