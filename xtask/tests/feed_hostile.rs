//! `feed --verify` on feeds that nobody should make: problems with names,
//! bounded time, no panics.

#[path = "support/feeds.rs"]
mod feeds;
#[path = "support/random.rs"]
mod random;
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use feeds::{Project, RELEASES, names};
use random::Random;
use xtask::feed::verify::{self, Report};
use xtask::package::adb::block::{BlockKind, Schema, Stream};
use xtask::package::adb::container;
use xtask::package::adb::value::Value;
use xtask::package::adb::write::Writer;
use xtask::util::ui::Ui;

fn check(dir: &Path) -> Result<Report, String> {
    verify::verify(dir.to_str().unwrap(), &[], None, &Ui::default())
        .map_err(|error| format!("{error:#}"))
}

fn problems(dir: &Path) -> Vec<String> {
    let report = check(dir).unwrap();
    let problems = report.feeds.into_iter().flat_map(|feed| feed.problems);
    problems
        .map(|problem| format!("{}: {}", problem.file, problem.message))
        .collect()
}

fn has(problems: &[String], text: &str) {
    assert!(
        problems.iter().any(|problem| problem.contains(text)),
        "{text}: {problems:?}"
    );
}

/// An index of these infos.
fn index(make: impl Fn(&mut Writer) -> Value) -> Vec<u8> {
    let mut writer = Writer::default();
    let list = make(&mut writer);
    let root = writer.object(&[Value::NULL, list]);
    let mut stream = Stream::new(Schema::Index);
    let payload = writer.finish(root).unwrap().0;
    stream.block(BlockKind::Adb, &[&payload]).unwrap();
    container::compress(&stream.finish()).unwrap()
}

#[test]
fn names_that_lead_elsewhere() {
    let project = Project::new();
    let dir = project.feed("24.10");
    let packages = dir.join("Packages");
    let text = std::fs::read_to_string(&packages).unwrap();
    for name in [
        "../../24.10/mips_24kc/one_1.0-r1_mips_24kc.ipk",
        "/etc/passwd",
        ".hidden",
        "",
    ] {
        let other = text.replace(
            "Filename: one_1.0-r1_mips_24kc.ipk",
            &format!("Filename: {name}"),
        );
        std::fs::write(&packages, other).unwrap();
        has(
            &problems(&dir),
            "Packages: the entry of \"one\" has no file name that is one",
        );
    }
    std::fs::write(&packages, text.repeat(3)).unwrap();
    has(&problems(&dir), "is in the index twice");

    let dir = project.feed("25.12");
    for name in ["../x", "a/b", ".x"] {
        let bytes = index(|writer| {
            let fields = [writer.blob(name.as_bytes()), writer.blob(b"1")];
            let info = writer.object(&fields);
            writer.object(&[info])
        });
        std::fs::write(dir.join("packages.adb"), bytes).unwrap();
        has(&problems(&dir), "is no file name");
    }
    let bytes = index(|writer| {
        let fields = [writer.blob(b"one"), writer.blob(b"1.0-r1")];
        let info = writer.object(&fields);
        writer.object(&vec![info; 50_000])
    });
    std::fs::write(dir.join("packages.adb"), bytes).unwrap();
    let started = Instant::now();
    has(&problems(&dir), "is in the index twice");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn files_that_are_none() {
    let project = Project::new();
    for (release, end) in RELEASES {
        let dir = project.feed(release);
        for name in names(&dir) {
            let path = dir.join(&name);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let replaced: [fn(&Path); 3] = [
                |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
                |path| std::fs::create_dir(path).unwrap(),
                |path| {
                    let status = std::process::Command::new("mkfifo").arg(path).status();
                    assert!(status.unwrap().success());
                },
            ];
            for replace in replaced {
                replace(&path);
                let found = problems(&dir);
                let named = found.iter().any(|problem| problem.starts_with(&name))
                    || found.iter().any(|problem| problem.contains("is not there"));
                assert!(named, "{end} {name}: {found:?}");
                let _ = std::fs::remove_file(&path);
                let _ = std::fs::remove_dir(&path);
            }
            std::fs::write(&path, bytes).unwrap();
        }
        assert!(problems(&dir).is_empty());
    }
}

#[test]
fn folders_without_feeds() {
    let dir = tempfile::tempdir().unwrap();
    assert!(check(dir.path()).unwrap_err().contains("no feed is in"));
    assert!(
        check(&PathBuf::from("/nonexistent"))
            .unwrap_err()
            .contains("there is no folder")
    );
    std::fs::write(dir.path().join("packages.adb"), b"ADBd").unwrap();
    has(&problems(dir.path()), "packages.adb: ");
    std::fs::write(dir.path().join("packages.adb"), index(|_| Value::NULL)).unwrap();
    has(&problems(dir.path()), "packages.adb: is not signed");
}

/// Changes a file at random, for a bounded time.
#[test]
fn random_changes_never_panic() {
    let (mut random, seconds) = Random::from_environment();
    let project = Project::new();
    let dirs = RELEASES.map(|(release, _)| project.feed(release));
    let plain = {
        let bytes = std::fs::read(dirs[1].join("packages.adb")).unwrap();
        container::decompress(&bytes, 1 << 20).unwrap()
    };
    let started = Instant::now();
    let mut runs = 0;
    while started.elapsed() < Duration::from_secs(seconds) {
        let dir = &dirs[runs % 2];
        let names = names(dir);
        let name = &names[random.next(names.len())];
        let path = dir.join(name);
        let bytes = std::fs::read(&path).unwrap();
        let changed = match name.as_str() {
            // Not compressed, so that changes reach the values.
            "packages.adb" if runs % 4 > 1 => random.change(&plain),
            _ => random.change(&bytes),
        };
        std::fs::write(&path, &changed).unwrap();
        // A comment is nobody's business: usign's are called untrusted.
        let has_comment = name == "sha256sums.sig" && runs % 2 == 0;
        if let Ok(report) = check(dir) {
            assert!(
                has_comment || changed == bytes || !report.ok,
                "{name}: {changed:?}"
            );
        }
        std::fs::write(&path, &bytes).unwrap();
        runs += 1;
    }
    assert!(runs > 5, "only {runs} runs in {seconds} s");
}
