//! qemu-user: runs a router's binaries on the building machine.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::apt::Apt;
use super::cache::{Cache, Check};
use crate::config::sdk::Sdk;
use crate::fingerprint::Inputs;
use crate::util::process;
use crate::util::ui::Ui;

/// The program on PATH (`qemu-mips`, or the static `qemu-mips-static`), else
/// the one in the cache. Changes nothing.
pub fn installed(name: &str, sdk: &Sdk, cache: &Cache) -> Option<PathBuf> {
    let on_path = [format!("{name}-static"), name.to_owned()];
    on_path
        .iter()
        .find_map(|name| process::find_program(name))
        .or_else(|| {
            let entry = cache.entry_path("debian", "qemu", &inputs(sdk));
            Some(entry.join(cached_path(name))).filter(|file| file.is_file())
        })
}

/// Like [`installed`], fetched from Debian where it is missing.
///
/// # Errors
/// Where apt is missing or cannot fetch it.
pub fn ensure(name: &str, sdk: &Sdk, cache: &Cache, ui: &Ui) -> Result<PathBuf> {
    if let Some(found) = installed(name, sdk, cache) {
        return Ok(found);
    }
    let Some(apt) = Apt::find(cache, ui) else {
        bail!(
            "{name} is not on PATH: install qemu-user (its package is called so, or qemu-user-static)"
        );
    };
    let entry = cache.ensure(
        ("debian", "qemu"),
        &inputs(sdk),
        Check::Sizes,
        ui,
        |dir, _| {
            let step = ui.step(
                "Fetching",
                "qemu-user-static from Debian's packages (63 MB)",
            );
            let wanted: Vec<PathBuf> = programs(sdk).map(cached_path).collect();
            apt.unpack(&["qemu-user-static".to_owned()], dir, &|path: &Path| {
                wanted.iter().any(|file| file == path)
            })?;
            step.done("Unpacked");
            Ok(())
        },
    )?;
    Ok(entry.path.join(cached_path(name)))
}

fn inputs(sdk: &Sdk) -> Inputs {
    Inputs::new().with("programs", programs(sdk).collect::<Vec<_>>().join(" "))
}

/// Each program once, in order.
fn programs(sdk: &Sdk) -> impl Iterator<Item = &str> {
    let names: std::collections::BTreeSet<&str> =
        sdk.arch.values().map(|arch| arch.qemu.as_str()).collect();
    names.into_iter()
}

fn cached_path(name: &str) -> PathBuf {
    PathBuf::from(format!("usr/bin/{name}-static"))
}
