//! Reading with a bound, and writing so that no half-written file is ever seen.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Largest configuration file that is read, in bytes. Real ones have some kB;
/// a router must not run out of memory because of a wrong symbolic link.
pub const MAX_FILE: u64 = 1 << 20;

/// Reads a whole text file of at most [`MAX_FILE`] bytes.
///
/// # Errors
/// What the system says, or `InvalidData` for a file that is too large or not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    // One byte more than allowed, so that "too large" is noticed without
    // believing a length that special files do not have.
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        let what = format!("larger than {MAX_FILE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        let what = format!("not UTF-8 text (line {line})");
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

/// Makes `path` with `bytes` and the permissions `mode`, unless it exists.
///
/// The file appears whole or not at all, also when the power fails: it is
/// written beside its place, synced, and renamed without replacing. Of several
/// processes that try at once exactly one succeeds. Missing parent directories
/// are made.
///
/// # Errors
/// `AlreadyExists` when `path` is there, whoever made it; else what the system says.
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(directory)?;

    let (temporary, mut file) = create_temporary(path, mode)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| rename_new(&temporary, path));
    if let Err(error) = written {
        // The error that matters is the one at hand.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// Opens a new file beside `path`, with a name that no other process takes.
fn create_temporary(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    let mut random = [0u8; 8];
    getrandom::getrandom(&mut random)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(format!(".{:016x}", u64::from_ne_bytes(random)));

    let temporary = path.with_file_name(name);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)?;
    Ok((temporary, file))
}

/// Renames without replacing, in one step. Filesystems without that operation
/// get a hard link instead, which does not replace either.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn creates_once_with_mode_and_parents() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/key");
        create_new(&path, b"first", 0o600).unwrap();

        let error = create_new(&path, b"second", 0o600).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        // Nothing else is left, of the failed attempt neither.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(create_new(&file.join("below a file"), b"x", 0o600).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn reading_is_bounded_and_utf8() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");

        let largest = usize::try_from(MAX_FILE).unwrap();
        fs::write(&path, vec![b'x'; largest]).unwrap();
        assert_eq!(read_text(&path).unwrap().len(), largest);
        fs::write(&path, vec![b'x'; largest + 1]).unwrap();
        let error = read_text(&path).unwrap_err();
        assert_eq!(error.to_string(), "larger than 1048576 bytes");

        fs::write(&path, b"one\ntwo\xff").unwrap();
        let error = read_text(&path).unwrap_err();
        assert_eq!(error.to_string(), "not UTF-8 text (line 2)");
    }
}
