//! The log of a build: written as it comes, and named when it is whole.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::util::fs;

/// Bytes of the log's end that errors are made from.
const TAIL: usize = 64 << 10;

/// The script's own line, before make begins.
const AUTOREMOVE: &[u8] = b"xtask: CONFIG_AUTOREMOVE=";

/// A log under a name that says it is not whole, until it is.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    tail: Vec<u8>,
    told: Told,
}

impl Log {
    /// The log `build.log` in `dir`; `build.log.partial` for now.
    ///
    /// # Errors
    /// I/O.
    pub fn create(dir: &Path) -> Result<Self> {
        fs::create_dirs(dir)?;
        let path = dir.join("build.log");
        let partial = partial(&path);
        let file =
            File::create(&partial).with_context(|| format!("write {}", partial.display()))?;
        Ok(Self {
            path,
            file,
            tail: Vec::new(),
            told: Told::default(),
        })
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .with_context(|| format!("write {}", partial(&self.path).display()))?;
        self.told.push(bytes);
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
        Ok(())
    }

    /// The value of CONFIG_AUTOREMOVE that this build has; `None` where it could
    /// come from elsewhere than .config, or is not known yet.
    pub fn autoremove(&self) -> Option<&str> {
        self.told.autoremove.as_deref()
    }

    /// Gives it its name: all of it is there.
    ///
    /// # Errors
    /// I/O.
    pub fn finish(self) -> Result<Written> {
        let Self {
            path,
            file,
            tail,
            told,
        } = self;
        drop(file);
        std::fs::rename(partial(&path), &path)
            .with_context(|| format!("write {}", path.display()))?;
        Ok(Written {
            path,
            tail: String::from_utf8_lossy(&tail).into_owned(),
            compiled: told.crates,
        })
    }
}

/// A log that is whole.
#[derive(Debug)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Its end.
    pub tail: String,
    /// `name@version` of the crates that cargo compiled for the package.
    pub compiled: Vec<String>,
}

/// What single lines tell besides the toolchain's stages.
#[derive(Debug, Default)]
struct Told {
    line: Vec<u8>,
    /// The recipe's cargo began: crates are not the toolchain's any more.
    began: bool,
    crates: Vec<String>,
    autoremove: Option<String>,
}

impl Told {
    fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.read();
            self.line.clear();
        }
        self.line.extend_from_slice(rest);
    }

    fn read(&mut self) {
        if let Some(value) = self.line.strip_prefix(AUTOREMOVE) {
            self.autoremove = Some(String::from_utf8_lossy(value).into_owned());
        } else if !self.began {
            self.began = memchr::memmem::find(&self.line, b"cargo install ").is_some();
        } else if let Some(name) = self.line.trim_ascii_start().strip_prefix(b"Compiling ") {
            let name = String::from_utf8_lossy(name);
            let mut words = name.split_whitespace();
            if let (Some(name), Some(version)) = (words.next(), words.next()) {
                let version = version.strip_prefix('v').unwrap_or(version);
                self.crates.push(format!("{name}@{version}"));
            }
        }
    }
}

/// The value of CONFIG_AUTOREMOVE that a build in the SDK told, in its log.
pub fn told_autoremove(log: &[u8]) -> Option<String> {
    let mut told = Told::default();
    told.push(log);
    told.autoremove
}

fn partial(path: &Path) -> PathBuf {
    path.with_extension("log.partial")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_its_name_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path()).unwrap();
        log.write(&vec![b'x'; 5 * TAIL]).unwrap();
        log.write(b"end\n").unwrap();
        assert!(!dir.path().join("build.log").exists());
        let written = log.finish().unwrap();
        let length = std::fs::metadata(written.path).unwrap().len();
        assert_eq!(length, 5 * TAIL as u64 + 4);
        assert!(written.tail.ends_with("xend\n") && written.tail.len() <= 2 * TAIL);
        assert!(!dir.path().join("build.log.partial").exists());
    }

    #[test]
    fn crates_of_the_package_are_counted() {
        let text = "xtask: CONFIG_AUTOREMOVE=y\n   Compiling bootstrap v0.0.0\nX=y cargo install -v --root /x\n   Compiling libc v0.2.1\n     \
                    Running `x`\n   Compiling own v1.0.0-rc1 (/builder/x)\n       Fresh y v1.0.0\n";
        for size in [1, 7, text.len()] {
            let mut told = Told::default();
            text.as_bytes()
                .chunks(size)
                .for_each(|piece| told.push(piece));
            assert_eq!(told.crates, ["libc@0.2.1", "own@1.0.0-rc1"]);
            assert_eq!(told.autoremove.as_deref(), Some("y"));
        }
    }
}
