//! Tries a package: unpacks it, runs its program under qemu-user, asks it over
//! HTTP, and checks the signature of what it answers.

mod nostr;
mod service;

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use serde::Serialize;

use crate::config::package::SmokeTable;
use crate::package::apk;
use crate::package::tree::{Node, Tree};

/// What a package's program did.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// OpenWrt architecture.
    pub arch: String,
    /// The command inside the package.
    pub run: Vec<String>,
    /// What it answered, or printed.
    pub answer: String,
    /// Seconds from start to answer, under emulation.
    pub seconds: f64,
    /// Kind of the Nostr event whose id and signature were verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_kind: Option<u32>,
}

/// Tries the ipk or apk at `package`.
///
/// # Errors
/// A program that does not start, answer, or stop when asked to; an answer
/// whose id or signature is wrong. The program's own output is in the error.
pub fn try_package(package: &Path, arch: &str, table: &SmokeTable, qemu: &Path) -> Result<Tried> {
    let root = tempfile::tempdir().context("make a directory for the package")?;
    unpack(package, root.path())?;
    let (answer, seconds) = match &table.get {
        None => service::run_once(qemu, root.path(), &table.run)?,
        Some(path) => service::ask(qemu, root.path(), &table.run, path)?,
    };
    let verified_kind = match &table.nostr_kinds {
        Some(kinds) => Some(verify(&answer, kinds)?),
        None => None,
    };
    Ok(Tried {
        arch: arch.to_owned(),
        run: table.run.clone(),
        answer,
        seconds,
        verified_kind,
    })
}

/// Unpacks a package below `root`; gives its program, the one that is tried.
///
/// # Errors
/// A package that cannot be read, or has no such program.
pub fn program(package: &Path, table: &SmokeTable, root: &Path) -> Result<PathBuf> {
    unpack(package, root)?;
    let name = table.run.first().context("`smoke.run` is empty")?;
    let program = root.join(name.trim_start_matches('/'));
    ensure!(program.is_file(), "{} has no {name}", package.display());
    Ok(program)
}

/// Checks that an answer is a Nostr event of one of these kinds; gives its kind.
///
/// # Errors
/// What is wrong with it.
pub fn verify(answer: &str, kinds: &[u32]) -> Result<u32> {
    nostr::verify(answer, kinds).with_context(|| format!("verify the answer {answer:?}"))
}

/// Puts the package's files below `root`, as opkg or apk would.
fn unpack(package: &Path, root: &Path) -> Result<()> {
    let context = || format!("unpack {}", package.display());
    if package.extension().is_some_and(|name| name == "apk") {
        let tree = apk::load::tree(&crate::util::fs::read(package)?).with_context(context)?;
        return write_tree(root, &tree).with_context(context);
    }
    let file = std::fs::File::open(package).with_context(context)?;
    let mut outer = tar::Archive::new(GzDecoder::new(file));
    for entry in outer.entries().with_context(context)? {
        let mut entry = entry.with_context(context)?;
        if entry.path_bytes().ends_with(b"data.tar.gz") {
            let mut inner = tar::Archive::new(GzDecoder::new(&mut entry as &mut dyn Read));
            inner.set_preserve_permissions(true);
            return inner.unpack(root).with_context(context);
        }
    }
    bail!("{} has no data.tar.gz", package.display())
}

/// Parents come before what is in them and are directories: nothing is written
/// through a link.
fn write_tree(root: &Path, tree: &Tree) -> Result<()> {
    for (path, entry) in tree.iter().filter(|(path, _)| !path.is_root()) {
        let place = root.join(OsStr::from_bytes(path.as_bytes()));
        let written = match &entry.node {
            Node::Dir => fs::create_dir_all(&place),
            Node::File(content) => fs::write(&place, content)
                .and_then(|()| fs::set_permissions(&place, fs::Permissions::from_mode(entry.mode))),
            Node::Symlink(to) => symlink(OsStr::from_bytes(to), &place),
        };
        written.with_context(|| format!("write {}", place.display()))?;
    }
    Ok(())
}
