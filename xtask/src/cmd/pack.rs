//! `pack`: any tree, any description, one ipk or apk.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::assemble;
use crate::config::package::{Defaults, PackageTable};
use crate::config::sdk::Format;
use crate::config::strict;
use crate::context::Context;
use crate::fingerprint::hex;
use crate::flags::Pack;
use crate::keys::ec;
use crate::keys::store::{self, Found, Kind, Secret};
use crate::package::load;
use crate::source;
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// Unreadable input; metadata that no package can have.
pub fn run(flags: &Pack, ctx: &Context) -> Result<ExitCode> {
    let format = format(flags)?;
    let key = sign_key(flags.sign_key.as_deref(), ctx)?;
    let table: PackageTable = strict::parse(&flags.meta, &fs::read_text(&flags.meta)?)?;
    let in_table = || format!("the package table in {}", flags.meta.display());
    for (key, is_there) in [
        ("bins", table.bins.is_some()),
        ("bin_dir", table.bin_dir.is_some()),
        ("features", !table.features.0.is_empty()),
        ("no_default_features", table.no_default_features),
    ] {
        ensure!(
            !is_there,
            anyhow!("`{key}` needs a crate: `pack` takes files as they are").context(in_table())
        );
    }
    let base = match flags.meta.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let epoch = match table.epoch {
        Some(epoch) => epoch,
        None => source::ask(base).answer(&ctx.ui)?.epoch,
    };
    let meta = table
        .meta(
            base,
            &Defaults {
                epoch,
                ..Defaults::default()
            },
        )
        .with_context(in_table)?;
    let mut tree = load::tree(&flags.tree)?;
    assemble::add_extras(&mut tree, &table, base)?;
    let package = assemble::pack(format, &meta, tree, key.as_ref())?;
    for note in &package.notes {
        ctx.ui.warn(note);
    }
    let output = output_file(&flags.output, &package.file_name);
    fs::write_atomic(&output, &package.bytes, 0o644)?;
    let sha256 = hex(&<sha2::Sha256 as sha2::Digest>::digest(&package.bytes));
    if flags.json {
        let report = serde_json::json!({
            "path": output,
            "file_name": package.file_name,
            "size": package.bytes.len(),
            "installed_size": package.installed_size,
            "sha256": sha256,
        });
        println!("{report:#}");
    } else {
        println!(
            "{}: size {}, installed {}, sha256 {sha256}",
            output.display(),
            fs::human_size(package.bytes.len() as u64),
            fs::human_size(package.installed_size)
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// A directory gets OpenWrt's own file name.
fn output_file(output: &Path, file_name: &str) -> PathBuf {
    let is_dir = output.is_dir() || output.as_os_str().to_string_lossy().ends_with('/');
    if is_dir {
        output.join(file_name)
    } else {
        output.to_owned()
    }
}

/// The flag decides, then the end of the file's name; an ipk where neither does.
fn format(flags: &Pack) -> Result<Format> {
    let name = flags.output.to_string_lossy();
    let by_name = match () {
        () if name.ends_with(".apk") => Some(Format::Apk),
        () if name.ends_with(".ipk") => Some(Format::Ipk),
        () => None,
    };
    if let (Some(flag), Some(name)) = (flags.format, by_name) {
        ensure!(
            flag == name,
            "--format and the name of {} disagree",
            flags.output.display()
        );
    }
    Ok(flags.format.or(by_name).unwrap_or(Format::Ipk))
}

/// The key that signs a single apk.
pub fn sign_key(file: Option<&Path>, ctx: &Context) -> Result<Option<ec::Secret>> {
    let Some(file) = file else { return Ok(None) };
    let found = store::find(Kind::Ec, Some(file))?;
    for warning in found.iter().flat_map(Found::warnings) {
        ctx.ui.warn(&warning);
    }
    Ok(found.and_then(|found| match found.key {
        Secret::Ec(key) => Some(key),
        Secret::Usign(_) => None,
    }))
}
