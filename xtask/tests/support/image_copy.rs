//! A copy of the project in a directory of its own, whose images stand on the
//! tests' base and are removed with it. Its architecture exists only in tests,
//! so that no alias of the user's is moved, and so does its history, so that no
//! image of the user's is pruned.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::{Command, Output};

use xtask::util::lock::{self, Lock};
use xtask::util::ui::Ui;

use super::{sdk_base, support};

/// Its architecture, as the base knows it.
pub const ARCH: &str = "aarch64_xtask";
pub const ALIAS: &str = "openwrt-rust-builder:aarch64_xtask";

pub struct Copy {
    pub dir: tempfile::TempDir,
    /// Images of tests share an alias: one test at a time, in all processes.
    _alone: Lock,
}

impl Copy {
    /// With the feed's Rust, which the tests' base bakes in seconds.
    pub fn feed() -> Option<Self> {
        Self::new("feed", sdk_base::base(&[ARCH])?)
    }

    /// With the compiler of sdk.toml.
    pub fn pinned() -> Option<Self> {
        Self::new("pinned", sdk_base::base(&[ARCH])?)
    }

    fn new(rust: &str, base: String) -> Option<Self> {
        let lock = std::env::temp_dir().join("xtask-test-images.lock");
        let alone = lock::take(&lock, "images of tests", &Ui::default()).unwrap();
        // What a test that was killed left would answer "why" otherwise.
        clean();
        let dir = tempfile::tempdir().unwrap();
        let copy = Self { dir, _alone: alone };
        std::fs::create_dir(copy.path("xtask")).unwrap();
        let source = support::root().join("openwrt");
        for entry in walkdir::WalkDir::new(&source) {
            let entry = entry.unwrap();
            let to = copy
                .path("openwrt")
                .join(entry.path().strip_prefix(&source).unwrap());
            if entry.file_type().is_dir() {
                std::fs::create_dir_all(to).unwrap();
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
        copy.edit("openwrt/sdk.toml", |text| {
            let line = |key: &str| {
                let begin = text.find("[image]").unwrap();
                let at = begin + text[begin..].find(&format!("\n{key} = ")).unwrap() + 1;
                text[at..].lines().next().unwrap().to_owned()
            };
            let arch = format!(
                "[arch.{ARCH}]\ntarget = \"aarch64-unknown-linux-musl\"\nboard = \"test/generic\"\nqemu = \"qemu-aarch64\"\n\n[image]"
            );
            text.replace(&line("base"), &format!("base = {base:?}"))
                .replace(&line("rust"), &format!("rust = {rust:?}"))
                .replace("[image]", &arch)
        });
        // A fingerprint of this copy alone.
        let nonce = copy.dir.path().file_name().unwrap().to_string_lossy();
        copy.append("openwrt/config/sdk.config", &format!("# {nonce}\n"));
        Some(copy)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn edit(&self, path: &str, change: impl FnOnce(&str) -> String) {
        let text = self.read(path);
        let new = change(&text);
        assert_ne!(text, new, "{path} was not changed");
        std::fs::write(self.path(path), new).unwrap();
    }

    pub fn append(&self, path: &str, more: &str) {
        self.edit(path, |text| format!("{text}{more}"));
    }

    /// `xtask image aarch64_xtask …`
    pub fn image(&self, args: &[&str]) -> Command {
        self.xtask(&[&["image", ARCH], args].concat())
    }

    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = support::xtask();
        command
            .args(args)
            .env("CARGO_MANIFEST_DIR", self.path("xtask"))
            .env("XTASK_CACHE_DIR", self.path("cache"))
            .env("XTASK_TOOLCHAIN", "debian")
            .current_dir(self.dir.path());
        command
    }

    pub fn tag(&self) -> String {
        let output = support::run(&mut self.xtask(&["fingerprint", ARCH, "--json"]));
        support::json(&output)["tag"].as_str().unwrap().to_owned()
    }

    pub fn log(&self) -> PathBuf {
        self.path("target/xtask/image/24.10-aarch64_xtask.log")
    }

    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn commit(&self) {
        if !self.path(".git").is_dir() {
            self.git(&["init", "-q", "-b", "main"]);
            std::fs::write(self.path(".gitignore"), "/target/\n/cache/\n/bin/\n").unwrap();
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", self.dir.path().to_str().unwrap()]);
    }

    /// A `docker` before all others on PATH that writes down what it is asked;
    /// gives that list's file.
    pub fn spy(&self, command: &mut Command) -> PathBuf {
        let calls = self.path("bin/calls");
        let program = self.path("bin/docker");
        std::fs::create_dir_all(self.path("bin")).unwrap();
        let real = sdk_base::docker().unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> {}\nexec {} \"$@\"\n",
            calls.display(),
            real.display()
        );
        support::program(&program, &script);
        std::fs::write(&calls, "").unwrap();
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        calls
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        clean();
    }
}

/// Takes away every image of the tests' architecture, named or not.
fn clean() {
    let docker = |args: &[&str]| {
        let program = sdk_base::docker().unwrap();
        let output = Command::new(program).args(args).output();
        output.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let filter = format!("label=org.tollgate-wrt.arch={ARCH}");
    for id in docker(&["images", "-q", "--no-trunc", "--filter", &filter]).lines() {
        docker(&["rmi", "-f", id]);
    }
}

/// What docker prints.
pub fn docker(args: &[&str]) -> String {
    let output = Command::new(sdk_base::docker().unwrap())
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "docker {args:?}: {}",
        stderr(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Whether docker knows the image.
pub fn exists(image: &str) -> bool {
    Command::new(sdk_base::docker().unwrap())
        .args(["image", "inspect", image])
        .output()
        .unwrap()
        .status
        .success()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must fail; gives what it says.
pub fn fails(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?} succeeded");
    stderr(&output)
}
