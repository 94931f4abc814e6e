//! `cargo xtask image` against a real Docker Engine: built once, found again,
//! built anew for a reason that it says.

#[path = "support/image_copy.rs"]
mod image_copy;
#[path = "support/project.rs"]
mod project;
#[path = "support/sdk_base.rs"]
mod sdk_base;
mod support;

use image_copy::{ALIAS, Copy, docker, exists, fails, stderr};
use xtask::buildlog::Baseline;
use xtask::fingerprint::hash_file;
use xtask::toolchain::cache::Cache;

fn label(image: &str, name: &str) -> String {
    let format = format!("{{{{index .Config.Labels \"org.tollgate-wrt.{name}\"}}}}");
    docker(&["image", "inspect", image, "--format", &format])
        .trim()
        .to_owned()
}

fn id(image: &str) -> String {
    docker(&["image", "inspect", image, "--format", "{{.Id}}"])
}

#[test]
fn an_image_is_built_once_and_then_found() {
    let Some(copy) = Copy::feed() else { return };
    let tag = copy.tag();
    let said = stderr(&support::run(&mut copy.image(&["--dry-run"])));
    assert!(said.contains("Would build"), "{said}");
    assert!(!exists(&tag), "a dry run changes nothing");

    // A client's proxies, which it puts into all containers, are no part of it.
    let config = copy.path("bin/config");
    std::fs::create_dir_all(&config).unwrap();
    let proxies = r#"{"proxies":{"default":{"httpProxy":"http://me:secret@proxy"}}}"#;
    std::fs::write(config.join("config.json"), proxies).unwrap();
    let mut command = copy.image(&["--json"]);
    let output = support::run(command.env("DOCKER_CONFIG", &config));
    let image = support::json(&output)["images"][0].clone();
    assert_eq!(image["state"], "built", "{}", stderr(&output));
    assert!(!docker(&["image", "inspect", &tag]).contains("secret"));
    assert_eq!(image["tag"], tag);
    assert_eq!(image["reasons"][0]["reason"], "first-build");
    let said = stderr(&output);
    let why = said.find("is built: it was not built here before");
    let step = said.find("Building the image");
    assert!(why < step && why.is_some(), "first why, then what: {said}");
    assert!(said.contains("touch /builder/staging_dir/hostpkg/stamp/.rust_installed"));

    what_it_is(&copy, &tag);
    nothing_to_do(&copy, &tag);
    names_that_were_moved(&copy, &tag);
    a_changed_input(&copy, &tag);
}

/// Labels, names, user, and what lies in it.
fn what_it_is(copy: &Copy, tag: &str) {
    assert_eq!(id(tag), id(ALIAS));
    let fingerprint = label(tag, "fingerprint");
    assert!(tag.ends_with(&fingerprint[..12]) && fingerprint.len() == 64);
    assert_eq!(label(tag, "arch"), image_copy::ARCH);
    assert_eq!(label(tag, "release"), "24.10");
    let baseline = Baseline::parse(&label(tag, "baseline")).unwrap();
    assert_eq!(
        (baseline.tree.as_str(), baseline.autoremove.as_str()),
        ("/builder", "y")
    );
    assert!(baseline.autorebuild);
    let rust = &baseline.stages[0];
    assert_eq!(rust.name, "rust");
    assert!(rust.prepared.ends_with("_18f1e190c5d53547fed41a3eaa76e9e9"));
    assert!(rust.feed_time.is_some() && rust.download_time.is_some() && !rust.files.is_empty());
    for file in &rust.files {
        assert_eq!(file.time, file.time.whole(), "{}", file.path);
    }
    let inside = docker(&[
        "run",
        "--rm",
        tag,
        "bash",
        "-c",
        "id -un; pwd; sha256sum /opt/xtask/toolchain.sha256 | cut -c 1-64; \
         sha256sum --quiet -c /opt/xtask/toolchain.sha256 && echo whole; \
         grep -c '^# stamp' /opt/xtask/toolchain.sha256; ls dl; \
         git config --system safe.directory; stat -c '%U' /opt/xtask",
    ]);
    let lines: Vec<&str> = inside.lines().collect();
    assert_eq!(lines[..2], ["buildbot", "/builder"]);
    assert_eq!(lines[2], label(tag, "toolchain"));
    assert_eq!(lines[3], "whole");
    assert!(lines[4].parse::<u32>().unwrap() >= 3, "{inside}");
    assert!(inside.contains("rustc-"), "downloads are kept: {inside}");
    assert_eq!(lines[lines.len() - 2..], ["*", "buildbot"]);
    let log = std::fs::read_to_string(copy.log()).unwrap();
    assert!(log.contains(".rust_installed") && !copy.log().with_extension("log.part").exists());
}

fn nothing_to_do(copy: &Copy, tag: &str) {
    let mut command = copy.image(&[]);
    let calls = copy.spy(&mut command);
    let output = support::run(&mut command);
    let said = stderr(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains(tag) && said.contains("nothing to do"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(calls).unwrap(),
        format!("image inspect {tag} {ALIAS}\n")
    );
    let output = support::run(&mut copy.image(&["--json"]));
    let image = support::json(&output)["images"][0].clone();
    assert_eq!(image["state"], "ready");
    assert_eq!(image["reasons"], serde_json::json!([]));
}

/// Somebody gave the names to another image.
fn names_that_were_moved(copy: &Copy, tag: &str) {
    let right = id(tag);
    let base = sdk_base::base(&[image_copy::ARCH]).unwrap();
    let base = base
        .replace("{arch}", image_copy::ARCH)
        .replace("{version}", &sdk_base::version());
    docker(&["tag", &base, ALIAS]);
    let said = stderr(&support::run(&mut copy.image(&[])));
    assert!(said.contains("pointed at another image"), "{said}");
    assert_eq!(id(ALIAS), right);
    docker(&["tag", &base, tag]);
    let said = stderr(&support::run(&mut copy.image(&[])));
    assert!(
        said.contains("it has no label org.tollgate-wrt.fingerprint"),
        "{said}"
    );
    assert_ne!(id(tag), id(&base));
    assert_eq!(id(tag), id(ALIAS));
    docker(&["rmi", ALIAS]);
    let said = stderr(&support::run(&mut copy.image(&[])));
    assert!(said.contains("was missing"), "{said}");
}

fn a_changed_input(copy: &Copy, tag: &str) {
    copy.append("openwrt/config/sdk.config", "CONFIG_LOCALMIRROR=\"x\"\n");
    let new = copy.tag();
    let sentence = "openwrt/config/sdk.config changed from 0644 sha256:";
    let said = stderr(&support::run(&mut copy.image(&["--dry-run"])));
    assert!(said.contains(sentence), "{said}");
    assert!(!exists(&new) && id(ALIAS) == id(tag));
    let said = stderr(&support::run(&mut copy.image(&[])));
    assert!(said.contains(sentence), "{said}");
    assert!(said.contains("Cached 1/"), "{said}");
    assert_eq!(id(ALIAS), id(&new));
    assert!(exists(tag), "older images stay until they are pruned");
}

#[test]
fn the_bake_says_what_is_wrong() {
    let Some(copy) = Copy::feed() else { return };
    let sdk = copy.read("openwrt/sdk.toml");
    let script = copy.read("openwrt/image/sdk.sh");
    // A packages feed that is too old for Rust.
    copy.edit("openwrt/image/sdk.sh", |text| {
        text.replace(
            "[ -f feeds/packages/lang/rust/rust-package.mk ]",
            "rm -rf feeds/packages/lang/rust\n[ -f feeds/packages/lang/rust/rust-package.mk ]",
        )
    });
    let said = fails(&mut copy.image(&[]));
    for part in [
        "step sdk 1/3, RUN bash /run/xtask/sdk.sh, failed; its last lines:",
        "error: the feed packages has no lang/rust/rust-package.mk, which the recipe includes: src-git packages",
        "mend: name a packages feed of OpenWrt 23.05 or newer",
        "The whole log: target/xtask/image/24.10-aarch64_xtask.log",
        "cargo xtask image aarch64_xtask --shell",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!exists(&copy.tag()) && !exists(ALIAS));
    std::fs::write(copy.path("openwrt/image/sdk.sh"), script).unwrap();
    // An SDK of another architecture.
    copy.edit("openwrt/sdk.toml", |text| {
        text.replace("{arch}-{version}\"", "aarch64_xtask-{version}\"")
            .replace("[arch.aarch64_xtask]", "[arch.other]")
    });
    let said = fails(&mut copy.xtask(&["image", "other"]));
    assert!(
        said.contains("error: the base image's SDK is for aarch64_xtask, not for other"),
        "{said}"
    );
    // A base that is nowhere.
    std::fs::write(copy.path("openwrt/sdk.toml"), sdk).unwrap();
    copy.edit("openwrt/sdk.toml", |text| {
        text.replace("base = \"xtask-test-sdk-", "base = \"localhost:9/none-")
    });
    let output = copy.image(&["--json"]).output().unwrap();
    let failure = support::json(&output)["failures"][0].clone();
    assert_eq!(failure["arch"], "aarch64_xtask");
    let error = failure["error"].as_str().unwrap();
    assert!(
        error.contains("the base image (`base` of [image] in openwrt/sdk.toml), failed"),
        "{error}"
    );
}

#[test]
fn two_at_once_build_once() {
    let Some(copy) = Copy::feed() else { return };
    let mut runs: Vec<_> = (0..2)
        .map(|_| {
            copy.image(&["--json"])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let second = runs.pop().unwrap().wait_with_output().unwrap();
    let first = runs.pop().unwrap().wait_with_output().unwrap();
    let outputs = [first, second];
    let mut states: Vec<String> = outputs
        .iter()
        .map(|output| support::json(output)["images"][0]["state"].to_string())
        .collect();
    states.sort();
    assert_eq!(states, ["\"built\"", "\"ready\""]);
    let waited = outputs
        .iter()
        .filter(|output| stderr(output).contains("waiting for another run"));
    assert_eq!(waited.count(), 1);
}

#[test]
fn the_pinned_compiler_gives_the_bytes_of_native_builds() {
    let Some(copy) = Copy::pinned() else { return };
    if !project::toolchain() {
        return;
    }
    support::run(&mut copy.image(&[]));
    let inside = docker(&[
        "run",
        "--rm",
        &copy.tag(),
        "bash",
        "-c",
        "sha256sum --quiet -c /opt/xtask/toolchain.sha256 && id -un && \
         cd /opt/xtask/std/aarch64-unknown-linux-musl/sysroot/lib/rustlib/*/lib && sha256sum *",
    ]);
    let mut inside: Vec<&str> = inside.lines().collect();
    assert_eq!(inside.remove(0), "buildbot");
    let mut native = Vec::new();
    let std = Cache::open().unwrap().path("std");
    for entry in walkdir::WalkDir::new(std) {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_target = entry
            .path()
            .to_string_lossy()
            .contains("/rustlib/aarch64-unknown-linux-musl/lib/");
        if of_target && name.ends_with(".rlib") {
            native.push(format!("{}  {name}", hash_file(entry.path()).unwrap()));
        }
    }
    inside.sort_unstable();
    assert!(inside.len() > 3);
    for line in inside {
        assert!(
            native.iter().any(|native| native == line),
            "{line} is no file of the native std"
        );
    }
}
