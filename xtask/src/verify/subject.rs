//! What is examined: one architecture of one release, as one backend builds it.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::config::sdk::{Arch, Release, Sdk};
use crate::record::{self, Backend, Built};
use crate::toolchain::select::Choice;

/// Where a build's record and packages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Folder that has `<release>/<arch>/`.
    pub dist: PathBuf,
    /// OpenWrt release.
    pub release: String,
    /// OpenWrt architecture.
    pub arch: String,
    /// What builds.
    pub backend: Backend,
    /// The crate that is asked about, where one was named.
    pub crate_name: Option<String>,
    /// Options that the command which builds there needs besides.
    pub options: String,
    /// Those that the command which builds its image needs.
    pub image_options: String,
}

impl Place {
    /// With what the last build tells where the command line does not: which
    /// crate, and where its compiler comes from. Mends that leave the latter
    /// out would make another toolchain.
    pub fn of(mut self, last: Option<&Built>, toolchain: Choice) -> Self {
        if self.crate_name.is_none() {
            self.crate_name = last.map(|built| built.package.crate_name.clone());
        }
        if toolchain != Choice::default() {
            let option = format!(" --toolchain {}", toolchain.name());
            self.options.push_str(&option);
            self.image_options.push_str(&option);
        }
        self
    }

    /// The command that builds its image.
    pub fn image(&self) -> String {
        format!("cargo xtask image {}{}", self.arch, self.image_options)
    }

    /// The command that builds there.
    pub fn build(&self) -> String {
        let mut command = format!("cargo xtask ipk {}", self.arch);
        if self.backend == Backend::Sdk {
            command.push_str(" --backend sdk");
        }
        command + &self.options
    }

    /// Release and architecture as sdk.toml has them.
    ///
    /// # Errors
    /// When it no longer knows them.
    pub fn find(&self, sdk: &Sdk) -> Result<(Release, Arch)> {
        let release = sdk.release(Some(&self.release))?;
        let arch = sdk.arch(&self.arch, &release)?;
        Ok((release, arch))
    }
}

/// Folders of `dist` with a build's record, sorted: release, architecture and
/// backend.
pub fn recorded(dist: &Path) -> Vec<(String, String, Backend)> {
    let mut found = Vec::new();
    for release in names(dist) {
        for arch in names(&dist.join(&release)) {
            for backend in Backend::ALL {
                if record::path(dist, &release, &arch, backend).exists() {
                    found.push((release.clone(), arch.clone(), backend));
                }
            }
        }
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
