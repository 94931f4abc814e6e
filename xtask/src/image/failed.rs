//! Which step failed, remembered for `image --shell`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::build::{self, FailedStep, Failure};
use super::spec::Spec;
use crate::config::image::RustMode;
use crate::toolchain::select::Choice;
use crate::util::fs;

/// The record, `<release>-<arch>.failed.json` beside the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The image that was not made.
    pub tag: String,
    /// The step.
    pub step: FailedStep,
}

/// A build that failed, with what to do next.
#[derive(Debug)]
pub struct Failed {
    /// The image, as arguments of `image`.
    pub image: String,
    /// What failed.
    pub failure: Failure,
}

impl Failed {
    /// Of this image.
    pub fn of(spec: &Spec, failure: Failure) -> Self {
        let mut image = spec.arch.name.clone();
        if spec.alias().is_none() {
            image += &format!(" --release {}", spec.release.name);
        }
        if spec.rust == RustMode::Pinned && spec.provider != Choice::Rustup.name() {
            image += &format!(" --toolchain {}", spec.provider);
        }
        Self { image, failure }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.failure)?;
        if self.failure.step.is_some() {
            write!(
                f,
                "\nA shell just before that step: cargo xtask image {} --shell",
                self.image
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Failed {}

fn path(root: &Path, spec: &Spec) -> PathBuf {
    build::log(root, spec).with_extension("failed.json")
}

/// Writes down which step failed.
///
/// # Errors
/// I/O.
pub fn remember(root: &Path, spec: &Spec, failure: &Failure) -> Result<()> {
    let Some(step) = failure.step.clone() else {
        return forget(root, spec);
    };
    let record = Record {
        tag: spec.tag(),
        step,
    };
    let json = serde_json::to_vec_pretty(&record).context("write which step failed")?;
    fs::write_atomic(&path(root, spec), &json, 0o644)
}

/// Nothing failed last.
///
/// # Errors
/// I/O.
pub fn forget(root: &Path, spec: &Spec) -> Result<()> {
    let path = path(root, spec);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Which step failed last, if one did.
///
/// # Errors
/// The record is broken.
pub fn last(root: &Path, spec: &Spec) -> Result<Option<Record>> {
    let path = path(root, spec);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read(&path)?;
    let record = serde_json::from_slice(&text)
        .with_context(|| format!("read {}; the next failure writes it anew", path.display()))?;
    Ok(Some(record))
}
