//! A project with packages that builds have recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use xtask::buildlog::Outcome;
use xtask::fingerprint::hex;
use xtask::record::{Backend, Built, Package, Record, Work};

use crate::{feeds, image_project, support};

/// Seconds since 1970 of the commit, and of the packages.
pub const TIME: u64 = 1_700_000_000;
pub const ARCHS: [&str; 2] = ["aarch64_cortex-a53", "mips_24kc"];

/// A project with one crate, two releases and two architectures, committed.
pub struct Project {
    dir: tempfile::TempDir,
    pub keys: tempfile::TempDir,
}

impl Project {
    pub fn new() -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
            keys: tempfile::tempdir().unwrap(),
        };
        let manifest = "[workspace]\n[package]\nname = \"greeter\"\nversion = \"1.2.0\"\n\
                        edition = \"2024\"\n[package.metadata.openwrt]\n";
        for (name, text) in [
            ("openwrt/sdk.toml", image_project::SDK),
            ("Cargo.toml", manifest),
            ("src/main.rs", "fn main() {}\n"),
            (
                "CHANGELOG.md",
                "# Changelog\n\n## 1.2.0 (2027-01-02)\n\n- It greets.\n\n## 1.1.0\n\n- old\n",
            ),
            (".gitignore", "/dist/\n"),
            ("xtask/README", "cargo names this folder\n"),
        ] {
            let path = project.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        project.git(&["init", "-q"]);
        project.commit();
        support::run(&mut project.xtask(&["keygen"]));
        for arch in ARCHS {
            project.package("24.10", "ipk", arch, TIME);
            project.package("25.12", "apk", arch, TIME);
        }
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn git(&self, args: &[&str]) {
        let time = format!("{TIME} +0000");
        let status = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .current_dir(self.dir.path())
            .env("GIT_COMMITTER_DATE", &time)
            .env("GIT_AUTHOR_DATE", &time)
            .status();
        assert!(status.unwrap().success(), "git {args:?}");
    }

    pub fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    }

    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = support::xtask();
        command
            .args(args)
            .env("CARGO_MANIFEST_DIR", self.path("xtask"))
            .env("XDG_CONFIG_HOME", self.keys.path())
            .current_dir(self.dir.path());
        for name in ["XTASK_USIGN_KEY", "XTASK_APK_KEY", "XTASK_REGISTRY"] {
            command.env_remove(name);
        }
        command
    }

    pub fn release(&self, args: &[&str]) -> Output {
        let mut command = self.xtask(&["ci", "release", "v1.2.0"]);
        command.args(args).output().unwrap()
    }

    /// What a build of the commit says of its package.
    pub fn provenance(&self, file: &str, sha256: &str, dirty: bool) -> String {
        let head = Command::new("git")
            .args(["rev-parse", "HEAD"])
            .current_dir(self.dir.path())
            .output();
        let head = String::from_utf8(head.unwrap().stdout).unwrap();
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": file, "digest": { "sha256": sha256 } }],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "urn:tollgate-wrt:xtask:package:v1",
                    "externalParameters": {
                        "crate": "greeter", "release": "24.10", "arch": "mips_24kc",
                        "backend": "native", "profile": "openwrt", "toolchain": "auto",
                        "workspace": "", "sourceDateEpoch": TIME,
                    },
                    "internalParameters": { "flags": [], "toolchain": {} },
                    "resolvedDependencies": [{
                        "name": "source",
                        "digest": { "gitCommit": head.trim() },
                        "annotations": { "dirty": dirty },
                    }],
                },
                "runDetails": { "builder": { "id": "urn:tollgate-wrt:xtask", "version": {} } },
            },
        });
        format!("{statement:#}\n")
    }

    /// A package and the record of the build that made it.
    pub fn package(&self, release: &str, end: &str, arch: &str, epoch: u64) -> PathBuf {
        let (file, bytes) = feeds::package(end, "greeter", "1.2.0-r1", arch, arch.as_bytes());
        let dist = self.path("dist");
        let path = dist.join(release).join(arch).join(&file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(path.with_file_name("build.log"), "a log\n").unwrap();
        let beside = path.with_file_name(format!("{file}.provenance.json"));
        let sha256 = hex(&Sha256::digest(&bytes));
        std::fs::write(beside, self.provenance(&file, &sha256, false)).unwrap();
        let record = Record::begin(&dist, release, arch, Backend::Native).unwrap();
        let package = Package {
            crate_name: "greeter".to_owned(),
            name: "greeter".to_owned(),
            version: "1.2.0-r1".to_owned(),
            file,
            size: bytes.len() as u64,
            sha256,
            epoch,
        };
        let built = Built {
            verdict: Outcome::Cached,
            choice: "debian".to_owned(),
            profile: "openwrt".to_owned(),
            inputs: BTreeMap::new(),
            made: Vec::new(),
            compiled: Work::default(),
            package,
            log: None,
        };
        record.finish(&dist, built).unwrap();
        path
    }
}

pub fn sum_of(path: &Path) -> String {
    hex(&Sha256::digest(std::fs::read(path).unwrap()))
}
