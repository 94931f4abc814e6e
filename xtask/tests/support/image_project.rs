//! A project that describes an image, small and fixed, in a directory of its own.
#![allow(dead_code)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use xtask::config::sdk::Sdk;
use xtask::image::files::{Files, WorkingTree};
use xtask::image::spec::Spec;
use xtask::toolchain::select::Choice;

use super::support;

pub const SDK: &str = r#"[release."24.10"]
version = "24.10.8"
format = "ipk"
default = true

[release."25.12"]
version = "25.12.5"
format = "apk"

[arch.aarch64_cortex-a53]
alias = "aarch64"
target = "aarch64-unknown-linux-musl"
board = "mediatek/filogic"
qemu = "qemu-aarch64"

[arch.mips_24kc]
target = "mips-unknown-linux-musl"
board = "ath79/generic"
qemu = "qemu-mips"

[image]
base = "example.org/sdk:{board}-{version}"
rust = "pinned"
config_seed = ["openwrt/config/sdk.config"]
feeds = []
build_dependencies = ["xz-utils", "curl"]

[toolchain]
rust = "1.96.0"
std_features = []
zig = { package = "ziglang", version = "0.15.2", sha256 = ["aa", "bb"] }
cargo_zigbuild = { package = "cargo-zigbuild", version = "0.24.0", sha256 = ["cc"] }

[profile.release]
opt-level = "z"
lto = "fat"

[profile.fast]
opt-level = 1
"#;

/// What an image is made from: path, mode, content.
pub const FILES: [(&str, u32, &str); 5] = [
    ("openwrt/Dockerfile", 0o644, "ARG BASE\nFROM ${BASE}\n"),
    (
        "openwrt/config/sdk.config",
        0o644,
        "CONFIG_AUTOREMOVE=y\nCONFIG_AUTOREBUILD=y\n",
    ),
    ("openwrt/image/lib/common.sh", 0o644, "set -eu\n"),
    ("openwrt/image/system.sh", 0o755, "#!/bin/sh\n"),
    ("openwrt/patches/0001-x.patch", 0o644, "--- a\n+++ b\n"),
];

/// What no image is made from.
pub const OTHERS: [(&str, u32, &str); 7] = [
    ("Cargo.lock", 0o644, "version = 4\n"),
    (".gitignore", 0o644, "/target/\n"),
    ("docs/build.md", 0o644, "# Build\n"),
    ("openwrt/config/unused.config", 0o644, "CONFIG_X=y\n"),
    ("openwrt/tollgate-wrt/Makefile", 0o644, "all:\n"),
    ("target/debug/x", 0o755, "x"),
    ("tollgate-wrt/src/main.rs", 0o644, "fn main() {}\n"),
];

pub struct Project {
    pub dir: tempfile::TempDir,
}

impl Project {
    pub fn new() -> Self {
        Self::in_order(FILES.iter().chain(&OTHERS))
    }

    /// The files made one after the other as given: a directory's own order
    /// follows from that.
    pub fn in_order<'a>(files: impl Iterator<Item = &'a (&'a str, u32, &'a str)>) -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(project.path("xtask")).unwrap();
        project.write("openwrt/sdk.toml", SDK);
        for (path, mode, content) in files {
            project.write(path, content);
            project.chmod(path, *mode);
        }
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn append(&self, path: &str, more: &str) {
        let text = std::fs::read_to_string(self.path(path)).unwrap_or_default();
        self.write(path, &(text + more));
    }

    pub fn chmod(&self, path: &str, mode: u32) {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(path), mode).unwrap();
    }

    /// sdk.toml with one place changed.
    pub fn edit_sdk(&self, old: &str, new: &str) {
        assert_eq!(SDK.matches(old).count(), 1, "{old}");
        self.write("openwrt/sdk.toml", &SDK.replace(old, new));
    }

    pub fn git(&self, args: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
    }

    pub fn commit(&self) {
        self.git(&["init", "-q", "-b", "main"]);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = support::xtask();
        command
            .args(args)
            .env("CARGO_MANIFEST_DIR", self.path("xtask"))
            .current_dir(self.dir.path());
        command
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["fingerprint", "--json"];
        all.extend(args);
        support::json(&self.xtask(&all).output().unwrap())
    }

    pub fn digest(&self) -> String {
        self.json(&[])["digest"].as_str().unwrap().to_owned()
    }

    /// Writes down today's manifest, outside of the project.
    pub fn save(&self) -> Saved {
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = support::run(&mut self.xtask(&["fingerprint", "--json"]));
        std::fs::write(file.path(), output.stdout).unwrap();
        Saved(file)
    }

    /// `fingerprint --diff OTHER`: exit code and what it prints.
    pub fn diff(&self, other: &str) -> (i32, String) {
        let output = self.xtask(&["fingerprint", "--diff", other]).output();
        let output = output.unwrap();
        let text = [&output.stdout[..], &output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(text).unwrap(),
        )
    }
}

/// The default release's image for `arch`.
pub fn spec_of(files: &dyn Files, sdk: &str, arch: &str) -> Spec {
    let sdk = Sdk::parse(Path::new("sdk.toml"), sdk).unwrap();
    let release = sdk.release(None).unwrap();
    let arch = sdk.arch(arch, &release).unwrap();
    Spec::collect(files, &sdk, &release, &arch, Choice::Auto).unwrap()
}

/// The build context of the image for aarch64.
pub fn context(project: &Project) -> Vec<u8> {
    let tree = WorkingTree::new(project.dir.path());
    spec_of(&tree, SDK, "aarch64").context_tar().unwrap()
}

pub struct Saved(tempfile::NamedTempFile);

impl Saved {
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What of the project changed since.
    pub fn changes(&self, project: &Project) -> Vec<String> {
        let (code, text) = project.diff(self.path().to_str().unwrap());
        if text == "no input differs\n" {
            assert_eq!(code, 0);
            return Vec::new();
        }
        assert_eq!(code, 1, "{text}");
        text.lines().map(str::to_owned).collect()
    }
}
