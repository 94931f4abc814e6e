//! `ci release` and `ci summary` over packages that builds have recorded. The
//! packages hold one small file and no daemon: only what surrounds them matters.

#[path = "../support/feeds.rs"]
mod feeds;
#[path = "../support/image_project.rs"]
mod image_project;
mod project;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

use feeds::stderr;
use project::{ARCHS, Project, TIME, sum_of};
use xtask::record::{Backend, Record};

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
