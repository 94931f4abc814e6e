//! What a release has to be made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::cmd::ci::matrix;
use crate::cmd::ci::package::recorded;
use crate::config::sdk::Format;
use crate::context::Context;
use crate::fingerprint::hex;
use crate::provenance::beside;
use crate::provenance::statement::Statement;
use crate::record::Backend;
use crate::source::Source;
use crate::util::fs;

/// A package that is as its build left it.
#[derive(Debug)]
pub struct Package {
    /// OpenWrt release.
    pub release: String,
    /// The architecture as that release names it.
    pub arch: String,
    /// The file.
    pub path: PathBuf,
}

/// The changelog's lines for a version.
///
/// # Errors
/// No such section, an empty one, and one that is not dated yet.
pub fn notes(changelog: &str, version: &str) -> Result<String> {
    let mut lines = changelog.lines();
    let heading = lines.find(|line| {
        let name = line.strip_prefix("## ").map(str::trim_start);
        name.and_then(|name| name.split_whitespace().next()) == Some(version)
    });
    let heading = heading.with_context(|| format!("it has no section `## {version}`"))?;
    ensure!(
        !heading.contains("unreleased"),
        "`{heading}`: write the date in place of `unreleased`"
    );
    let section: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
    let section = section.join("\n");
    let section = section.trim();
    ensure!(!section.is_empty(), "`{heading}` says nothing");
    Ok(format!("{section}\n"))
}

/// The package of every architecture and release, as its build's record says.
///
/// # Errors
/// One that is missing, was changed, or is of another crate, version or commit.
pub fn packages(
    ctx: &Context,
    dist: &Path,
    crate_name: &str,
    source: &Source,
) -> Result<Vec<Package>> {
    let epoch = source.epoch;
    let mut packages = Vec::new();
    let mut versions: BTreeMap<&str, String> = BTreeMap::new();
    let mut missing = Vec::new();
    for row in matrix::matrix(&ctx.sdk)?.archs {
        for wanted in row.packages {
            let (release, arch) = (wanted.release, wanted.arch);
            let made = match recorded(dist, &release, &arch, Backend::Native) {
                Ok(made) => made,
                Err(error) => {
                    missing.push(format!("{release} {arch}: {error:#}"));
                    continue;
                }
            };
            let path = dist.join(&release).join(&arch).join(&made.file);
            let shown = fs::shown(&path).display();
            ensure!(
                hex(&Sha256::digest(fs::read(&path)?)) == made.sha256,
                "{shown} is not what its build made (SHA-256 {})",
                made.sha256
            );
            ensure!(
                made.crate_name == crate_name,
                "{shown} is a package of {}, not of {crate_name}",
                made.crate_name
            );
            ensure!(
                made.epoch == epoch,
                "{shown} was built from another commit (its files have the time {}, this commit's is {epoch})",
                made.epoch
            );
            // Commits of one second, and what was not committed then.
            of_commit(&path, &made.sha256, source.commit.as_deref())?;
            let format = match wanted.format {
                Format::Ipk => "ipk",
                Format::Apk => "apk",
            };
            let first = versions
                .entry(format)
                .or_insert_with(|| made.version.clone());
            ensure!(
                *first == made.version,
                "{shown} has version {}, the others have {first}",
                made.version
            );
            packages.push(Package {
                release,
                arch,
                path,
            });
        }
    }
    if !missing.is_empty() {
        bail!(
            "a release has the packages of every architecture and release in openwrt/sdk.toml; missing are\n  {}\n\
             `cargo xtask ci package ARCH` makes those of an architecture",
            missing.join("\n  ")
        );
    }
    Ok(packages)
}

/// The package's provenance is of this file, and says this commit.
fn of_commit(package: &Path, sha256: &str, commit: Option<&str>) -> Result<()> {
    let shown = fs::shown(package).display();
    let statement = Statement::read(&beside(package, ".provenance.json"))
        .with_context(|| format!("{shown} is not published without its provenance"))?;
    ensure!(
        statement.sha256() == sha256,
        "{shown} is not the package that its provenance is of"
    );
    let recorded = statement.source();
    let of = recorded.and_then(|source| source.digest.get("gitCommit"));
    ensure!(
        of.map(String::as_str) == commit,
        "{shown} was built from another commit ({}): build it again",
        of.map_or("none", String::as_str)
    );
    ensure!(
        !recorded.is_some_and(|source| source.is("dirty")),
        "{shown} was built while files differed from the commit: nobody could rebuild it; build it again"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_those_of_the_version() {
        let changelog = "# Changelog\n\n## 0.10.0 (2027-01-02)\n\n- ten\n\n### More\n\n## 0.1.0 (unreleased)\n\n- one\n\n## 0.0.1\n";
        assert_eq!(notes(changelog, "0.10.0").unwrap(), "- ten\n\n### More\n");
        for (version, expected) in [
            ("0.1.0", "write the date"),
            ("0.0.1", "says nothing"),
            ("0.1", "has no section"),
            ("1.0.0", "has no section"),
        ] {
            let error = notes(changelog, version).unwrap_err().to_string();
            assert!(error.contains(expected), "{version}: {error}");
        }
    }
}
