//! Writes a whole feed beside its place and puts it there in one step: a router
//! that asks meanwhile gets the old one or the new one, and never an index
//! whose packages are not there.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};

use super::choose::{self, Chosen};
use super::{apk, opkg, page};
use crate::config::sdk::Format;
use crate::fingerprint::hex;
use crate::keys::store::{Kind, Secret};
use crate::util::ui::Ui;
use crate::util::{fs, lock};

/// The list of checksums, and the signature over it.
pub const SUMS: &str = "sha256sums";
/// By the same key as the index.
pub const SUMS_SIGNATURE: &str = "sha256sums.sig";

/// Which feed is written.
#[derive(Debug)]
pub struct Request<'a> {
    /// Folder with `<release>/<arch>/`; the feed goes to `feed/` in it.
    pub dist: &'a Path,
    /// OpenWrt release.
    pub release: &'a str,
    /// Its format.
    pub format: Format,
    /// Architecture.
    pub arch: &'a str,
    /// Where the feed will be, for its page.
    pub url: Option<&'a str>,
    /// What signs it.
    pub key: Option<&'a Secret>,
}

/// A feed that was written, or would be.
#[derive(Debug)]
pub struct Written {
    /// Its folder.
    pub dir: PathBuf,
    /// Its packages, and the older ones that it does not have.
    pub chosen: Chosen,
}

impl Request<'_> {
    /// The feed's folder.
    pub fn dir(&self) -> PathBuf {
        self.dist.join("feed").join(self.release).join(self.arch)
    }

    /// Looks at the packages; writes nothing.
    ///
    /// # Errors
    /// Those of [`choose::choose`].
    pub fn plan(&self) -> Result<Written> {
        let from = self.dist.join(self.release).join(self.arch);
        Ok(Written {
            dir: self.dir(),
            chosen: choose::choose(&from, self.format, self.arch)?,
        })
    }

    /// Writes the feed.
    ///
    /// # Errors
    /// Packages that no router installs; a key of the wrong kind; I/O.
    pub fn write(&self, ui: &Ui) -> Result<Written> {
        let dir = self.dir();
        let parent = dir.parent().context("a feed without a folder")?;
        let _lock = lock::take(&self.dist.join("feed/.lock"), "the feeds", ui)?;
        fs::create_dirs(parent)?;
        remove_left_over(parent)?;
        let written = self.plan()?;
        let new = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(parent)
            .with_context(|| format!("make a folder in {}", parent.display()))?;
        let mut hashes = BTreeMap::new();
        for package in &written.chosen.packages {
            let content = fs::read(&package.path)?;
            ensure!(
                hex(&Sha256::digest(&content)) == package.sha256,
                "{} changed while the feed was made",
                package.path.display()
            );
            put(new.path(), &package.file_name, &content)?;
            hashes.insert(package.file_name.clone(), package.sha256.clone());
        }
        for (name, content) in self.generated(&written.chosen)? {
            put(new.path(), &name, &content)?;
            hashes.insert(name, hex(&Sha256::digest(&content)));
        }
        let sums = page::sums(&hashes);
        put(new.path(), SUMS, sums.as_bytes())?;
        if let Some(key) = self.key {
            put(new.path(), SUMS_SIGNATURE, &key.sign_file(sums.as_bytes())?)?;
        }
        std::fs::set_permissions(new.path(), std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("open {} to readers", new.path().display()))?;
        replace(new, &dir)?;
        Ok(written)
    }

    /// Every file but the packages and the checksums.
    fn generated(&self, chosen: &Chosen) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        let public = self.key.map(Secret::public);
        match self.format {
            Format::Ipk => {
                let index = opkg::index(&chosen.packages)?;
                if let Some(key) = self.key {
                    let signature = key.sign_file(index.packages.as_bytes())?;
                    files.insert("Packages.sig".to_owned(), signature);
                }
                files.insert("Packages.gz".to_owned(), opkg::compress(&index.packages));
                files.insert("Packages".to_owned(), index.packages.into_bytes());
                files.insert("Packages.manifest".to_owned(), index.manifest.into_bytes());
            }
            Format::Apk => {
                let key = match self.key {
                    Some(Secret::Ec(key)) => Some(key),
                    Some(Secret::Usign(_)) => anyhow::bail!("an apk feed needs an EC key"),
                    None => None,
                };
                let index = apk::index(&chosen.packages, key)?;
                files.insert("packages.adb".to_owned(), index);
            }
        }
        if let Some(public) = &public {
            let name = kind(self.format).files().1;
            files.insert(name.to_owned(), public.to_text()?.into_bytes());
        }
        let id = public.map(|public| public.id());
        let order = choose::index_order(&chosen.packages, self.format);
        let json = page::json(self.arch, &order);
        files.insert("index.json".to_owned(), json.into_bytes());
        let html = page::html(&page::Page {
            release: self.release,
            arch: self.arch,
            format: self.format,
            url: self.url,
            key: id.as_deref(),
            packages: &order,
        });
        files.insert("index.html".to_owned(), html.into_bytes());
        Ok(files)
    }
}

/// The kind of key that a format's feeds are signed with.
pub fn kind(format: Format) -> Kind {
    match format {
        Format::Ipk => Kind::Usign,
        Format::Apk => Kind::Ec,
    }
}

fn put(dir: &Path, name: &str, content: &[u8]) -> Result<()> {
    let path = dir.join(name);
    std::fs::write(&path, content)
        .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)))
        .with_context(|| format!("write {}", path.display()))
}

/// Folders of runs that were killed; nobody else is at work, as the lock is ours.
fn remove_left_over(parent: &Path) -> Result<()> {
    for entry in std::fs::read_dir(parent).with_context(|| format!("read {}", parent.display()))? {
        let entry = entry.with_context(|| format!("read {}", parent.display()))?;
        if entry.file_name().to_string_lossy().starts_with(".new-") {
            fs::remove_dir(&entry.path())?;
        }
    }
    Ok(())
}

/// The old folder and the new one change places; the old one is then removed.
fn replace(new: tempfile::TempDir, dir: &Path) -> Result<()> {
    let context = || format!("put the feed at {}", dir.display());
    if !dir.exists() {
        // Not removed any more when it is dropped: it is the feed.
        let new = new.keep();
        return std::fs::rename(&new, dir).with_context(context);
    }
    match renameat_with(CWD, new.path(), CWD, dir, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        // Some network file systems cannot; a moment without feed is left.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            let old = tempfile::Builder::new()
                .prefix(".new-")
                .tempdir_in(dir.parent().unwrap_or(dir))
                .with_context(context)?;
            std::fs::rename(dir, old.path()).with_context(context)?;
            std::fs::rename(new.path(), dir).with_context(context)?;
        }
        Err(error) => return Err(error).with_context(context),
    }
    Ok(())
}
