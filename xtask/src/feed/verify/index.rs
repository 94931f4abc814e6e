//! What a folder has an index of, and the packages in it.

use std::path::Path;

use super::{apk, opkg};
use crate::config::sdk::Format;

/// What a folder has an index of.
pub fn format(dir: &Path) -> Option<Format> {
    let has = |name: &str| dir.join(name).symlink_metadata().is_ok();
    if has("packages.adb") || has("public-key.pem") {
        Some(Format::Apk)
    } else if ["Packages", "Packages.gz", "Packages.sig"]
        .into_iter()
        .any(has)
    {
        Some(Format::Ipk)
    } else {
        None
    }
}

/// Names of packages in the index of a folder without checksums.
pub fn listed(dir: &Path) -> Vec<String> {
    match format(dir) {
        Some(Format::Ipk) => opkg::listed(dir),
        Some(Format::Apk) => apk::listed(dir),
        None => Vec::new(),
    }
}
