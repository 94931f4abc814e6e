//! A root like an OpenWrt router's, of the tests' own: busybox, a shell, and
//! doubles of what belongs to OpenWrt (each says so in its first line).
#![allow(dead_code)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::support;

/// Applets that OpenWrt's busybox has and that may be used on a router; what
/// is not here (`timeout`, `nohup`, `stat`, `install` …) a router lacks.
const APPLETS: &[&str] = &[
    "[",
    "ash",
    "awk",
    "basename",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "hostname",
    "id",
    "kill",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mktemp",
    "mv",
    "pgrep",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sha256sum",
    "sleep",
    "sort",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "uniq",
    "wc",
    "wget",
    "which",
    "xargs",
    "yes",
    "zcat",
];

/// What the group `dropbear` needs.
pub fn have() -> bool {
    let lacks = |file: &str| !Path::new(file).exists();
    let missing = if !rustix::process::geteuid().is_root() {
        Some("a far side of its own needs root (chroot)")
    } else if lacks("/usr/sbin/dropbear") {
        Some("dropbear is not installed (dropbear-bin)")
    } else if lacks("/usr/bin/ssh") {
        Some("ssh is not installed (openssh-client)")
    } else if !is_static(Path::new("/usr/bin/busybox")) {
        Some("no static busybox is installed (busybox-static)")
    } else {
        None
    };
    support::group("dropbear", missing)
}

fn is_static(program: &Path) -> bool {
    program.exists()
        && Command::new("ldd")
            .arg(program)
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|found| !String::from_utf8_lossy(&found.stdout).contains("=>"))
}

/// A root, gone when it is dropped.
pub struct FarRoot(tempfile::TempDir);

impl FarRoot {
    /// With `/bin/sh` as busybox has it.
    pub fn new() -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        for dir in [
            "bin",
            "sbin",
            "usr/bin",
            "usr/sbin",
            "etc/init.d",
            "etc/tollgate",
            "tmp",
            "proc",
            "dev",
            "root/.ssh",
            "overlay",
            "lib/upgrade",
            "usr/lib/opkg/info",
            "var",
        ] {
            fs::create_dir_all(root.path(dir)).unwrap();
        }
        fs::set_permissions(root.path("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::set_permissions(root.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        support::copy_program(Path::new("/usr/bin/busybox"), &root.path("bin/busybox"));
        for applet in APPLETS {
            symlink("/bin/busybox", root.path("usr/bin").join(applet)).unwrap();
        }
        symlink("/bin/busybox", root.path("bin/sh")).unwrap();
        root.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644);
        root.write("etc/group", "root:x:0:\n", 0o644);
        root.write("etc/hosts", "127.0.0.1 localhost\n", 0o644);
        // The machine's own is bound over it.
        root.write("dev/null", "", 0o666);
        root
    }

    /// The path of a file in it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file.trim_start_matches('/'))
    }

    /// Writes a file.
    pub fn write(&self, file: &str, text: &str, mode: u32) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match mode & 0o100 {
            0 => fs::write(&path, text).unwrap(),
            _ => support::program(&path, text),
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A file's text; nothing where there is none.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    pub fn has(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    /// Names in a folder, sorted.
    pub fn names(&self, dir: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(dir))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Copies a program of this machine with its libraries; gives its path.
    pub fn add_program(&self, program: &str) -> String {
        let listed = Command::new("ldd").arg(program).output().unwrap();
        let libraries = String::from_utf8(listed.stdout).unwrap();
        let files = libraries
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for file in files.chain([program]) {
            let to = self.path(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            support::copy_program(Path::new(file), &to);
        }
        program.to_owned()
    }

    /// A command in it: with mounts and processes of its own, which end with it.
    /// Before it `setup` runs outside, where `$0` is the root.
    pub fn command_after(&self, setup: &str, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--fork", "--kill-child=KILL", "--"])
            .args(["sh", "-ec"])
            // A mount point: df looks for one.
            .arg(format!(
                "mount --bind \"$0\" \"$0\"; mount -t proc proc \"$0/proc\"; \
                 mount --bind /dev/null \"$0/dev/null\"; {setup}\nexec chroot \"$0\" \"$@\""
            ))
            .arg(self.0.path())
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null());
        command
    }

    /// A command in it.
    pub fn command(&self, words: &[&str]) -> Command {
        self.command_after("", words)
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }
}
