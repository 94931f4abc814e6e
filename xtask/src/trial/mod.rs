//! A package's whole life in an OpenWrt userland: installed by the router's own
//! opkg or apk, started, asked over HTTP, removed; and what it left behind.
//!
//! | module | |
//! |---|---|
//! | [`rootfs`] | a folder or an archive, as a copy in namespaces of its own |
//! | [`container`] | an image, in a container of Docker |
//! | [`report`] | what happened there |
//!
//! A folder needs no Docker: its copy gets a user namespace, in which even an
//! unprivileged user is root, and where the kernel is told of qemu for nobody
//! else. An image gets Docker, which has it.

pub mod container;
pub mod report;
pub mod rootfs;

use crate::deploy::package::Candidate;
use crate::deploy::router::manager;

/// Where the package lies, in either userland.
pub const DIR: &str = "/tmp/xtask-try";

const SCRIPT: &str = include_str!("try.sh");

/// The script's arguments for a package.
///
/// # Errors
/// A file name that cannot be had there.
pub fn arguments(package: &Candidate, url: Option<&str>) -> anyhow::Result<[String; 5]> {
    Ok([
        manager(package.format).to_owned(),
        format!("{DIR}/{}", package.file_name()?),
        package.name.clone(),
        package.services.first().cloned().unwrap_or_default(),
        url.unwrap_or_default().to_owned(),
    ])
}
