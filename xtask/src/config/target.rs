//! What packages are built for.

use serde::{Deserialize, Serialize};

/// A package manager's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// opkg's.
    Ipk,
    /// apk-tools' version 3.
    Apk,
}

/// A release that a build is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Branch name: `24.10`.
    pub name: String,
    /// Exact SDK version: `24.10.8`.
    pub version: String,
    /// Package format.
    pub format: Format,
}

/// An architecture that a build is for, named as the release names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arch {
    /// OpenWrt's name in that release.
    pub name: String,
    /// Rust's target triple.
    pub target: String,
    /// OpenWrt's target/subtarget.
    pub board: String,
    /// qemu-user program.
    pub qemu: String,
}

/// Says that there is no such release.
pub(super) fn unknown_release<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let known = known.join(", ");
    format!("release {name:?} is not in openwrt/sdk.toml; known are: {known}")
}
