//! The files that are published: packages under names that differ, the feeds as
//! one archive, public keys, and signed checksums of all of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::checked::Package;
use crate::context::Context;
use crate::feed::page::sums;
use crate::feed::write::{SUMS, SUMS_SIGNATURE};
use crate::fingerprint::hex;
use crate::keys::store::{Kind, Secret};
use crate::package::gzip;
use crate::package::tar::Writer;
use crate::util::fs;

/// What is written.
pub struct Request<'a> {
    /// The folder that has `feed/` and gets `release/`.
    pub dist: &'a Path,
    /// Crate and version.
    pub name: &'a str,
    /// The time of the archive's files.
    pub epoch: u64,
    /// From [`plan`].
    pub plan: &'a BTreeMap<String, PathBuf>,
    /// Releases that feeds are for.
    pub releases: Vec<&'a str>,
    /// What signs, and whose public halves are published.
    pub keys: &'a [(Kind, Secret)],
    /// The changelog's lines.
    pub notes: &'a str,
}

/// What was written.
pub struct Place {
    /// The folder of the files to publish.
    pub dir: PathBuf,
    /// The text that goes with them.
    pub notes: PathBuf,
    /// The files.
    pub files: Vec<Asset>,
}

/// A published file.
#[derive(Debug, Serialize)]
pub struct Asset {
    name: String,
    size: u64,
    sha256: String,
}

/// Packages, and what lies beside them under their names (`FILE.provenance.json`),
/// by the names that they are published under.
///
/// # Errors
/// I/O errors with the path.
pub fn plan(ctx: &Context, packages: &[Package]) -> Result<BTreeMap<String, PathBuf>> {
    let default = ctx.sdk.release(None)?.name;
    let mut plan = BTreeMap::new();
    for package in packages {
        let own = text(package.path.file_name())?;
        let folder = package
            .path
            .parent()
            .context("a package without a folder")?;
        let public = public_name(&own, package, &default)?;
        for entry in
            std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?
        {
            let path = entry
                .with_context(|| format!("read {}", folder.display()))?
                .path();
            let name = text(path.file_name())?;
            let Some(rest) = name.strip_prefix(&own) else {
                continue;
            };
            if rest.is_empty() || rest.starts_with('.') {
                let public = format!("{public}{rest}");
                ensure!(
                    plan.insert(public.clone(), path).is_none(),
                    "two files would be published as {public}"
                );
            }
        }
    }
    Ok(plan)
}

/// A release's files stand in one folder: an apk's own name has no architecture
/// and no name has a release.
fn public_name(own: &str, package: &Package, default: &str) -> Result<String> {
    let (stem, end) = own
        .rsplit_once('.')
        .context("a package without an extension")?;
    let mut name = stem.to_owned();
    if package.release != default {
        name += &format!("_{}", package.release);
    }
    if !own.contains(&package.arch) {
        name += &format!("_{}", package.arch);
    }
    // Hosts of releases replace what is unusual in a name; checksums name it.
    let name: String = name
        .chars()
        .map(|char| match char {
            char if char.is_ascii_alphanumeric() || "._-+".contains(char) => char,
            _ => '.',
        })
        .collect();
    Ok(format!("{name}.{end}"))
}

/// Writes `release/` in `dist`: `assets/` and `notes.md`.
///
/// # Errors
/// I/O errors with the path.
pub fn write(request: &Request<'_>) -> Result<Place> {
    let dist = request.dist;
    let new = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(dist)
        .with_context(|| format!("make a folder in {}", dist.display()))?;
    let folder = new.path().join("assets");
    let mut files = Vec::new();
    for (name, path) in request.plan {
        files.push(put(&folder, name, &fs::read(path)?)?);
    }
    let feeds = archive(&dist.join("feed"), &request.releases, request.epoch)?;
    let name = format!("{}-feed.tar.gz", request.name);
    files.push(put(&folder, &name, &feeds)?);
    for (kind, key) in request.keys {
        let public = key.public().to_text()?;
        files.push(put(&folder, kind.files().1, public.as_bytes())?);
    }
    let hashes = files
        .iter()
        .map(|file| (file.name.clone(), file.sha256.clone()));
    let list = sums(&hashes.collect());
    let signer = request.keys.iter().find(|(kind, _)| *kind == Kind::Usign);
    let (_, signer) = signer.context("no usign key signs the checksums")?;
    let signature = signer.sign_file(list.as_bytes())?;
    for (name, content) in [(SUMS, list.as_bytes()), (SUMS_SIGNATURE, &signature)] {
        files.push(put(&folder, name, content)?);
    }
    let notes = format!(
        "{}\n`{SUMS}` lists every file, and `{SUMS_SIGNATURE}` is its signature with the key {}.\n",
        request.notes,
        signer.public().id()
    );
    fs::write_atomic(&new.path().join("notes.md"), notes.as_bytes(), 0o644)?;
    let place = dist.join("release");
    std::fs::set_permissions(new.path(), std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("open {} to readers", new.path().display()))?;
    fs::remove_dir(&place)?;
    std::fs::rename(new.keep(), &place).with_context(|| format!("write {}", place.display()))?;
    Ok(Place {
        dir: place.join("assets"),
        notes: place.join("notes.md"),
        files,
    })
}

fn put(folder: &Path, name: &str, content: &[u8]) -> Result<Asset> {
    fs::write_atomic(&folder.join(name), content, 0o644)?;
    Ok(Asset {
        name: name.to_owned(),
        size: content.len() as u64,
        sha256: hex(&Sha256::digest(content)),
    })
}

/// `feed/` as one archive, to be unpacked where a web server finds it.
fn archive(feed: &Path, releases: &[&str], epoch: u64) -> Result<Vec<u8>> {
    let mut archive = Writer::new(epoch);
    for release in releases {
        for entry in WalkDir::new(feed.join(release)).sort_by_file_name() {
            let entry = entry.with_context(|| format!("read {}", feed.display()))?;
            let name = entry.path().strip_prefix(feed).unwrap_or(entry.path());
            let name = text(Some(name.as_os_str()))?;
            if entry.file_type().is_dir() {
                archive.dir(format!("{name}/").as_bytes(), 0o755)?;
            } else {
                archive.file(name.as_bytes(), 0o644, &fs::read(entry.path())?)?;
            }
        }
    }
    Ok(gzip::compress(&archive.finish()))
}

fn text(name: Option<&std::ffi::OsStr>) -> Result<String> {
    let name = name.and_then(std::ffi::OsStr::to_str);
    name.map(str::to_owned).context("a file's name is no text")
}
