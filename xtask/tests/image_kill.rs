//! Builds that are stopped or killed at any moment leave nothing that a later
//! run believes; and what a build sees of the project.

#[path = "support/image_copy.rs"]
mod image_copy;
#[path = "support/sdk_base.rs"]
mod sdk_base;
mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image_copy::{ALIAS, Copy, docker, exists};

fn signal(name: &str, process: &str) {
    let status = Command::new("kill").args([name, "--", process]).status();
    assert!(status.unwrap().success());
}

/// A run in a process group of its own.
fn start(copy: &Copy) -> Child {
    let mut command = copy.image(&[]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.process_group(0).spawn().unwrap()
}

/// Whether the builder's log goes on to its last step's end.
fn is_whole(log: &str) -> bool {
    let last = log.trim_end().lines().last().unwrap_or_default();
    log.contains("exporting to image") && last.contains(" DONE ")
}

/// Whatever is believed now is whole.
fn nothing_half(copy: &Copy) {
    let tag = copy.tag();
    let said = support::run(&mut copy.image(&["--dry-run"])).stderr;
    let said = String::from_utf8(said).unwrap();
    if exists(&tag) {
        assert!(said.contains("Ready"), "{said}");
        let check = "sha256sum --quiet -c /opt/xtask/toolchain.sha256";
        docker(&["run", "--rm", &tag, "bash", "-c", check]);
    } else {
        assert!(said.contains("Would build"), "{said}");
        assert!(!exists(ALIAS), "the alias comes last");
        // The image gets its names after its log; half a log has another name.
        if let Ok(log) = std::fs::read_to_string(copy.log()) {
            assert!(is_whole(&log), "{log}");
        }
    }
    assert!(!copy.log().with_extension("failed.json").exists());
}

#[test]
fn killed_at_any_moment() {
    let Some(copy) = Copy::feed() else { return };
    copy.commit();
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    let seed = std::env::var("XTASK_TEST_SEED").map_or(seed, |seed| seed.parse().unwrap());
    println!("XTASK_TEST_SEED={seed}");
    let mut random = seed;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for round in 0..5 {
        let mut run = start(&copy);
        let after = Duration::from_millis(next(4500));
        std::thread::sleep(after);
        let whole = next(2) == 0;
        let target = if whole {
            format!("-{}", run.id())
        } else {
            run.id().to_string()
        };
        println!("round {round}: kill {target} after {after:?}");
        if run.try_wait().unwrap().is_none() {
            signal("-KILL", &target);
        }
        run.wait().unwrap();
        nothing_half(&copy);
    }
    let output = support::run(&mut copy.image(&["--json"]));
    let state = support::json(&output)["images"][0]["state"].clone();
    assert!(state == "built" || state == "ready", "{state}");
    nothing_half(&copy);
    assert!(exists(&copy.tag()) && exists(ALIAS) && copy.log().exists());
    support::run(&mut copy.xtask(&["image", "--prune"]));
    let left = docker(&["ps", "-a", "--format", "{{.Names}}"]);
    let short = copy.tag().rsplit('-').next().unwrap().to_owned();
    assert!(!left.contains(&short), "{left}");
    assert!(exists(&copy.tag()), "what is in use is not pruned");
}

#[test]
fn stopped_by_the_user() {
    let Some(copy) = Copy::feed() else { return };
    // Long enough for a finger on Ctrl-C.
    copy.edit("openwrt/image/sdk.sh", |text| {
        text.replace(
            "\ntree=/builder\n",
            "\ntree=/builder\necho begun\nsleep 60\n",
        )
    });
    for (name, to_all) in [("-INT", true), ("-TERM", false)] {
        let mut run = start(&copy);
        let mut stderr = run.stderr.take().unwrap();
        let mut said = String::new();
        let mut piece = [0; 4096];
        while !said.contains("\nbegun") {
            let length = stderr.read(&mut piece).unwrap();
            assert!(length > 0, "{said}");
            said += &String::from_utf8_lossy(&piece[..length]);
        }
        let process = run.id().to_string();
        let started = Instant::now();
        signal(
            name,
            &if to_all {
                format!("-{process}")
            } else {
                process
            },
        );
        stderr.read_to_string(&mut said).unwrap();
        let status = run.wait().unwrap();
        assert!(started.elapsed() < Duration::from_secs(40));
        assert_eq!(status.code(), Some(130), "{said}");
        assert!(
            said.contains("stopped: no image was made or tagged"),
            "{said}"
        );
        assert!(said.contains("24.10-aarch64_xtask.log.part"), "{said}");
        assert!(!exists(&copy.tag()) && !copy.log().exists());
        assert!(!copy.log().with_extension("failed.json").exists());
    }
}

/// What `docker build` by hand sends from the project's root.
fn context_by_hand(copy: &Copy) -> BTreeMap<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "FROM scratch\nCOPY . /\n").unwrap();
    let engine = xtask::engine::Engine::find(None)
        .unwrap()
        .for_builds()
        .unwrap();
    let output = Command::new(&engine.program)
        .args(["build", "-q", "-o", "-", "-f"])
        .arg(file.path())
        .arg(copy.dir.path())
        .env("DOCKER_BUILDKIT", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", image_copy::stderr(&output));
    let mut archive = tar::Archive::new(output.stdout.as_slice());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), text);
        }
    }
    files
}

#[test]
fn nothing_but_what_the_image_is_made_from_is_sent() {
    let Some(copy) = Copy::feed() else { return };
    std::fs::copy(
        support::root().join(".dockerignore"),
        copy.path(".dockerignore"),
    )
    .unwrap();
    let write = |path: &str, text: &str| {
        let path = copy.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let others = [
        "docs/build.md",
        "target/debug/x",
        "tollgate-wrt/src/main.rs",
        "Cargo.lock",
    ];
    for path in others {
        write(path, "1");
    }
    copy.commit();
    let fingerprint = || {
        let output = support::run(&mut copy.xtask(&["fingerprint", image_copy::ARCH, "--json"]));
        support::json(&output)
    };
    let (sent, inputs) = (context_by_hand(&copy), fingerprint());
    let fingerprinted: Vec<&String> = inputs["inputs"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| name.starts_with("openwrt/"))
        .collect();
    assert_eq!(sent.keys().collect::<Vec<_>>(), fingerprinted);
    for path in others {
        write(path, "2");
    }
    copy.git(&["commit", "-q", "--allow-empty", "-m", "another"]);
    assert_eq!(context_by_hand(&copy), sent);
    assert_eq!(fingerprint(), inputs);
    copy.append("openwrt/image/sdk.sh", "#\n");
    assert_ne!(context_by_hand(&copy), sent);
    assert_ne!(fingerprint(), inputs);
}
