//! What is put into a container before it starts: folders that its user owns,
//! and where nothing can be mounted, the source.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use super::plan::{ARTIFACTS, Plan, SOURCE};
use crate::engine::ca;
use crate::engine::container::User;

/// An archive for the container's root directory.
pub struct Parcel {
    archive: tar::Builder<Vec<u8>>,
    owner: User,
}

impl Parcel {
    /// With the folders that the build writes to. A volume begins as root's.
    ///
    /// # Errors
    /// None that is expected: it is written to memory.
    pub fn new(plan: &Plan, owner: User) -> Result<Self> {
        let mut parcel = Self {
            archive: tar::Builder::new(Vec::new()),
            owner,
        };
        parcel.dir(ARTIFACTS)?;
        for volume in &plan.volumes {
            parcel.dir(volume.at)?;
        }
        Ok(parcel)
    }

    /// Adds the source, as far as the build reads it.
    ///
    /// # Errors
    /// I/O.
    pub fn source(&mut self, plan: &Plan) -> Result<()> {
        self.dir(SOURCE)?;
        for path in &plan.paths {
            let top = plan.root.join(path);
            for entry in WalkDir::new(&top).into_iter().filter_entry(is_source) {
                let entry = entry.with_context(|| format!("read the source {}", top.display()))?;
                let below = entry
                    .path()
                    .strip_prefix(&plan.root)
                    .unwrap_or(entry.path());
                let name = Path::new(SOURCE).join(below);
                if entry.file_type().is_dir() {
                    self.dir(&name)?;
                } else if entry.file_type().is_symlink() {
                    let target = std::fs::read_link(entry.path())
                        .with_context(|| format!("read {}", entry.path().display()))?;
                    let mut header = self.header(tar::EntryType::Symlink, 0o777);
                    self.archive
                        .append_link(&mut header, inside(&name), &target)?;
                } else if entry.file_type().is_file() {
                    self.file(&name, entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// Adds the certificates of a company's network.
    ///
    /// # Errors
    /// I/O.
    pub fn certificates(&mut self, bundle: &Path) -> Result<()> {
        self.file(Path::new(ca::INSIDE), bundle)
    }

    /// The archive.
    ///
    /// # Errors
    /// None that is expected: it is written to memory.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.archive.into_inner().context("end an archive")
    }

    fn dir(&mut self, name: impl AsRef<Path>) -> Result<()> {
        let mut header = self.header(tar::EntryType::Directory, 0o755);
        let name = inside(name.as_ref()).join("");
        Ok(self.archive.append_data(&mut header, name, &[][..])?)
    }

    fn file(&mut self, name: &Path, file: &Path) -> Result<()> {
        let context = || format!("read {}", file.display());
        let content = std::fs::read(file).with_context(context)?;
        let mode = std::fs::metadata(file)
            .with_context(context)?
            .permissions()
            .mode();
        // Whoever may not read it here is not in the container.
        let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        let mut header = self.header(tar::EntryType::Regular, mode);
        header.set_size(content.len() as u64);
        Ok(self
            .archive
            .append_data(&mut header, inside(name), &content[..])?)
    }

    fn header(&self, kind: tar::EntryType, mode: u32) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(self.owner.uid);
        header.set_gid(self.owner.gid);
        header.set_size(0);
        // Times tell nothing: the script compares contents.
        header.set_mtime(1);
        header
    }
}

/// The first file or folder of the source that the container's user could
/// not read where it is mounted.
///
/// # Errors
/// I/O.
pub fn unreadable(plan: &Plan) -> Result<Option<PathBuf>> {
    let shut = |mode: u32, is_dir| mode & for_others(is_dir) != for_others(is_dir);
    for path in std::iter::once(String::new()).chain(plan.paths.iter().cloned()) {
        let top = plan.root.join(&path);
        let depth = if path.is_empty() { 0 } else { usize::MAX };
        for entry in WalkDir::new(&top)
            .max_depth(depth)
            .into_iter()
            .filter_entry(is_source)
        {
            let entry = entry.with_context(|| format!("read the source {}", top.display()))?;
            let kind = entry.file_type();
            let found = entry
                .metadata()
                .with_context(|| format!("read {}", entry.path().display()))?;
            if !kind.is_symlink() && shut(found.permissions().mode(), kind.is_dir()) {
                return Ok(Some(entry.into_path()));
            }
        }
    }
    Ok(None)
}

/// What others need to read it; and to enter it, for a folder.
fn for_others(is_dir: bool) -> u32 {
    if is_dir { 0o005 } else { 0o004 }
}

/// Not git's own files, and no folder that says of itself that it is a cache
/// (bford.info/cachedir, as cargo's target directories do).
pub fn is_source(entry: &walkdir::DirEntry) -> bool {
    let is_cache = || entry.file_type().is_dir() && entry.path().join("CACHEDIR.TAG").is_file();
    entry.depth() == 0 || (entry.file_name() != ".git" && !is_cache())
}

/// Names in the archive begin at the root and not with it.
fn inside(name: &Path) -> &Path {
    name.strip_prefix("/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_can_be_read_and_is_the_source_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folder in ["src/.git", "src/target", "other"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in [
            "src/main.rs",
            "src/.git/x",
            "src/target/CACHEDIR.TAG",
            "src/target/x",
            "other/x",
        ] {
            std::fs::write(root.join(file), "x").unwrap();
        }
        let shut = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(root.join("src/main.rs"), shut).unwrap();
        std::os::unix::fs::symlink("main.rs", root.join("src/link")).unwrap();
        let mut plan = super::super::plan::tests::plan(root);
        plan.paths = vec!["src".into()];
        assert_eq!(unreadable(&plan).unwrap(), Some(root.join("src/main.rs")));
        let mut parcel = Parcel::new(&plan, User::default()).unwrap();
        parcel.source(&plan).unwrap();
        let bytes = parcel.finish().unwrap();
        let mut names = Vec::new();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            names.push(format!("{:o} {path}", entry.header().mode().unwrap()));
        }
        names.retain(|name| name.contains("source"));
        names.sort();
        assert_eq!(
            names,
            [
                "755 source/",
                "755 source/src/",
                "755 source/src/main.rs",
                "777 source/src/link"
            ]
        );
    }
}
