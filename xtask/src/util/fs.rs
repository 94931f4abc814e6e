//! File operations whose errors name the path, and atomic writes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Reads a whole file.
///
/// # Errors
/// I/O errors with the path.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// Reads a text file.
///
/// # Errors
/// I/O errors with the path; text that is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// Makes a directory and its parents.
///
/// # Errors
/// I/O errors with the path.
pub fn create_dirs(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))
}

/// Removes a directory and all in it, if it is there.
///
/// # Errors
/// I/O errors with the path.
pub fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The path from the current directory, where it leads down from there.
pub fn shown(path: &Path) -> &Path {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

/// Writes a file beside its place and renames it: readers see the old content
/// or the new, never a part.
///
/// # Errors
/// I/O errors with the path.
pub fn write_atomic(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    create_dirs(parent)?;
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(parent)?;
        file.write_all(content)?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("write {}", path.display()))
}

/// `12.3 MB`: sizes as people read them, powers of ten.
pub fn human_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Writes a program of a test, by another process: what another test starts
/// meanwhile inherits a file that this one writes, and nobody can run a file that
/// somebody has open to be written.
#[cfg(test)]
pub fn write_program(path: &Path, text: &str) {
    let write = duct::cmd!("sh", "-c", "cat >\"$0\" && chmod 755 \"$0\"", path);
    write.stdin_bytes(text).run().unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atomic_write_replaces_the_file_and_sets_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/dir/file");
        write_atomic(&path, b"1", 0o600).unwrap();
        write_atomic(&path, b"2", 0o755).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn sizes() {
        assert_eq!(human_size(999), "999 B");
        assert_eq!(human_size(12_345), "12.3 kB");
        assert_eq!(human_size(1_234_567), "1.2 MB");
    }
}
