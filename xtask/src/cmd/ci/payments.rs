//! The programs of packages, for the test that has them take money under qemu.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::cmd::ipk;
use crate::config::workspace::Workspace;
use crate::context::Context;
use crate::smoke;
use crate::toolchain::cache::Cache;
use crate::toolchain::qemu;

/// Commands that run the programs of packages of the default release, as the
/// test reads them, and the directory where they are.
///
/// # Errors
/// A package that is not there, or no qemu.
pub fn programs(ctx: &Context, archs: Option<&[&str]>) -> Result<(String, TempDir)> {
    let release = ctx.sdk.release(None)?;
    let archs = match archs {
        None => ctx.sdk.all_archs(&release)?,
        Some(names) => names
            .iter()
            .map(|name| ctx.sdk.arch(name, &release))
            .collect::<Result<_>>()?,
    };
    let workspace = Workspace::read(&ctx.root.join("Cargo.toml"))?;
    let member = workspace.select(None)?;
    let table = member.table.smoke.as_ref();
    let table = table.context("the crate has no [package.metadata.openwrt.smoke] table")?;
    let dist = ipk::dist(None, &workspace);
    let dir = tempfile::tempdir().context("make a directory for the packages")?;
    let mut commands = Vec::new();
    for arch in archs {
        let place = dist.join(&release.name).join(&arch.name);
        let package = newest(&place).with_context(|| {
            format!(
                "no package in {}: build it with `cargo xtask ipk {}`",
                place.display(),
                arch.name
            )
        })?;
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        ctx.ui.status("Trying", &name);
        let root = dir.path().join(&arch.name);
        let program = smoke::program(&package, table, &root)?;
        let qemu = qemu::ensure(&arch.qemu, &ctx.sdk, &Cache::open()?, &ctx.ui)?;
        commands.push([qemu, program]);
    }
    let commands = serde_json::to_string(&commands).context("name the programs")?;
    Ok((commands, dir))
}

/// The package that was written last.
fn newest(dir: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let packages = entries.map(|entry| entry.path()).filter(|path| {
        let extension = path.extension().and_then(|name| name.to_str());
        matches!(extension, Some("ipk" | "apk"))
    });
    packages.max_by_key(|path| {
        path.metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    })
}
