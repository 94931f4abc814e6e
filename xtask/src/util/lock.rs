//! One writer at a time: an advisory lock on a file beside what is written.

use std::fs::{File, OpenOptions};
use std::path::Path;

use anyhow::{Context, Result};
use fs4::FileExt;

use super::fs;
use super::ui::Ui;

/// Held until dropped; the kernel lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock `path`; says so when it has to wait for another run.
///
/// # Errors
/// When the lock file cannot be made.
pub fn take(path: &Path, what: &str, ui: &Ui) -> Result<Lock> {
    if let Some(parent) = path.parent() {
        fs::create_dirs(parent)?;
    }
    let context = || format!("lock {}", path.display());
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(context)?;
    if FileExt::try_lock(&file).is_err() {
        ui.note(&format!(
            "waiting for another run that is at work on {what}"
        ));
        FileExt::lock(&file).with_context(context)?;
    }
    Ok(Lock { _file: file })
}
