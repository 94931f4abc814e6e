//! `ci release` and `ci summary` over packages that builds have recorded. The
//! packages hold one small file and no daemon: only what surrounds them matters.

#[path = "support/feeds.rs"]
mod feeds;
#[path = "support/image_project.rs"]
mod image_project;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use feeds::stderr;
use sha2::{Digest, Sha256};
use xtask::buildlog::Outcome;
use xtask::fingerprint::hex;
use xtask::record::{Backend, Built, Package, Record, Work};

/// Seconds since 1970 of the commit, and of the packages.
const TIME: u64 = 1_700_000_000;
const ARCHS: [&str; 2] = ["aarch64_cortex-a53", "mips_24kc"];

/// A project with one crate, two releases and two architectures, committed.
struct Project {
    dir: tempfile::TempDir,
    keys: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn git(&self, args: &[&str]) {
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

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    }

    fn xtask(&self, args: &[&str]) -> Command {
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

    fn release(&self, args: &[&str]) -> Output {
        let mut command = self.xtask(&["ci", "release", "v1.2.0"]);
        command.args(args).output().unwrap()
    }

    /// What a build of the commit says of its package.
    fn provenance(&self, file: &str, sha256: &str, dirty: bool) -> String {
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
    fn package(&self, release: &str, end: &str, arch: &str, epoch: u64) -> PathBuf {
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

fn sum_of(path: &Path) -> String {
    hex(&Sha256::digest(std::fs::read(path).unwrap()))
}

#[test]
fn a_release_is_laid_out_whole() {
    let project = Project::new();
    let dry = project.release(&["--dry-run"]);
    assert!(dry.status.success(), "{}", stderr(&dry));
    assert!(!project.path("dist/release").exists() && !project.path("dist/feed").exists());

    // What an earlier release left is not published again.
    let old = project.path("dist/feed/23.05/mips_24kc");
    std::fs::create_dir_all(&old).unwrap();
    let address = "https://example.org/openwrt/";
    let output = project.release(&["--json", "--url", address]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report = support::json(&output);
    assert!(!old.exists());

    let assets = project.path("dist/release/assets");
    let names = feeds::names(&assets);
    assert_eq!(
        names,
        [
            "greeter-1.2.0-feed.tar.gz",
            "greeter-1.2.0-r1_25.12_aarch64_cortex-a53.apk",
            "greeter-1.2.0-r1_25.12_aarch64_cortex-a53.apk.provenance.json",
            "greeter-1.2.0-r1_25.12_mips_24kc.apk",
            "greeter-1.2.0-r1_25.12_mips_24kc.apk.provenance.json",
            "greeter_1.2.0-r1_aarch64_cortex-a53.ipk",
            "greeter_1.2.0-r1_aarch64_cortex-a53.ipk.provenance.json",
            "greeter_1.2.0-r1_mips_24kc.ipk",
            "greeter_1.2.0-r1_mips_24kc.ipk.provenance.json",
            "key-build.pub",
            "public-key.pem",
            "sha256sums",
            "sha256sums.sig",
        ]
    );
    for asset in report["assets"].as_array().unwrap() {
        let path = assets.join(asset["name"].as_str().unwrap());
        assert_eq!(asset["sha256"], sum_of(&path), "{}", path.display());
        assert_eq!(asset["size"], path.metadata().unwrap().len());
    }
    assert_eq!(report["assets"].as_array().unwrap().len(), names.len());
    // As docs/release.md tells a user to verify it.
    let check = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "sha256sums"])
        .current_dir(&assets)
        .status();
    assert!(check.unwrap().success());
    let signify = [
        "-V",
        "-p",
        "key-build.pub",
        "-x",
        "sha256sums.sig",
        "-m",
        "sha256sums",
    ];
    let verified = Command::new("signify-openbsd")
        .args(signify)
        .current_dir(&assets)
        .output();
    let missing = verified
        .as_ref()
        .err()
        .map(|_| "signify-openbsd is not installed");
    if support::group("signify-openbsd", missing) {
        let verified = verified.unwrap();
        assert!(verified.status.success(), "{}", stderr(&verified));
    }
    let notes = std::fs::read_to_string(project.path("dist/release/notes.md")).unwrap();
    assert!(
        notes.starts_with("- It greets.\n") && !notes.contains("old"),
        "{notes}"
    );

    // The archive is the feeds as they lie in dist/feed, each with its address.
    let archive = std::fs::File::open(assets.join("greeter-1.2.0-feed.tar.gz")).unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(archive))
        .unpack(unpacked.path())
        .unwrap();
    for (release, index) in [("24.10", "Packages"), ("25.12", "packages.adb")] {
        for arch in ARCHS {
            let feed = format!("{release}/{arch}");
            let same = |name: &str| {
                let path = format!("{feed}/{name}");
                let ours = std::fs::read(project.path("dist/feed").join(&path)).unwrap();
                assert_eq!(std::fs::read(unpacked.path().join(&path)).unwrap(), ours);
                String::from_utf8_lossy(&ours).into_owned()
            };
            same(index);
            let page = same("index.html");
            let expected = format!("https://example.org/openwrt/{feed}");
            assert!(page.contains(&expected), "{page}");
        }
    }
    // The same again: the same bytes, and nothing of the first is left over.
    let first = sum_of(&assets.join("sha256sums"));
    assert!(project.release(&["--url", address]).status.success());
    assert_eq!(sum_of(&assets.join("sha256sums")), first);
    assert_eq!(
        feeds::names(&project.path("dist")),
        ["24.10", "25.12", "feed", "release"]
    );
}

#[test]
fn what_is_no_release_is_refused_by_name() {
    let project = Project::new();
    let refused = |args: &[&str], expected: &[&str]| {
        let output = project.release(args);
        assert_eq!(output.status.code(), Some(1), "{expected:?}");
        let said = stderr(&output);
        for words in expected {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
        assert!(!project.path("dist/release").exists());
        assert!(!project.path("dist/feed").exists());
    };
    let mut other = project.xtask(&["ci", "release", "v1.3.0"]);
    let said = stderr(&other.output().unwrap());
    assert!(said.contains("its tag is v1.2.0"), "{said}");

    // A package that is missing, was changed, or is of another commit.
    let ipk = project.path("dist/24.10/mips_24kc/greeter_1.2.0-r1_mips_24kc.ipk");
    let record = ipk.with_file_name("build.native.json");
    let kept = std::fs::read(&record).unwrap();
    std::fs::remove_file(&record).unwrap();
    refused(&[], &["24.10 mips_24kc", "cargo xtask ci package ARCH"]);
    std::fs::write(&record, kept).unwrap();
    let bytes = std::fs::read(&ipk).unwrap();
    std::fs::write(&ipk, [&bytes[..], b"x"].concat()).unwrap();
    refused(
        &["--dry-run"],
        &[
            "greeter_1.2.0-r1_mips_24kc.ipk",
            "is not what its build made",
        ],
    );
    project.package("24.10", "ipk", "mips_24kc", TIME - 1);
    refused(&[], &["was built from another commit"]);
    project.package("24.10", "ipk", "mips_24kc", TIME);

    // As old as this commit, and yet not of it.
    let beside = ipk.with_file_name("greeter_1.2.0-r1_mips_24kc.ipk.provenance.json");
    let good = std::fs::read_to_string(&beside).unwrap();
    let sha256 = sum_of(&ipk);
    for (text, expected) in [
        (
            project.provenance("x", &sha256, true),
            "while files differed from the commit",
        ),
        (
            good.replace("gitCommit\": \"", "gitCommit\": \"0"),
            "was built from another commit",
        ),
        (
            good.replace(&sha256, &"0".repeat(64)),
            "is not the package that its provenance is of",
        ),
        ("{}".to_owned(), "is not published without its provenance"),
    ] {
        std::fs::write(&beside, text).unwrap();
        refused(
            &["--dry-run"],
            &["greeter_1.2.0-r1_mips_24kc.ipk", expected],
        );
    }
    std::fs::write(&beside, good).unwrap();

    // No key; a tree that is no commit; a changelog that is not written.
    let keys = project.keys.path().join("xtask/keys");
    let away = project.keys.path().join("away");
    std::fs::rename(&keys, &away).unwrap();
    refused(&[], &["no key signs this release", "XTASK_USIGN_KEY"]);
    std::fs::rename(&away, &keys).unwrap();
    std::fs::write(project.path("new"), "").unwrap();
    refused(&[], &["a release is made of a commit"]);
    std::fs::remove_file(project.path("new")).unwrap();
    std::fs::write(
        project.path("CHANGELOG.md"),
        "## 1.2.0 (unreleased)\n\n- x\n",
    )
    .unwrap();
    project.commit();
    refused(&[], &["CHANGELOG.md", "write the date"]);
}

#[test]
fn a_summary_tells_what_is_there() {
    let project = Project::new();
    // One that was changed since, and one whose build was killed.
    let ipk = project.package("24.10", "ipk", "mips_24kc", TIME);
    std::fs::write(&ipk, "changed").unwrap();
    let dist = project.path("dist");
    Record::begin(&dist, "25.12", "mips_24kc", Backend::Sdk).unwrap();
    let page = project.path("page.md");
    std::fs::write(&page, "before\n").unwrap();
    let mut summary = project.xtask(&["ci", "summary", "--github"]);
    let output = support::run(summary.env("GITHUB_STEP_SUMMARY", &page));
    let text = std::fs::read_to_string(&page).unwrap();
    let text = text.strip_prefix("before\n").unwrap();
    assert_eq!(text, String::from_utf8_lossy(&output.stdout));
    let good = project.path("dist/25.12/mips_24kc/greeter-1.2.0-r1.apk");
    let row = format!(
        "| 25.12 | mips_24kc | `greeter-1.2.0-r1.apk` | {} B | natively | **",
        good.metadata().unwrap().len()
    );
    assert!(text.contains(&row), "{row}\n{text}");
    assert!(text.contains(&format!("`{}`", sum_of(&good))));
    // No toolchain made these packages: nobody calls them cached.
    assert!(!text.contains("| cached |"), "{text}");
    for words in [
        "| 24.10 | mips_24kc | **none** |",
        "- 24.10 mips_24kc (native): greeter_1.2.0-r1_mips_24kc.ipk is not what this build made",
        "| 25.12 | mips_24kc | **none** |  | by the SDK | **unknown** |",
        "- 25.12 mips_24kc (sdk): this build gave no package",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let report = support::json(&support::run(
        &mut project.xtask(&["ci", "summary", "--json"]),
    ));
    assert_eq!(report["builds"].as_array().unwrap().len(), 5);
    assert_eq!(report["builds"][1]["package"], serde_json::Value::Null);

    let empty = project.path("empty");
    let mut nothing = project.xtask(&["ci", "summary", "--dist"]);
    let output = support::run(nothing.arg(&empty));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Nothing was built."));
}
