//! A feed of opkg: `Packages` and what belongs to it.

use std::io::Read;
use std::path::Path;

use super::feed::{Feed, MAX_FILE};
use super::sums;
use crate::feed::opkg;
use crate::feed::package::Package;
use crate::inspect::Control;

const PACKAGES: &str = "Packages";
const COMPRESSED: &str = "Packages.gz";
const MANIFEST: &str = "Packages.manifest";
const SIGNATURE: &str = "Packages.sig";

/// Names of the files that the index has.
pub(super) fn listed(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join(PACKAGES)).unwrap_or_default();
    let entries = text.split("\n\n");
    entries
        .filter_map(|entry| Some(Control::parse(entry).0.get("Filename")?.to_owned()))
        .collect()
}

/// Checks everything; gives the packages that are as the index says.
pub(super) fn check(feed: &mut Feed, dir: &Path) -> Vec<Package> {
    let compressed = feed.read(dir, COMPRESSED);
    let Some(bytes) = feed.read(dir, PACKAGES) else {
        return Vec::new();
    };
    feed.check_signature(dir, PACKAGES, &bytes, SIGNATURE);
    if let Some(compressed) = compressed {
        let mut unpacked = Vec::new();
        let read = flate2::read::GzDecoder::new(&compressed[..])
            .take(MAX_FILE)
            .read_to_end(&mut unpacked);
        if read.is_err() || unpacked != bytes {
            feed.problem(
                COMPRESSED,
                format!("does not unpack to {PACKAGES}, which is signed"),
            );
        }
    }
    let Ok(text) = String::from_utf8(bytes) else {
        feed.problem(PACKAGES, "is no text in UTF-8");
        return Vec::new();
    };
    if let Some(manifest) = feed.read(dir, MANIFEST) {
        if opkg::of_manifest(&String::from_utf8_lossy(&manifest)) != text {
            feed.problem(MANIFEST, format!("has other packages than {PACKAGES}"));
        }
    }
    let mut packages = Vec::new();
    for entry in text.split("\n\n").filter(|entry| !entry.trim().is_empty()) {
        packages.extend(one(feed, dir, entry));
    }
    packages
}

/// One entry of the index and its package.
fn one(feed: &mut Feed, dir: &Path, entry: &str) -> Option<Package> {
    let (control, _) = Control::parse(entry);
    let field = |name: &str| control.get(name).unwrap_or_default();
    let name = field("Filename");
    if !sums::is_plain(name) {
        let message = format!(
            "the entry of {:?} has no file name that is one: {name:?}",
            field("Package")
        );
        feed.problem(PACKAGES, message);
        return None;
    }
    let package = feed.package(dir, name)?;
    for (what, index, file) in [
        ("Size", field("Size"), package.size.to_string().as_str()),
        ("SHA256sum", field("SHA256sum"), package.sha256.as_str()),
    ] {
        if index != file {
            feed.problem(
                name,
                format!("{what} is {file}, and {index} in {PACKAGES}: opkg refuses it"),
            );
            return None;
        }
    }
    let own = opkg::index(std::slice::from_ref(&package)).ok()?.packages;
    if own.trim_end() != entry.trim_end() {
        let other = own
            .lines()
            .zip(entry.trim_start().lines())
            .find(|(own, index)| own != index);
        let (own, index) = other.unwrap_or_default();
        let message = format!("says {own:?} of itself, and {PACKAGES} says {index:?}");
        feed.problem(name, message);
        return None;
    }
    Some(package)
}
