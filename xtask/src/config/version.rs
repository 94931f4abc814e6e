//! A crate's version as OpenWrt's package managers order it.

use anyhow::{Result, ensure};

/// Translates a Cargo version for opkg: `1.2.3-rc.1` becomes `1.2.3~rc.1`,
/// which sorts before `1.2.3`. Build metadata (`+abc`) stays.
///
/// # Errors
/// An empty version.
pub fn for_opkg(cargo: &str) -> Result<String> {
    ensure!(!cargo.is_empty(), "the crate has no version");
    let (release, build) = match cargo.split_once('+') {
        Some((release, build)) => (release, Some(build)),
        None => (cargo, None),
    };
    let mut version = match release.split_once('-') {
        // opkg would take everything after a further `-` for the package release.
        Some((base, pre)) => format!("{base}~{}", pre.replace('-', ".")),
        None => release.to_owned(),
    };
    if let Some(build) = build {
        version += &format!("+{}", build.replace('-', "."));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pre_releases_sort_before_their_release() {
        for (cargo, opkg) in [
            ("1.2.3", "1.2.3"),
            ("1.2.3-rc1", "1.2.3~rc1"),
            ("1.2.3-alpha.2", "1.2.3~alpha.2"),
            ("1.2.3-a-b+c-d", "1.2.3~a.b+c.d"),
        ] {
            assert_eq!(for_opkg(cargo).unwrap(), opkg);
        }
        assert!(for_opkg("").is_err());
    }
}
