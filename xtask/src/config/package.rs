//! The package table: `[package.metadata.openwrt]` of a crate, and the file
//! that `pack --meta` reads (docs/package-metadata.md describes every key).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::words::{Commas, Mode, Scalar, Script, Words};
use crate::package::meta::{Meta, Scripts};
use crate::package::modes::FileMode;

/// The section of a recipe that names none (include/package-defaults.mk).
const DEFAULT_SECTION: &str = "opt";

/// The table as written. Values that a crate's `[package]` gives already need
/// not stand here again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackageTable {
    /// Package name, when it is not the crate's.
    pub name: Option<String>,
    /// Version without the release.
    pub version: Option<String>,
    /// `PKG_RELEASE`.
    pub release: Option<Scalar>,
    /// Architecture (`pack` only).
    #[serde(alias = "arch")]
    pub architecture: Option<String>,
    /// `all` for a package without machine code.
    pub pkgarch: Option<String>,
    /// Menu section, also a control field.
    pub section: Option<String>,
    /// Menu category (recipe only).
    pub category: Option<String>,
    /// One line for menus; the description where there is none.
    pub title: Option<String>,
    /// Packages needed at run time.
    pub depends: Words,
    /// Dependencies with constraints: `foo (>=1.0), bar (<2)`.
    pub extra_depends: Commas,
    /// Packages that cannot be installed beside this one.
    pub conflicts: Words,
    /// Names that this package also answers to.
    pub provides: Words,
    /// `PRIORITY:LINK:TARGET`.
    pub alternatives: Words,
    /// `user=uid:group=gid` that installing creates.
    pub userid: Option<String>,
    /// ABI version of a library.
    pub abi_version: Option<Scalar>,
    /// `Name <address>`, several separated by commas.
    pub maintainer: Option<String>,
    /// Licence names.
    pub license: Option<String>,
    /// Licence files.
    pub license_files: Option<String>,
    /// Home page.
    pub url: Option<String>,
    /// Name in the CPE dictionary.
    pub cpe_id: Option<String>,
    /// `essential`, `hold`, `nonshared`.
    pub flags: Words,
    /// Set for the variant that a bare dependency means (apk).
    pub default_variant: Option<Scalar>,
    /// Long description.
    pub description: Option<String>,
    /// Files that belong to the owner once installed.
    pub conffiles: Words,
    /// Runs before unpacking.
    pub preinst: Option<Script>,
    /// Runs after installation.
    pub postinst: Option<Script>,
    /// Runs before removal.
    pub prerm: Option<Script>,
    /// Runs after removal.
    pub postrm: Option<Script>,
    /// `/PATH:USER:GROUP:MODE`.
    pub file_modes: Words,
    /// Seconds since 1970 for every entry, when neither git nor the
    /// environment is to decide.
    pub epoch: Option<u64>,
    /// The `Source:` field, when it is not `feeds/<feed>/<name>`.
    pub source_field: Option<String>,
    /// The recipe's own name, when it is not the package's.
    pub source_name: Option<String>,
    /// The feed that the recipe stands in.
    pub feed: Option<String>,

    /// Binaries to install (default: all of the crate).
    pub bins: Option<Vec<String>>,
    /// Where binaries go (default `/usr/bin`).
    pub bin_dir: Option<String>,
    /// Cargo features to build with.
    pub features: Words,
    /// Build without the crate's default features.
    pub no_default_features: bool,
    /// Further files.
    pub files: Vec<FileTable>,
    /// Symbolic links.
    pub links: Vec<LinkTable>,
    /// Empty directories.
    pub dirs: Vec<String>,
    /// How `smoke` tries the package.
    pub smoke: Option<SmokeTable>,
}

/// `[[…files]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTable {
    /// Beside the table's file, or below it.
    pub source: PathBuf,
    /// Where it is installed.
    pub path: String,
    /// Permission bits (default `"0644"`).
    pub mode: Option<Mode>,
}

/// `[[…links]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkTable {
    /// The link's own place.
    pub path: String,
    /// What it points to, as written.
    pub target: String,
}

/// `[….smoke]`: in its strings `{root}` is the unpacked package and `{port}` a
/// free TCP port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmokeTable {
    /// The installed program and its arguments.
    pub run: Vec<String>,
    /// Path to ask for over HTTP on `{port}`.
    pub get: Option<String>,
    /// The port that the installed service listens on: `try` asks there.
    pub port: Option<u16>,
    /// Kind of the Nostr event that the answer must be, correctly signed.
    pub nostr_kinds: Option<Vec<u32>>,
}

/// What the crate's `[package]` or the command line adds to the table.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Package name.
    pub name: Option<String>,
    /// Version without release, as OpenWrt writes it.
    pub version: Option<String>,
    /// Release number.
    pub release: Option<String>,
    /// Architecture of the build.
    pub architecture: Option<String>,
    /// Licence names.
    pub license: Option<String>,
    /// Licence files.
    pub license_files: Option<String>,
    /// Maintainers.
    pub maintainer: Option<String>,
    /// Home page.
    pub url: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Seconds since 1970.
    pub epoch: u64,
}

impl PackageTable {
    /// The package's metadata, with scripts read from beside `base`.
    ///
    /// # Errors
    /// A missing name, version or architecture; unreadable scripts; wrong file
    /// modes. [`Meta::check`] looks at the rest.
    pub fn meta(&self, base: &Path, defaults: &Defaults) -> Result<Meta> {
        let pick = |own: &Option<String>, default: &Option<String>| {
            own.clone().or_else(|| default.clone())
        };
        let name = pick(&self.name, &defaults.name).context("`name` is missing")?;
        let version = pick(&self.version, &defaults.version).unwrap_or_default();
        let release = self
            .release
            .as_ref()
            .map(|release| release.0.clone())
            .or_else(|| defaults.release.clone())
            .unwrap_or_default();
        let version = match (version.as_str(), release.as_str()) {
            ("", "") => bail!("`version` is missing"),
            (_, "") => version,
            // A recipe without PKG_VERSION.
            ("", _) => release,
            _ => format!("{version}-r{release}"),
        };
        let arch = pick(
            &self.pkgarch.clone().filter(|arch| !arch.is_empty()),
            &self.architecture,
        )
        .or_else(|| defaults.architecture.clone())
        .context("`architecture` is missing")?;
        let script =
            |script: &Option<Script>| script.as_ref().map(|script| script.read(base)).transpose();
        let source = self
            .source_field
            .clone()
            .unwrap_or_else(|| format!("feeds/{}/{name}", self.feed()));
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Ok(Meta {
            version,
            arch,
            abi_version: self
                .abi_version
                .as_ref()
                .map(|abi| abi.0.clone())
                .unwrap_or_default(),
            depends: self.depends.0.clone(),
            extra_depends: self.extra_depends.0.clone(),
            conflicts: self.conflicts.0.clone(),
            provides: self.provides.0.clone(),
            alternatives: self.alternatives.0.clone(),
            source,
            source_name: self.source_name.clone().unwrap_or_else(|| name.clone()),
            license: text(&pick(&self.license, &defaults.license)),
            license_files: text(&pick(&self.license_files, &defaults.license_files)),
            section: self
                .section
                .clone()
                .unwrap_or_else(|| DEFAULT_SECTION.to_owned()),
            user_id: text(&self.userid),
            url: text(&pick(&self.url, &defaults.url)),
            cpe_id: text(&self.cpe_id),
            flags: self.flags.0.clone(),
            default_variant: self
                .default_variant
                .as_ref()
                .is_some_and(|value| !value.0.is_empty()),
            maintainer: text(&pick(&self.maintainer, &defaults.maintainer)),
            // Where a recipe has no description, make takes the title.
            description: [&self.description, &defaults.description, &self.title]
                .into_iter()
                .flatten()
                .find(|text| !text.is_empty())
                .cloned()
                .unwrap_or_default(),
            conffiles: self.conffiles.0.clone(),
            scripts: Scripts {
                preinst: script(&self.preinst)?,
                postinst: script(&self.postinst)?,
                prerm: script(&self.prerm)?,
                postrm: script(&self.postrm)?,
            },
            file_modes: self
                .file_modes
                .0
                .iter()
                .map(|mode| mode.parse::<FileMode>())
                .collect::<Result<_>>()?,
            epoch: self.epoch.unwrap_or(defaults.epoch),
            name,
        })
    }

    /// The feed's name.
    pub fn feed(&self) -> &str {
        self.feed.as_deref().unwrap_or("packages")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(text: &str, defaults: &Defaults) -> Result<Meta> {
        let table: PackageTable = toml::from_str(text).unwrap();
        table.meta(Path::new("."), defaults)
    }

    fn defaults() -> Defaults {
        let text = |text: &str| Some(text.to_owned());
        Defaults {
            name: text("x"),
            version: text("1"),
            release: text("1"),
            architecture: text("mips_24kc"),
            license: text("MIT"),
            license_files: text("LICENSE"),
            maintainer: text("A"),
            url: text("https://example.org"),
            description: text("Of the crate."),
            epoch: 7,
        }
    }

    #[test]
    fn the_crate_fills_what_the_table_leaves_open() {
        let of_crate = meta("", &defaults()).unwrap();
        assert_eq!(
            (of_crate.name.as_str(), of_crate.version.as_str()),
            ("x", "1-r1")
        );
        assert_eq!(of_crate.arch, "mips_24kc");
        assert_eq!(
            [
                of_crate.license,
                of_crate.license_files,
                of_crate.maintainer
            ],
            ["MIT", "LICENSE", "A"]
        );
        assert_eq!(
            [of_crate.url, of_crate.description, of_crate.source],
            ["https://example.org", "Of the crate.", "feeds/packages/x"]
        );
        assert_eq!((of_crate.source_name.as_str(), of_crate.epoch), ("x", 7));

        let table = "name='y'\nversion='2'\nrelease=3\narchitecture='a'\npkgarch='all'\nlicense='L'\n\
                     license_files='F'\nmaintainer='M'\nurl='U'\ndescription='D'\nepoch=9\nsource_name='S'\nfeed='f'\n";
        let own = meta(table, &defaults()).unwrap();
        assert_eq!([own.name, own.version, own.arch], ["y", "2-r3", "all"]);
        assert_eq!(
            [own.license, own.license_files, own.maintainer, own.url],
            ["L", "F", "M", "U"]
        );
        assert_eq!(
            [own.description, own.source_name, own.source],
            ["D", "S", "feeds/f/y"]
        );
        assert_eq!(own.epoch, 9);
    }

    #[test]
    fn versions_and_descriptions_as_make_has_them() {
        let bare = Defaults::default();
        let version = |text: &str| {
            let text = format!("name='x'\narch='all'\n{text}");
            meta(&text, &bare).map(|meta| meta.version)
        };
        assert_eq!(version("version='1'").unwrap(), "1");
        assert_eq!(version("version='1'\nrelease=''").unwrap(), "1");
        assert_eq!(version("version=''\nrelease='3'").unwrap(), "3");
        assert!(version("version=''").is_err());
        let title = "description=''\ntitle='T'";
        let without = Defaults {
            description: None,
            ..defaults()
        };
        assert_eq!(meta(title, &without).unwrap().description, "T");
    }
}
