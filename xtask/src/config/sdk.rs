//! `openwrt/sdk.toml`: releases, architectures, toolchain pins and profiles.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::image::Image;
use super::strict;
use super::target::unknown_release;
pub use super::target::{Arch, Format, Release};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sdk {
    /// OpenWrt releases by their branch name (`24.10`).
    pub release: BTreeMap<String, ReleaseTable>,
    /// Architectures by OpenWrt's name for them.
    pub arch: BTreeMap<String, ArchTable>,
    /// The Docker image with OpenWrt's SDK.
    pub image: Image,
    /// Compiler and linker pins.
    pub toolchain: ToolchainPins,
    /// Cargo profile settings for packages.
    pub profile: Profiles,
}

/// `[release.X]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseTable {
    /// The exact SDK version (`24.10.8`).
    pub version: String,
    /// The package format of its package manager.
    pub format: Format,
    /// True for the one release that is meant when none is named.
    #[serde(default)]
    pub default: bool,
}

/// `[arch.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchTable {
    /// Rust's target triple.
    pub target: String,
    /// OpenWrt's target/subtarget, whose SDK builds for it.
    pub board: String,
    /// The qemu-user program that runs its binaries.
    pub qemu: String,
    /// A short name for the command line.
    pub alias: Option<String>,
    /// Its name by release, where that differs from the table's.
    #[serde(default)]
    pub release_names: BTreeMap<String, String>,
}

/// `[toolchain]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolchainPins {
    /// Version of rustc, cargo and the standard library's source.
    pub rust: String,
    /// Cargo features of the standard library.
    #[serde(default)]
    pub std_features: Vec<String>,
    /// The C compiler and linker.
    pub zig: Wheel,
    /// What joins cargo and zig.
    pub cargo_zigbuild: Wheel,
}

/// A program from PyPI.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// Its name there.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// SHA-256 of its wheels, one for each kind of machine.
    pub sha256: Vec<String>,
}

/// `[profile.*]`: Cargo profile settings as Cargo writes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// What routers get.
    pub release: toml::Table,
    /// `--fast`: for the edit-and-try loop.
    pub fast: toml::Table,
}

impl Sdk {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// I/O; syntax, types and unknown keys with their line; two defaults.
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        Self::parse(file, &text)
    }

    /// Reads and checks the file's text; `file` is what errors call it.
    ///
    /// # Errors
    /// As [`Sdk::read`], without I/O.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let sdk: Self = strict::parse(file, text)?;
        sdk.check()
            .and_then(|()| sdk.image.check(&sdk.targets()?))
            .with_context(|| format!("check {}", file.display()))?;
        Ok(sdk)
    }

    fn check(&self) -> Result<()> {
        let defaults = self
            .release
            .values()
            .filter(|release| release.default)
            .count();
        ensure!(
            defaults == 1,
            "exactly one release needs `default = true`, {defaults} have it"
        );
        let mut names = BTreeMap::<&str, &str>::new();
        for (key, arch) in &self.arch {
            for release in arch.release_names.keys() {
                ensure!(
                    self.release.contains_key(release),
                    "[arch.{key}] names release {release:?} in `release_names`, which is not described"
                );
            }
            for name in std::iter::once(key)
                .chain(&arch.alias)
                .chain(arch.release_names.values())
            {
                if let Some(other) = names.insert(name, key).filter(|other| other != key) {
                    bail!("{name:?} means both [arch.{other}] and [arch.{key}]");
                }
            }
        }
        Ok(())
    }

    /// The release by name, or the default one.
    ///
    /// # Errors
    /// An unknown name, with the known ones.
    pub fn release(&self, name: Option<&str>) -> Result<Release> {
        let found = match name {
            Some(name) => self.release.get_key_value(name),
            None => self.release.iter().find(|(_, table)| table.default),
        };
        let (name, table) = found.with_context(|| {
            let known = self.release.keys().map(String::as_str);
            unknown_release(name.unwrap_or_default(), known)
        })?;
        Ok(Release {
            name: name.clone(),
            version: table.version.clone(),
            format: table.format,
        })
    }

    /// The architecture behind a name, an alias or a release's own name.
    ///
    /// # Errors
    /// An unknown name, with the nearest known one.
    pub fn arch(&self, wanted: &str, release: &Release) -> Result<Arch> {
        let found = self.arch.iter().find(|(key, table)| {
            *key == wanted
                || table.alias.as_deref() == Some(wanted)
                || table.release_names.values().any(|name| name == wanted)
        });
        let (key, table) = found.with_context(|| self.unknown_arch(wanted))?;
        let name = table.release_names.get(&release.name).unwrap_or(key);
        let own_name_elsewhere =
            wanted != key && table.alias.as_deref() != Some(wanted) && wanted != name;
        ensure!(
            !own_name_elsewhere,
            "in release {} this architecture is called {name}",
            release.name
        );
        Ok(Arch {
            name: name.clone(),
            target: table.target.clone(),
            board: table.board.clone(),
            qemu: table.qemu.clone(),
        })
    }

    /// Every architecture, as the release names it.
    ///
    /// # Errors
    /// None in a file that [`Sdk::read`] accepted.
    pub fn all_archs(&self, release: &Release) -> Result<Vec<Arch>> {
        self.arch
            .keys()
            .map(|key| self.arch(key, release))
            .collect()
    }

    /// Every release with its architectures.
    fn targets(&self) -> Result<Vec<(Release, Vec<Arch>)>> {
        let names = self.release.keys();
        let releases = names.map(|name| self.release(Some(name)));
        releases
            .map(|release| {
                let release = release?;
                let archs = self.all_archs(&release)?;
                Ok((release, archs))
            })
            .collect()
    }

    fn unknown_arch(&self, wanted: &str) -> String {
        let aliases = self
            .arch
            .values()
            .filter_map(|table| table.alias.as_deref());
        let names: Vec<&str> = self
            .arch
            .keys()
            .map(String::as_str)
            .chain(aliases)
            .collect();
        let by_target = self
            .arch
            .iter()
            .find(|(_, table)| table.target == wanted)
            .map(|(key, _)| key.as_str());
        match by_target.or_else(|| strict::nearest(wanted, names.iter().copied())) {
            Some(near) => {
                format!("architecture {wanted:?} is not in openwrt/sdk.toml; did you mean {near}?")
            }
            None => format!(
                "architecture {wanted:?} is not in openwrt/sdk.toml; known are: {}",
                names.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk() -> Sdk {
        Sdk::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../openwrt/sdk.toml")).unwrap()
    }

    #[test]
    fn names_and_aliases() {
        let sdk = sdk();
        let release = sdk.release(None).unwrap();
        assert_eq!(
            (release.name.as_str(), release.version.as_str()),
            ("24.10", "24.10.8")
        );
        assert_eq!(
            sdk.arch("aarch64", &release).unwrap().name,
            "aarch64_cortex-a53"
        );
        assert_eq!(
            sdk.arch("mips", &release).unwrap().target,
            "mips-unknown-linux-musl"
        );
        assert_eq!(sdk.all_archs(&release).unwrap().len(), 7);
    }

    #[test]
    fn a_name_can_depend_on_the_release() {
        let sdk = sdk();
        let (old, new) = (
            sdk.release(Some("24.10")).unwrap(),
            sdk.release(Some("25.12")).unwrap(),
        );
        assert_eq!(sdk.arch("riscv64", &old).unwrap().name, "riscv64_riscv64");
        assert_eq!(sdk.arch("riscv64", &new).unwrap().name, "riscv64_generic");
        assert_eq!(
            sdk.arch("riscv64_generic", &new).unwrap().name,
            "riscv64_generic"
        );
        assert_eq!(
            sdk.arch("riscv64_generic", &old).unwrap_err().to_string(),
            "in release 24.10 this architecture is called riscv64_riscv64"
        );
    }

    #[test]
    fn unknown_names_come_with_a_hint() {
        let sdk = sdk();
        let release = sdk.release(None).unwrap();
        let error = |name| sdk.arch(name, &release).unwrap_err().to_string();
        assert!(error("aarch46").ends_with("did you mean aarch64?"));
        assert!(error("mips-unknown-linux-musl").ends_with("did you mean mips_24kc?"));
        assert!(error("sparc").contains("known are: aarch64_cortex-a53,"));
        let error = sdk.release(Some("23.05")).unwrap_err().to_string();
        assert!(error.ends_with("known are: 24.10, 25.12"), "{error}");
    }

    #[test]
    fn contradictions_are_refused() {
        let mut sdk = sdk();
        sdk.arch.get_mut("mips_24kc").unwrap().alias = Some("aarch64".into());
        assert!(sdk.check().unwrap_err().to_string().contains("means both"));
        let mut sdk = self::sdk();
        sdk.release.get_mut("25.12").unwrap().default = true;
        assert!(
            sdk.check()
                .unwrap_err()
                .to_string()
                .contains("exactly one release")
        );
    }
}
