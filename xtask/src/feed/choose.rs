//! Which packages of a folder go into its feed: the newest of each name.

use std::cmp::Ordering;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::package::Package;
use crate::config::sdk::Format;
use crate::package::version;

/// Packages for a feed, and those that newer ones took the place of.
#[derive(Debug, Default)]
pub struct Chosen {
    /// In the order of their file names.
    pub packages: Vec<Package>,
    /// Older ones.
    pub older: Vec<Package>,
}

/// Reads every package of `dir` that is for `arch` or for all.
///
/// # Errors
/// A package that no router would install, or for another architecture; a
/// folder without packages.
pub fn choose(dir: &Path, format: Format, arch: &str) -> Result<Chosen> {
    let end = extension(format);
    let entries = match std::fs::read_dir(dir) {
        // The same to who reads it: there are no packages.
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        entries => Some(entries.with_context(|| format!("read {}", dir.display()))?),
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in entries.into_iter().flatten() {
        files.push(
            entry
                .with_context(|| format!("read {}", dir.display()))?
                .path(),
        );
    }
    files.retain(|file| file.extension().is_some_and(|found| found == end));
    files.sort();
    ensure!(
        !files.is_empty(),
        "{} has no {end}: `cargo xtask {end} {arch}` makes one",
        dir.display()
    );
    let mut packages = Vec::new();
    for file in files {
        let package = Package::read(&file, format)?;
        ensure!(
            package.arch == arch || matches!(package.arch.as_str(), "all" | "noarch"),
            "{} is for {}, and the feed for {arch}",
            file.display(),
            package.arch
        );
        packages.push(package);
    }
    Ok(newest(packages, format))
}

/// The packages in the order in which their index has them.
pub fn index_order(packages: &[Package], format: Format) -> Vec<&Package> {
    let mut order: Vec<&Package> = packages.iter().collect();
    if format == Format::Apk {
        order.sort_by(|a, b| {
            let versions = || compare(format, &a.version, &b.version);
            a.name.cmp(&b.name).then_with(versions)
        });
    }
    order
}

/// The end of a package file's name.
pub fn extension(format: Format) -> &'static str {
    match format {
        Format::Ipk => "ipk",
        Format::Apk => "apk",
    }
}

/// How the format's package manager orders versions.
pub fn compare(format: Format, a: &str, b: &str) -> Ordering {
    match format {
        Format::Ipk => version::opkg::compare(a, b),
        Format::Apk => version::apk::compare(a, b),
    }
}

/// Of equal versions the last file counts: one must, and its name decides.
fn newest(packages: Vec<Package>, format: Format) -> Chosen {
    let mut chosen = Chosen::default();
    for package in packages {
        let known = chosen
            .packages
            .iter()
            .position(|known| known.name == package.name);
        match known {
            None => chosen.packages.push(package),
            Some(at) => {
                let known = &mut chosen.packages[at];
                let is_newer = compare(format, &package.version, &known.version).is_ge();
                let older = match is_newer {
                    true => std::mem::replace(known, package),
                    false => package,
                };
                chosen.older.push(older);
            }
        }
    }
    chosen
        .packages
        .sort_by(|a, b| a.file_name.cmp(&b.file_name));
    chosen
}
