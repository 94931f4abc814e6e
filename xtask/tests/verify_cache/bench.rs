//! A project with a build of its own, and what is changed of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::project::{self, Project};
use crate::support;

pub const MIPS: &str = "mips-unknown-linux-musl";

/// A project, a cache of its own, and what `verify-cache` says of them.
pub struct Bench {
    pub project: Project,
    pub cache: tempfile::TempDir,
    /// Another project root, for another openwrt/sdk.toml.
    pub root: Option<tempfile::TempDir>,
}

impl Bench {
    /// With one finished build for mips.
    pub fn built() -> Option<Self> {
        let bench = project::toolchain().then(|| Self {
            project: Project::new(),
            cache: project::copied_cache(),
            root: None,
        })?;
        bench.ipk();
        project::keep_one_std(bench.cache.path(), &bench.record());
        Some(bench)
    }

    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = self.project.xtask(args);
        command.env("XTASK_CACHE_DIR", self.cache.path());
        if let Some(root) = &self.root {
            command.env("CARGO_MANIFEST_DIR", root.path().join("xtask"));
        }
        command
    }

    pub fn ipk(&self) -> String {
        let output = support::run(&mut self.xtask(&["ipk", "mips"]));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Exit code and report.
    pub fn verify(&self, args: &[&str]) -> (i32, Value) {
        let all = [&["verify-cache", "--json"], args].concat();
        let output = self.xtask(&all).output().unwrap();
        let code = output.status.code().unwrap();
        assert!(
            [0, 1, 3].contains(&code),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        (code, support::json(&output))
    }

    /// What it says of the one architecture.
    pub fn subject(&self) -> Value {
        let (code, report) = self.verify(&["mips"]);
        let verdict = report["verdict"].as_str().unwrap();
        let codes = [("cached", 0), ("recompiled", 1), ("unknown", 3)];
        assert!(codes.contains(&(verdict, code)), "{verdict} {code}");
        assert_eq!(report["subjects"].as_array().unwrap().len(), 1);
        assert_eq!(report["subjects"][0]["verdict"], verdict);
        report["subjects"][0].clone()
    }

    /// Verdict, cause, and that a sentence of `check` has `words`.
    pub fn expect(&self, verdict: &str, cause: Option<&str>, check: &str, words: &str) -> Value {
        let subject = self.subject();
        assert_eq!(subject["verdict"], verdict, "{subject:#}");
        assert_eq!(subject["cause"], json!(cause), "{subject:#}");
        let text = sentences(&subject, check);
        assert!(text.contains(words), "{words:?} in {text:?}");
        if verdict != "cached" {
            assert!(subject["mend"].is_string(), "{subject:#}");
        }
        subject
    }

    /// The one entry `kind/name-…` of the cache.
    pub fn entry(&self, kind: &str, name: &str) -> PathBuf {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(self.cache.path().join(kind))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir() && file_name(path).starts_with(name))
            .collect();
        // Debian's oldest supported compiler may lie there too.
        entries.retain(|path| kind != "debian" || path.join("usr/src/rustc-1.96.0").exists());
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.remove(0)
    }

    pub fn record(&self) -> PathBuf {
        self.project.path("dist/24.10/mips_24kc/build.native.json")
    }
}

pub fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

pub fn sentences(subject: &Value, check: &str) -> String {
    let checks = subject["checks"].as_array().unwrap();
    let found = checks.iter().find(|answer| answer["check"] == check);
    let sentences = found.unwrap()["sentences"].as_array().unwrap();
    let sentences: Vec<&str> = sentences
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    sentences.join("\n")
}

/// Changes a file in a cache whose files are hard links; gives back what puts
/// it right again.
pub fn changed<C: FnOnce(&mut Vec<u8>)>(file: &Path, change: C) -> impl FnOnce() + use<C> {
    let good = std::fs::read(file).unwrap();
    let found = std::fs::metadata(file).unwrap();
    let file = file.to_owned();
    let write = move |bytes: &[u8]| {
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
        std::fs::set_permissions(&file, found.permissions()).unwrap();
        let open = std::fs::File::options().write(true).open(&file).unwrap();
        open.set_modified(found.modified().unwrap()).unwrap();
    };
    let mut bad = good.clone();
    change(&mut bad);
    write(&bad);
    move || write(&good)
}

pub fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}
