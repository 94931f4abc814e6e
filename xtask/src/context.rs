//! What every command gets: the project and a way to talk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::config::sdk::Sdk;
use crate::util::ui::Ui;

/// The build tool's own project.
#[derive(Debug)]
pub struct Context {
    /// Its root: where `openwrt/` is.
    pub root: PathBuf,
    /// `openwrt/sdk.toml`.
    pub sdk: Sdk,
    /// Status lines.
    pub ui: Ui,
}

impl Context {
    /// Finds the project and reads its configuration.
    ///
    /// # Errors
    /// When `openwrt/sdk.toml` is missing or wrong.
    pub fn load() -> Result<Self> {
        let root = project_root()?;
        let sdk = Sdk::read(&root.join("openwrt/sdk.toml"))?;
        Ok(Self {
            root,
            sdk,
            ui: Ui::default(),
        })
    }
}

/// The folder above this crate: cargo names the crate's when it runs us.
fn project_root() -> Result<PathBuf> {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.join("../openwrt/sdk.toml").is_file())
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned());
    manifest_dir
        .parent()
        .map(Path::to_owned)
        .context("find the project's root")
}
