//! A second package, unlike the daemon, and the toolchain to build it with.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::support;

/// Seconds since 1970 of the copied project's one commit.
pub const COMMIT_TIME: u64 = 1_700_000_000;

/// True when the `debian` toolchain can be had; fetches it the first time.
pub fn toolchain() -> bool {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| {
        let output = support::xtask()
            .args(["setup", "aarch64", "mips", "--toolchain", "debian"])
            .output()
            .unwrap();
        (!output.status.success()).then(|| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let error = text.find("error:").unwrap_or(0);
            text[error..]
                .lines()
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("; ")
        })
    });
    support::group("toolchain", missing.as_deref())
}

/// The fixture `greeter` in a directory of its own, as a git checkout.
pub struct Project {
    pub dir: tempfile::TempDir,
}

impl Project {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(
            &support::root().join("xtask/tests/fixtures/greeter"),
            dir.path(),
        );
        std::fs::write(dir.path().join(".gitignore"), "/target/\n/dist/\n").unwrap();
        let git = |args: &[&str]| {
            let time = format!("{COMMIT_TIME} +0000");
            let status = Command::new("git")
                .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
                .args(args)
                .current_dir(dir.path())
                .env("GIT_COMMITTER_DATE", &time)
                .env("GIT_AUTHOR_DATE", &time)
                .status()
                .unwrap();
            assert!(status.success(), "git {args:?}");
        };
        git(&["init", "-q"]);
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "x"]);
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `xtask <args> --toolchain debian --manifest-path …`
    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = support::xtask();
        command
            .args(args)
            .args(["--toolchain", "debian", "--manifest-path"])
            .arg(self.path("Cargo.toml"));
        command
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let name = entry.path().strip_prefix(from).unwrap();
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(to.join(name)).unwrap();
        } else {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// What a toolchain has in the cache.
const KINDS: [&str; 5] = ["apt", "bin", "debian", "std", "wheels"];

/// A cache directory that begins with the user's toolchain: its files are hard
/// links, so that it costs little. Replace files in it, never write into them.
/// Only zig's own cache, tens of thousands of files that are named by their
/// content, is the user's. cargo-zigbuild's wrappers are not copied: they name
/// the cache's own path. What other tests keep in the cache is left out: they
/// run at the same time, and write there.
pub fn copied_cache() -> tempfile::TempDir {
    let user = xtask::toolchain::cache::Cache::open().unwrap().path("");
    let dir = tempfile::tempdir_in(user.parent().unwrap()).unwrap();
    let path = |name: &str| (user.join(name), dir.path().join(name));
    for (from, to) in KINDS
        .map(path)
        .into_iter()
        .filter(|(from, _)| from.exists())
    {
        let status = Command::new("cp").arg("-al").args([from, to]).status();
        assert!(status.unwrap().success(), "copy the cache");
    }
    let (from, to) = path("zig-cache");
    std::os::unix::fs::symlink(from, to).unwrap();
    // What is written in place, and what another run is making just now.
    for entry in std::fs::read_dir(dir.path().join("std")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(".new-") {
            std::fs::remove_dir_all(path).unwrap();
        } else if name.ends_with(".log") {
            std::fs::remove_file(path).unwrap();
        }
    }
    dir
}

/// Removes the standard libraries of a copied cache but the one that the build
/// with this record used: the user's cache may have some for other
/// architectures, and those with which earlier versions of the project compiled.
pub fn keep_one_std(cache: &Path, record: &Path) {
    let json_in = |file: &Path| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    let made = &json_in(record)["result"]["inputs"]["std"];
    for entry in std::fs::read_dir(cache.join("std")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && json_in(&path.join("manifest.json"))["inputs"] != *made {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}
