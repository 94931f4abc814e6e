//! The Cargo workspace that is packaged: its members with a package table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::package::{Defaults, PackageTable};
use super::sdk::Format;
use super::{strict, version};
use crate::package::meta::Meta;
use crate::package::version::apk;

/// A workspace as `cargo metadata` describes it.
#[derive(Debug, Deserialize)]
pub struct Workspace {
    /// The workspace's folder.
    pub workspace_root: PathBuf,
    /// Where cargo puts what it builds.
    pub target_directory: PathBuf,
    packages: Vec<CargoPackage>,
}

#[derive(Debug, Deserialize)]
struct CargoPackage {
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<String>,
    description: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
    authors: Vec<String>,
    manifest_path: PathBuf,
    metadata: Option<serde_json::Value>,
    targets: Vec<CargoTarget>,
}

#[derive(Debug, Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

/// A crate that can be packaged.
#[derive(Clone, Debug)]
pub struct Crate {
    /// The crate's name in Cargo.
    pub cargo_name: String,
    /// Its version there.
    pub version: String,
    /// The folder of its Cargo.toml: what the table's paths start from.
    pub dir: PathBuf,
    /// Its package table.
    pub table: PackageTable,
    /// What `[package]` says, as far as the table does not.
    pub defaults: Defaults,
    /// The binaries that the package installs.
    pub bins: Vec<String>,
}

impl Crate {
    /// What a package of this format says of itself, for one architecture.
    ///
    /// # Errors
    /// Metadata with mistakes; a version that the format cannot have.
    pub fn meta(&self, format: Format, arch: &str, epoch: u64) -> Result<Meta> {
        let mut defaults = Defaults {
            architecture: Some(arch.to_owned()),
            epoch,
            ..self.defaults.clone()
        };
        if format == Format::Apk && self.table.version.is_none() {
            defaults.version = Some(self.apk_version()?);
        }
        self.table.meta(&self.dir, &defaults)
    }

    /// The version for apk, without a release number. From Cargo's own where
    /// the table has none: what was made for opkg may read as a commit.
    ///
    /// # Errors
    /// A version that has no counterpart in apk.
    pub fn apk_version(&self) -> Result<String> {
        match &self.table.version {
            Some(version) => apk::from_opkg(version),
            None => apk::from_cargo(&self.version),
        }
    }
}

impl Workspace {
    /// Asks cargo about the workspace of `manifest`.
    ///
    /// # Errors
    /// When cargo cannot read it; cargo's own words are in the error.
    pub fn read(manifest: &Path) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(&cargo)
            .args([
                "metadata",
                "--no-deps",
                "--format-version=1",
                "--manifest-path",
            ])
            .arg(manifest)
            .output()
            .with_context(|| format!("run {}", cargo.to_string_lossy()))?;
        if !output.status.success() {
            bail!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        serde_json::from_slice(&output.stdout).context("read the answer of cargo metadata")
    }

    /// The member that is meant: by name, or the only one with a package table.
    ///
    /// # Errors
    /// None or several to choose from; a table with mistakes.
    pub fn select(&self, name: Option<&str>) -> Result<Crate> {
        let candidates: Vec<&CargoPackage> = self
            .packages
            .iter()
            .filter(|member| member.has_table())
            .collect();
        let names = || {
            candidates
                .iter()
                .map(|member| member.name.as_str())
                .collect::<Vec<_>>()
        };
        match (name, candidates.as_slice()) {
            (None, [only]) => only.read(),
            (None, []) => bail!(
                "no crate in {} has a [package.metadata.openwrt] table; \
                 docs/package-metadata.md shows one",
                self.workspace_root.display()
            ),
            (None, _) => bail!(
                "several crates can be packaged: choose one with -p: {}",
                names().join(", ")
            ),
            (Some(name), _) => {
                if let Some(member) = candidates.iter().find(|member| member.name == name) {
                    return member.read();
                }
                ensure!(
                    !self.packages.iter().any(|member| member.name == name),
                    "crate {name} has no [package.metadata.openwrt] table; docs/package-metadata.md shows one"
                );
                ensure!(
                    !candidates.is_empty(),
                    "no crate {name} in this workspace; none can be packaged"
                );
                match strict::nearest(name, names()) {
                    Some(near) => bail!("no crate {name} in this workspace; did you mean {near}?"),
                    None => bail!(
                        "no crate {name} in this workspace; to choose from: {}",
                        names().join(", ")
                    ),
                }
            }
        }
    }
}

impl Workspace {
    /// What cargo needs to compile a member, relative to the workspace: the
    /// manifest, the lock file, cargo's settings and every member's folder.
    pub fn sources(&self) -> Vec<String> {
        let dirs = self.packages.iter().filter_map(|member| {
            let dir = member.manifest_path.parent()?;
            let dir = dir.strip_prefix(&self.workspace_root).ok()?;
            Some(dir.to_string_lossy().into_owned())
        });
        let mut sources = vec!["Cargo.toml".to_owned(), "Cargo.lock".to_owned()];
        for dir in dirs {
            if dir.is_empty() {
                // A crate in the workspace's root, which holds the others too.
                sources.push("src".to_owned());
                sources.extend(self.has("build.rs"));
            } else {
                sources.push(dir);
            }
        }
        sources.extend(self.has(".cargo"));
        sources
    }

    fn has(&self, name: &str) -> Option<String> {
        self.workspace_root
            .join(name)
            .exists()
            .then(|| name.to_owned())
    }
}

impl CargoPackage {
    fn has_table(&self) -> bool {
        self.metadata
            .as_ref()
            .is_some_and(|metadata| metadata.get("openwrt").is_some())
    }

    fn read(&self) -> Result<Crate> {
        let dir = self
            .manifest_path
            .parent()
            .context("a manifest without folder")?
            .to_owned();
        let table = read_table(&self.manifest_path)?;
        let all: Vec<String> = self
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            .map(|target| target.name.clone())
            .collect();
        let bins = match &table.bins {
            None => all,
            Some(chosen) => {
                if let Some(wrong) = chosen.iter().find(|bin| !all.contains(bin)) {
                    bail!(
                        "`bins` names {wrong:?}, which crate {} does not build: {}",
                        self.name,
                        all.join(", ")
                    );
                }
                chosen.clone()
            }
        };
        let license_file = self
            .license_file
            .as_ref()
            .map(|file| file.trim_start_matches("../").to_owned());
        Ok(Crate {
            cargo_name: self.name.clone(),
            version: self.version.clone(),
            dir,
            defaults: Defaults {
                name: Some(self.name.clone()),
                version: Some(version::for_opkg(&self.version)?),
                release: Some("1".to_owned()),
                architecture: None,
                license: self.license.as_deref().map(license_words),
                license_files: license_file,
                maintainer: (!self.authors.is_empty()).then(|| self.authors.join(", ")),
                url: self.homepage.clone().or_else(|| self.repository.clone()),
                description: self
                    .description
                    .as_ref()
                    .map(|text| text.trim_end().to_owned()),
                epoch: 0,
            },
            table,
            bins,
        })
    }
}

/// OpenWrt lists licences side by side; SPDX joins them with OR and AND.
fn license_words(spdx: &str) -> String {
    spdx.replace(" OR ", " ")
        .replace(" AND ", " ")
        .replace('/', " ")
}

/// The table in a Cargo.toml, read from its text so that mistakes have a line.
fn read_table(manifest: &Path) -> Result<PackageTable> {
    #[derive(Deserialize)]
    struct Manifest {
        package: Package,
    }
    #[derive(Deserialize)]
    struct Package {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        openwrt: PackageTable,
    }
    let text =
        fs::read_to_string(manifest).with_context(|| format!("read {}", manifest.display()))?;
    let manifest: Manifest = strict::parse(manifest, &text)?;
    Ok(manifest.package.metadata.openwrt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(tables: &[(&str, &str)]) -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let members: Vec<_> = tables.iter().map(|(name, _)| format!("{name:?}")).collect();
        let root = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [{}]\n",
            members.join(",")
        );
        fs::write(dir.path().join("Cargo.toml"), root).unwrap();
        for (name, table) in tables {
            fs::create_dir_all(dir.path().join(name).join("src")).unwrap();
            fs::write(dir.path().join(name).join("src/main.rs"), "fn main() {}\n").unwrap();
            let text = format!(
                "[package]\nname = {name:?}\nversion = \"1.0.0-rc1\"\nedition = \"2024\"\n\
                 license = \"MIT OR Apache-2.0\"\n{table}"
            );
            fs::write(dir.path().join(name).join("Cargo.toml"), text).unwrap();
        }
        let workspace = Workspace::read(&dir.path().join("Cargo.toml")).unwrap();
        (dir, workspace)
    }

    #[test]
    fn the_only_crate_with_a_table_is_meant() {
        let (_dir, workspace) = workspace(&[
            ("a", ""),
            ("b", "[package.metadata.openwrt]\nsection = \"net\"\n"),
        ]);
        let found = workspace.select(None).unwrap();
        let meta = found.table.meta(
            &found.dir,
            &Defaults {
                architecture: Some("all".into()),
                ..found.defaults
            },
        );
        let meta = meta.unwrap();
        assert_eq!(
            (meta.name.as_str(), meta.version.as_str()),
            ("b", "1.0.0~rc1-r1")
        );
        assert_eq!(
            (meta.license.as_str(), meta.source.as_str()),
            ("MIT Apache-2.0", "feeds/packages/b")
        );
        assert_eq!(found.bins, ["b"]);
        let error = |name| workspace.select(Some(name)).unwrap_err().to_string();
        assert!(error("a").contains("crate a has no [package.metadata.openwrt] table"));
        assert!(error("bb").contains("did you mean b?"));
    }

    #[test]
    fn a_crate_in_the_root_is_a_source_beside_the_others() {
        let (dir, _) = workspace(&[("a", ""), ("b", "")]);
        let root = dir.path().join("Cargo.toml");
        let sources = || Workspace::read(&root).unwrap().sources();
        assert_eq!(sources(), ["Cargo.toml", "Cargo.lock", "a", "b"]);
        let text = fs::read_to_string(&root).unwrap();
        let package = "[package]\nname = \"root\"\nversion = \"1.0.0\"\n";
        fs::write(&root, format!("{package}{text}")).unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/main.rs"), "fn main() {}\n").unwrap();
        fs::write(dir.path().join("build.rs"), "fn main() {}\n").unwrap();
        let mut found = sources();
        found.sort();
        let wanted = ["Cargo.lock", "Cargo.toml", "a", "b", "build.rs", "src"];
        assert_eq!(found, wanted);
    }

    #[test]
    fn several_or_none_are_said() {
        let table = "[package.metadata.openwrt]\n";
        let (_dir, both) = workspace(&[("a", table), ("b", table)]);
        assert!(
            both.select(None)
                .unwrap_err()
                .to_string()
                .ends_with("choose one with -p: a, b")
        );
        let (_dir, none) = workspace(&[("a", "")]);
        assert!(
            none.select(None)
                .unwrap_err()
                .to_string()
                .contains("docs/package-metadata.md")
        );
    }

    #[test]
    fn a_typo_in_the_table_has_its_line() {
        let (dir, workspace) = workspace(&[("a", "[package.metadata.openwrt]\nconfiles = []\n")]);
        let error = workspace.select(None).unwrap_err().to_string();
        let file = dir.path().canonicalize().unwrap().join("a/Cargo.toml");
        assert_eq!(
            error,
            format!(
                "{}:7:1: unknown key `confiles`; did you mean `conffiles`?\n  | confiles = []",
                file.display()
            )
        );
    }
}
