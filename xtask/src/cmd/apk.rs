//! `apk`: `ipk`, for the release that installs apk packages.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::ipk;
use crate::config::sdk::Format;
use crate::context::Context;
use crate::flags::Apk;

/// Runs the command.
///
/// # Errors
/// Those of `ipk`; an `openwrt/sdk.toml` without such a release.
pub fn run(mut flags: Apk, ctx: &Context) -> Result<ExitCode> {
    let release = &mut flags.build.archs.release;
    if release.is_none() {
        *release = Some(newest(ctx)?);
    }
    ipk::run(&flags.build, ctx)
}

/// The default release where it installs apk packages, else the newest that
/// does.
fn newest(ctx: &Context) -> Result<String> {
    let of_apk = || {
        ctx.sdk
            .release
            .iter()
            .filter(|(_, table)| table.format == Format::Apk)
    };
    of_apk()
        .find(|(_, table)| table.default)
        .or_else(|| of_apk().next_back())
        .map(|(name, _)| name.clone())
        .context("no release of openwrt/sdk.toml installs apk packages")
}
