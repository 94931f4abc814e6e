//! Reading with a bound, and writing so that no half-written file is ever seen.

use std::fs::{self, DirBuilder, File, FileType, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown,
};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Largest configuration file that is read, in bytes. Real ones have some kB;
/// a router must not run out of memory because of a wrong symbolic link.
pub const MAX_FILE: u64 = 1 << 20;

/// Of directories that are made: others look, but do not put files there.
const DIRECTORY_MODE: u32 = 0o755;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a whole text file of at most [`MAX_FILE`] bytes. A byte order mark at
/// its beginning, which Windows editors write, is left out.
///
/// # Errors
/// What the system says, or `InvalidData` for what is too large, not UTF-8, or
/// not a regular file.
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    // One byte more than allowed, so that "too large" is noticed without
    // believing a length that the files of /proc do not have.
    open_regular(path, OFlags::empty())?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        let what = format!("larger than {MAX_FILE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        let what = format!("not UTF-8 text (line {line})");
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

/// Opens a regular file to be read, with more `flags`; those of /proc are. To
/// open a named pipe would wait for somebody who writes to it, and nobody would
/// be served meanwhile.
///
/// # Errors
/// What the system says, or `InvalidData` for what is not a regular file.
pub fn open_regular(path: &Path, flags: OFlags) -> io::Result<File> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | flags).bits() as i32)
        .open(path);
    let file = match opened {
        // A socket cannot be opened: say what it is, not "no such device".
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            check_regular(fs::metadata(path)?.file_type())?;
            return Err(error);
        }
        opened => opened?,
    };
    check_regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn check_regular(kind: FileType) -> io::Result<()> {
    let name = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    let what = format!("{name}, not a regular file");
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// Makes `path` with `bytes` and exactly the permissions `mode`, whatever the
/// process's umask, unless it exists.
///
/// The file appears whole or not at all, also when the power fails: it is
/// written beside its place, synced, and renamed without replacing. Of several
/// processes that try at once exactly one succeeds. Missing parent directories
/// are made.
///
/// # Errors
/// `AlreadyExists` when `path` is there, whoever made it; else what the system says.
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    write(path, bytes, mode, None, rename_new)
}

/// Makes `path` with `bytes` and the permissions `mode`, in place of what is
/// there: whatever happens, there is the old file or the new one, whole. Of a
/// symbolic link the file is replaced that it leads to.
///
/// # Errors
/// What the system says; the old file is there then.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let target = fs::canonicalize(path);
    let path = target.as_deref().unwrap_or(path);
    write(path, bytes, mode, None, |from, to| fs::rename(from, to))
}

/// [`replace`] of one of the daemon's files: it belongs to whom it has belonged
/// to. Not for files elsewhere, where somebody may wait for what is not theirs.
///
/// # Errors
/// As [`replace`].
pub fn replace_own(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let target = fs::canonicalize(path);
    let path = target.as_deref().unwrap_or(path);
    write(path, bytes, mode, Some(path), |from, to| {
        fs::rename(from, to)
    })
}

fn write(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    owner: Option<&Path>,
    put: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(io::ErrorKind::InvalidInput.into()),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)?;

    let (temporary, mut file) = create_temporary(path, mode)?;
    let written = file
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| owner.map_or(Ok(()), |owner| give(&file, owner)))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| put(&temporary, path));
    if let Err(error) = written {
        // The error that matters is the one at hand.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// Gives a file that root has made to the owner of `like`: the daemon need not
/// be root, and has to read what commands of root's write.
///
/// # Errors
/// What the system says.
pub fn give(file: &File, like: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match fs::symlink_metadata(like) {
        Ok(of) if of.uid() != 0 => fchown(file, Some(of.uid()), Some(of.gid())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the file that stood at `path` was replaced since it was put where
/// this process sees it: in the daemon's jail a file is the one that was there
/// at the start, although others have another by now.
pub fn is_replaced(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.nlink() == 0)
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
    use std::os::unix::net::UnixListener;

    use rustix::fs::{Mode, mkfifoat};

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
    fn replaces_in_one_step_and_follows_links() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "old").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("file", &link).unwrap();
        replace(&link, b"new", 0o600).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        replace(&dir.path().join("a/fresh"), b"x", 0o644).unwrap();
        assert!(replace(&path.join("below a file"), b"x", 0o600).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_root_replaces_stays_its_owner_s() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("only root can give a file away: not tried");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let owner = |path: &Path| {
            let file = fs::metadata(path).unwrap();
            (file.uid(), file.gid())
        };
        replace_own(&path, b"new", 0o600).unwrap();
        assert_eq!(owner(&path), (0, 0));
        std::os::unix::fs::chown(&path, Some(4_711), Some(4_712)).unwrap();
        replace_own(&path, b"newer", 0o600).unwrap();
        assert_eq!(owner(&path), (4_711, 4_712));
        // Somebody else's file that waits for a backup does not get it.
        replace(&path, b"money", 0o600).unwrap();
        assert_eq!(owner(&path), (0, 0));
    }

    #[test]
    fn a_file_that_was_replaced_is_known_by_its_old_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "old").unwrap();
        let held = File::open(&path).unwrap();
        // As a jail has it: by what it was at the start.
        let seen = PathBuf::from(format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&held)
        ));
        assert!(!is_replaced(&seen) && !is_replaced(&dir.path().join("none")));
        replace(&path, b"new", 0o600).unwrap();
        assert!(is_replaced(&seen) && !is_replaced(&path));
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

        fs::write(&path, "\u{feff}x\u{feff}").unwrap();
        assert_eq!(read_text(&path).unwrap(), "x\u{feff}");
    }

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let error = |path: &Path| read_text(path).unwrap_err().to_string();
        assert_eq!(error(dir.path()), "a directory, not a regular file");
        // Nobody writes to it: a plain open would wait for ever.
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(error(&pipe), "a named pipe, not a regular file");
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(error(&socket), "a socket, not a regular file");
        assert_eq!(
            error(Path::new("/dev/null")),
            "a device, not a regular file"
        );

        let link = dir.path().join("link");
        fs::write(dir.path().join("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(read_text(&link).unwrap(), "text");
        assert!(
            !read_text(Path::new("/proc/self/status"))
                .unwrap()
                .is_empty()
        );
    }
}
