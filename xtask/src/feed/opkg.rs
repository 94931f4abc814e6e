//! The index of opkg: `Packages`, as OpenWrt 24.10's ipkg-make-index.sh and
//! `make package/index` write it.

use anyhow::{Result, bail};

use super::package::{Package, Source};
use crate::package::gzip;

/// Lines of the manifest that the index does not have, by how they begin.
const HIDDEN: [&str; 6] = [
    "Maintainer",
    "LicenseFiles",
    "Source",
    "SourceName",
    "Require",
    "SourceDateEpoch",
];

/// The index files' contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// `Packages.manifest`: every control file, with its package's file.
    pub manifest: String,
    /// `Packages`.
    pub packages: String,
}

/// The index over packages, which are in the order of their file names.
///
/// # Errors
/// Packages of another format.
pub fn index(packages: &[Package]) -> Result<Index> {
    let mut manifest = String::new();
    for package in packages {
        let Source::Control(control) = &package.source else {
            bail!("{} is no ipk", package.path.display());
        };
        // OpenWrt's images have these two; no feed does.
        if ["kernel", "libc"].contains(&package.file_name.split('_').next().unwrap_or_default()) {
            continue;
        }
        manifest += &entry(package, control);
        manifest.push('\n');
    }
    if manifest.is_empty() {
        manifest.push('\n');
    }
    Ok(Index {
        packages: of_manifest(&manifest),
        manifest,
    })
}

/// A control file with its package's file before the description.
fn entry(package: &Package, control: &str) -> String {
    let file = format!(
        "Filename: {}\nSize: {}\nSHA256sum: {}\n",
        package.file_name, package.size, package.sha256
    );
    let mut text = String::new();
    let mut is_told = false;
    for line in control.lines() {
        // An empty line would end the entry.
        if line.is_empty() {
            continue;
        }
        if line.starts_with("Description:") && !is_told {
            text += &file;
            is_told = true;
        }
        text += line;
        text.push('\n');
    }
    if !is_told {
        text += &file;
    }
    text
}

/// `Packages` of a manifest. usign's SHA-512 was wrong for two lengths: two
/// more newlines keep routers with it working.
pub fn of_manifest(manifest: &str) -> String {
    let mut text: String = manifest
        .split_inclusive('\n')
        .filter(|line| !HIDDEN.iter().any(|hidden| line.starts_with(hidden)))
        .collect();
    if matches!((64 + text.len()) % 128, 110 | 111) {
        text += "\n\n";
    }
    text
}

/// `Packages.gz` (`gzip -9nc`).
pub fn compress(packages: &str) -> Vec<u8> {
    gzip::compress_best(packages.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_lines_and_lengths_that_usign_cannot_sign() {
        let manifest = "Package: x\nSource: y\nSourceName: x\nRequire-User: a\nMaintainer: b\nDescription:  Source\n Maintainer: c\n\n";
        assert_eq!(
            of_manifest(manifest),
            "Package: x\nDescription:  Source\n Maintainer: c\n\n"
        );
        for (length, expected) in [
            (45, 45),
            (46, 48),
            (47, 49),
            (48, 48),
            (174, 176),
            (175, 177),
        ] {
            let text = "x".repeat(length);
            assert_eq!(of_manifest(&text).len(), expected);
        }
    }
}
