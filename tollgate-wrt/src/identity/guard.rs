//! Whether anybody but the daemon's own user can get at the key's file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

/// Group and others: read, write or execute.
const OTHERS: u32 = 0o077;

/// Group and others: write.
const OTHERS_WRITE: u32 = 0o022;

/// In a directory with this bit one can only remove what one owns.
const STICKY: u32 = 0o1000;

/// What is to be mended, with the command that does it.
pub fn warnings(path: &Path) -> Vec<String> {
    let own = geteuid().as_raw();
    // Root can do everything anyway.
    let is_trusted = |file: &fs::Metadata| [own, 0].contains(&file.uid());
    // What root looks at is the daemon's user's, as its money is. Where the
    // daemon runs as that user, its jail lets it only read the file.
    let money = fs::metadata(path.with_file_name("money"));
    let is_daemon = |file: &fs::Metadata| {
        own == 0 && money.as_ref().is_ok_and(|money| money.uid() == file.uid())
    };
    let mut found = Vec::new();
    if let Ok(file) = fs::metadata(path) {
        let path = path.display();
        if file.mode() & OTHERS != 0 {
            found.push(format!(
                "{path}: other users can read the private key; run: chmod 600 {path}"
            ));
        }
        if !is_trusted(&file) && !is_daemon(&file) {
            found.push(format!(
                "{path}: belongs to another user (uid {}), who can change the private key; run: chown {own} {path}",
                file.uid()
            ));
        }
    }
    let directory = path.parent().and_then(|parent| {
        let metadata = fs::metadata(parent).ok()?;
        Some((parent.display(), metadata))
    });
    if let Some((path, directory)) = directory {
        let mode = directory.mode();
        if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
            found.push(format!(
                "{path}: other users can put another key in place of this router's; run: chmod go-w {path}"
            ));
        }
        if !is_trusted(&directory) {
            found.push(format!(
                "{path}: belongs to another user (uid {}), who can put another key in place of this router's; run: chown {own} {path}",
                directory.uid()
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn each_way_to_the_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "").unwrap();
        let found = |file: u32, directory: u32| {
            let set = |path: &Path, mode| {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            };
            set(&path, file);
            set(dir.path(), directory);
            let words = warnings(&path)
                .iter()
                .map(|warning| warning.split("run: ").nth(1).unwrap().split(' '))
                .map(|command| command.take(2).collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>();
            words.join(", ")
        };
        assert_eq!(found(0o600, 0o755), "");
        assert_eq!(found(0o640, 0o755), "chmod 600");
        assert_eq!(found(0o600, 0o775), "chmod go-w");
        assert_eq!(found(0o604, 0o757), "chmod 600, chmod go-w");
        assert_eq!(found(0o600, 0o1777), "");

        let own = geteuid().as_raw();
        let other = own + 1;
        if chown(&path, Some(other), None).is_err() {
            eprintln!("only root can give a file away: not tried");
            return;
        }
        let give = format!("chown {own}");
        assert_eq!(found(0o600, 0o755), give);
        // On a router it is the user that the daemon runs as.
        let money = dir.path().join("money");
        fs::create_dir(&money).unwrap();
        assert_eq!(found(0o600, 0o755), give);
        chown(&money, Some(other), None).unwrap();
        assert_eq!(found(0o600, 0o755), "");
        assert_eq!(found(0o640, 0o755), "chmod 600");
        fs::remove_dir(&money).unwrap();
        chown(dir.path(), Some(other), None).unwrap();
        assert_eq!(found(0o600, 0o755), format!("{give}, {give}"));
    }
}
