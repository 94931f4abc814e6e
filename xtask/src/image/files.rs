//! The project's files as an image needs them: path, mode and content, from the
//! working tree or from a git revision without a checkout.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use walkdir::WalkDir;

use crate::fingerprint::hex;

/// The permission bits that count. Git keeps no more than "executable", and the
/// group's and others' right to write is the umask's doing.
const MODE: u32 = 0o755;

/// A regular file of the build context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextFile {
    /// Below the project's root, with `/`.
    pub path: String,
    /// Permission bits, without what the umask decides.
    pub mode: u32,
    /// What it holds.
    pub content: Vec<u8>,
}

impl ContextFile {
    /// A file; of `mode` only the bits that count are kept.
    pub fn new(path: impl Into<String>, mode: u32, content: Vec<u8>) -> Self {
        Self {
            path: path.into(),
            mode: mode & MODE,
            content,
        }
    }

    /// The mode in a build: a umask of 077 must not keep the image's user from
    /// reading what it runs.
    pub fn readable(&self) -> u32 {
        match self.mode & 0o100 {
            0 => self.mode | 0o444,
            _ => self.mode | 0o555,
        }
    }

    /// `0644 sha256:<hex>`: what a fingerprint knows of it.
    pub fn summary(&self) -> String {
        use sha2::{Digest, Sha256};
        let hash = hex(&Sha256::digest(&self.content));
        format!("{:04o} sha256:{hash}", self.mode)
    }
}

/// Where the project's files come from. Paths are relative to its root.
pub trait Files {
    /// One file; `None` where there is none.
    ///
    /// # Errors
    /// A symlink or anything else that is no regular file, and I/O.
    fn file(&self, path: &str) -> Result<Option<ContextFile>>;

    /// Every file below a folder, sorted; empty where there is none. What
    /// editors leave behind (`.x.swp`, `x~`) is not counted.
    ///
    /// # Errors
    /// As [`Files::file`].
    fn below(&self, folder: &str) -> Result<Vec<ContextFile>>;

    /// What people call this place: `the working tree`, `revision v1`.
    fn name(&self) -> String;
}

/// The files as they lie there.
#[derive(Clone, Debug)]
pub struct WorkingTree {
    root: PathBuf,
}

impl WorkingTree {
    /// The project at `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn read(&self, path: &str) -> Result<ContextFile> {
        let file = self.root.join(path);
        let context = || format!("read {}", file.display());
        let mode = std::fs::metadata(&file)
            .with_context(context)?
            .permissions()
            .mode();
        let content = std::fs::read(&file).with_context(context)?;
        Ok(ContextFile::new(path, mode, content))
    }
}

impl Files for WorkingTree {
    fn file(&self, path: &str) -> Result<Option<ContextFile>> {
        let file = self.root.join(path);
        let kind = match std::fs::symlink_metadata(&file) {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        };
        ensure!(kind.is_file(), not_a_file(path, kind.is_symlink()));
        self.read(path).map(Some)
    }

    fn below(&self, folder: &str) -> Result<Vec<ContextFile>> {
        let top = self.root.join(folder);
        match std::fs::symlink_metadata(&top) {
            Ok(found) => ensure!(found.is_dir(), not_a_file(folder, found.is_symlink())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("list {}", top.display())),
        }
        let mut files = Vec::new();
        let walk = WalkDir::new(&top).into_iter();
        for entry in walk.filter_entry(|entry| {
            entry.depth() == 0 || !is_leftover(&entry.file_name().to_string_lossy())
        }) {
            let entry = entry.with_context(|| format!("list {}", top.display()))?;
            let path = entry
                .path()
                .strip_prefix(&self.root)
                .ok()
                .and_then(Path::to_str);
            let path = path.with_context(|| format!("{} is not UTF-8", entry.path().display()))?;
            let kind = entry.file_type();
            if kind.is_file() {
                files.push(self.read(path)?);
            } else {
                ensure!(kind.is_dir(), not_a_file(path, kind.is_symlink()));
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn name(&self) -> String {
        "the working tree".to_owned()
    }
}

/// What editors write beside the file that is edited.
pub(super) fn is_leftover(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~')
}

pub(super) fn not_a_file(path: &str, is_symlink: bool) -> String {
    let what = match is_symlink {
        true => "a symlink: what it leads to would not be part of the fingerprint",
        false => "neither a file nor a folder",
    };
    format!("{path} is {what}; put a file there")
}
