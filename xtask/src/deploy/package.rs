//! The package that is to be installed, and why a router would not take it.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::router::{Router, manager};
use crate::config::sdk::Format;
use crate::feed::{choose, package};
use crate::inspect;
use crate::util::fs::{human_size, read};

/// What a package manager needs besides: its lists, and what a flash file
/// system keeps for itself.
const FLASH_MARGIN: u64 = 256 << 10;
/// What a router has to keep free of its memory while the package lies there.
const MEMORY_MARGIN: u64 = 1 << 20;

/// A package file.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// Where it lies.
    pub path: PathBuf,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture, as the format writes it.
    pub arch: String,
    /// Its format.
    pub format: Format,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes that it takes when installed.
    pub installed_size: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Whether the file itself is signed (apk).
    pub signed: bool,
    /// Its services.
    #[serde(skip)]
    pub services: Vec<String>,
    /// Its configuration files.
    #[serde(skip)]
    pub conffiles: Vec<String>,
}

/// What will be done with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The router has none of that name.
    Install,
    /// It has an older one.
    Upgrade,
    /// It has one of that very version.
    Reinstall,
    /// It has a newer one.
    Downgrade,
}

impl Candidate {
    /// Reads a package file.
    ///
    /// # Errors
    /// No router installs it.
    pub fn read(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let format = match &*extension {
            "ipk" => Format::Ipk,
            "apk" => Format::Apk,
            _ => bail!("{} is neither an ipk nor an apk", path.display()),
        };
        let package = package::Package::read(path, format)?;
        let report = inspect::inspect(path)?;
        let member = |name: &str| {
            let found = report.members.iter().find(|member| member.name == name);
            found.map(|member| member.text.as_str()).unwrap_or_default()
        };
        let services = report.files.iter().filter_map(|file| {
            let name = file.path.strip_prefix("/etc/init.d/")?;
            (!name.contains('/') && file.kind != "dir").then(|| name.to_owned())
        });
        Ok(Self {
            path: path.to_owned(),
            name: package.name,
            version: package.version,
            arch: package.arch,
            format,
            size: package.size,
            installed_size: report.data_size,
            sha256: package.sha256,
            signed: report.findings.iter().any(|note| note.rule == "signature"),
            services: services.collect(),
            conffiles: member("conffiles").lines().map(str::to_owned).collect(),
        })
    }

    /// Looks whether the router would take it, and what that would be.
    ///
    /// # Errors
    /// It would not, with the reason: nothing is copied then.
    pub fn check(&self, router: &Router, downgrade: bool) -> Result<Change> {
        ensure!(
            self.format == router.format,
            "{} is for {}, and this router has {} (OpenWrt {})",
            self.path.display(),
            manager(self.format),
            manager(router.format),
            router.release
        );
        let is_for_all = matches!(self.arch.as_str(), "all" | "noarch");
        ensure!(
            is_for_all || router.archs.contains(&self.arch),
            "{} is for {}, and this router is {} (it installs {})",
            self.path.display(),
            self.arch,
            router.arch,
            router.archs.join(", ")
        );
        let space = |what: &str, has: u64, need: u64, margin: u64, way: &str| {
            ensure!(
                has >= need.saturating_add(margin),
                "{what}: {} are free, and {} are needed ({} and {} to spare); {way}",
                human_size(has),
                human_size(need + margin),
                human_size(need),
                human_size(margin)
            );
            Ok(())
        };
        space(
            "too little flash",
            router.flash,
            self.installed_size,
            FLASH_MARGIN,
            "remove packages that are not used",
        )?;
        space(
            "too little memory for the file in /tmp",
            router.memory,
            self.size,
            MEMORY_MARGIN,
            "stop what fills it",
        )?;
        let Some(installed) = &router.installed else {
            return Ok(Change::Install);
        };
        Ok(
            match choose::compare(self.format, &self.version, installed) {
                Ordering::Greater => Change::Upgrade,
                Ordering::Equal => Change::Reinstall,
                Ordering::Less => {
                    ensure!(
                        downgrade,
                        "{} {installed} is installed, and {} is older: --downgrade installs it all the same",
                        self.name,
                        self.version
                    );
                    Change::Downgrade
                }
            },
        )
    }

    /// The package manager's words before the file's name.
    pub fn command(&self, change: Change) -> Vec<&'static str> {
        match (self.format, change) {
            (Format::Ipk, Change::Reinstall) => vec!["opkg", "install", "--force-reinstall"],
            (Format::Ipk, Change::Downgrade) => vec!["opkg", "install", "--force-downgrade"],
            (Format::Ipk, _) => vec!["opkg", "install"],
            (Format::Apk, _) if self.signed => vec!["apk", "add"],
            (Format::Apk, _) => vec!["apk", "add", "--allow-untrusted"],
        }
    }

    /// The file's bytes, as they were when it was looked at.
    ///
    /// # Errors
    /// It cannot be read, or has changed.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let bytes = read(&self.path)?;
        let sum = crate::fingerprint::hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
        ensure!(
            sum == self.sha256,
            "{} has changed meanwhile",
            self.path.display()
        );
        Ok(bytes)
    }

    /// The name that the file has on the router: nothing of the shell's in it.
    pub fn file_name(&self) -> Result<String> {
        let name = self.path.file_name().context("a file without a name")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
        let name = name.to_string_lossy().replace(|c| !plain(c), "_");
        Ok(name.trim_start_matches('-').to_owned())
    }
}
