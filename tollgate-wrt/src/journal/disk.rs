//! The few things that a journal asks of a file system.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::files;

/// Largest journal that is read, in bytes: far more than a router has sold for
/// between two rewritings.
const MAX_LENGTH: u64 = 64 << 20;

/// Only the daemon's own user: the journal is money.
const MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Where the directory is another user's, root must not be led elsewhere, nor
/// made to wait at a named pipe.
const NO_LINK: OFlags = OFlags::NOFOLLOW;

/// A file that grows at its end, or is replaced as a whole.
pub trait Disk {
    /// All bytes of the file, or `None` where there is none.
    ///
    /// # Errors
    /// What the system says.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Writes at the end of the file. Any part of it may be written when it fails.
    ///
    /// # Errors
    /// What the system says.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything that was written is on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file, durably.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Writes a file with these bytes beside the file, durably.
    ///
    /// # Errors
    /// What the system says. The file is untouched, and nothing beside it takes
    /// up room.
    fn stage(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Puts what was staged in place of the file, durably, and in one step:
    /// whatever happens, there is the old one or the new one.
    ///
    /// # Errors
    /// What the system says; either of them is there then.
    fn replace(&mut self) -> io::Result<()>;

    /// Keeps bytes of a damaged file for people to look at.
    ///
    /// # Errors
    /// What the system says.
    fn keep_copy(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A file in a directory that one process at a time has to itself.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    file: Option<File>,
    /// What was written to take its place.
    staged: Option<File>,
    /// Locked for as long as it is open.
    lock: File,
}

/// The journal's name in its directory.
const FILE: &str = "journal";

/// The journal's first bytes, up to `length` of them; for who has not taken the
/// directory.
///
/// # Errors
/// What the system says, or `InvalidData` for what is not a regular file.
pub fn beginning(directory: &Path, length: u64) -> io::Result<Vec<u8>> {
    let file = files::open_regular(&directory.join(FILE), NO_LINK)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A journal that is being written and may be thrown away.
const NEW: &str = "journal.new";

/// Copies of damaged journals: the first ones, which say most.
const DAMAGED: [&str; 4] = [
    "journal.damaged",
    "journal.damaged.2",
    "journal.damaged.3",
    "journal.damaged.4",
];

impl Directory {
    /// Makes the directory if it is not there, and takes it.
    ///
    /// # Errors
    /// `WouldBlock` if another process has it, else what the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        let lock = File::open(path)?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                file: None,
                staged: None,
                lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "another tollgate-wrt is using it",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a copy of the journal, under a name of its own that no earlier copy
    /// has; gives its path. `None` where there is no journal.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_aside(&mut self) -> io::Result<Option<PathBuf>> {
        let Some(bytes) = self.read()? else {
            return Ok(None);
        };
        let mut names = (1..).map(|number| format!("{FILE}.before-restore.{number}"));
        let Some(name) = names.find(|name| !self.path.join(name).exists()) else {
            return Ok(None);
        };
        self.write(&name, &bytes)?;
        self.lock.sync_all()?;
        Ok(Some(self.path.join(name)))
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .append(true)
                .custom_flags((NO_LINK | OFlags::NONBLOCK).bits() as i32)
                .open(self.path.join(FILE))?,
        };
        Ok(self.file.insert(file))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<File> {
        let path = self.path.join(name);
        // What an earlier run left here may belong to nobody.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(MODE)
            .open(path)?;
        files::give(&file, &self.path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(file)
    }
}

impl Disk for Directory {
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let file = match files::open_regular(&self.path.join(FILE), NO_LINK) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_LENGTH {
            let what = format!("larger than {MAX_LENGTH} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Some(bytes))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let file = self.file()?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn stage(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.staged = None;
        match self.write(NEW, bytes) {
            Ok(file) => self.staged = Some(file),
            Err(error) => {
                // On a full disk the next payment needs the room.
                let _ = fs::remove_file(self.path.join(NEW));
                return Err(error);
            }
        }
        Ok(())
    }

    fn replace(&mut self) -> io::Result<()> {
        let file = self.staged.take();
        let file = file.ok_or_else(|| io::Error::other("nothing was staged"))?;
        fs::rename(self.path.join(NEW), self.path.join(FILE))?;
        self.file = Some(file);
        self.lock.sync_all()
    }

    fn keep_copy(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut names = DAMAGED.into_iter();
        let Some(free) = names.find(|name| !self.path.join(name).exists()) else {
            return Ok(());
        };
        self.write(free, bytes)?;
        self.lock.sync_all()
    }
}
