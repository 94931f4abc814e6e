//! `apk --backend sdk`: OpenWrt's build system of 25.12 and the native writer
//! make the same apk, and `verify-cache` knows such builds.

#[path = "support/apk.rs"]
mod apk;
#[path = "support/image_copy.rs"]
mod image_copy;
#[path = "support/project.rs"]
mod project;
#[path = "support/sdk_base.rs"]
mod sdk_base;
#[path = "support/sdk_root.rs"]
mod sdk_root;
mod support;

use std::path::Path;

use image_copy::{ARCH, Copy};
use sdk_root::{built, failure, forget_volumes, greeter, names, stderr};
use serde_json::{Value, json};

const RELEASE: &str = "25.12";
const APK: &str = "greeter-1.2.0_rc1-r3.apk";

#[test]
fn the_pinned_compiler_gives_the_native_apk() {
    let version = sdk_base::version_of(RELEASE);
    if sdk_base::base_of(&version, &[ARCH]).is_none() || !project::toolchain() {
        return;
    }
    let Some(copy) = Copy::pinned() else { return };
    let project = greeter();
    let manifest = project.path("Cargo.toml");
    let manifest = manifest.to_str().unwrap();
    let apk = |args: &[&str]| {
        let args = [&["apk", ARCH, "--json", "--manifest-path", manifest], args];
        copy.xtask(&args.concat())
    };
    // The toolchain that `setup` put into the user's cache.
    let native = |args: &[&str]| {
        let dist = project.path("native");
        let mut command = apk(&[&["--dist", dist.to_str().unwrap()], args].concat());
        built(&command.env_remove("XTASK_CACHE_DIR").output().unwrap())
    };
    let sdk = |args: &[&str]| {
        let mut command = apk(&[&["--backend", "sdk"], args].concat());
        command.output().unwrap()
    };
    let read = |report: &Value| std::fs::read(report["path"].as_str().unwrap()).unwrap();

    let ours = native(&[]);
    let theirs = built(&sdk(&[]));
    let file = project.path(&format!("dist/{RELEASE}/{ARCH}/{APK}"));
    assert_eq!(theirs["path"], json!(file));
    let streams = [&theirs, &ours].map(|report| apk::inflate(&read(report)));
    apk::assert_same("greeter", &streams[0], &streams[1]);
    assert!(read(&theirs) == read(&ours), "{theirs:#} {ours:#}");
    for key in [
        "name",
        "version",
        "arch",
        "release",
        "size",
        "installed_size",
        "sha256",
    ] {
        assert_eq!(theirs[key], ours[key], "{key}");
    }
    assert_eq!(theirs["version"], "1.2.0_rc1-r3");
    assert_eq!(theirs["verdict"], "cached");
    let provenance = format!("{APK}.provenance.json");
    assert_eq!(
        names(file.parent().unwrap()),
        ["build.log", APK, provenance.as_str()]
    );
    let log = std::fs::read_to_string(theirs["log"].as_str().unwrap()).unwrap();
    assert!(log.contains("/bin/apk mkpkg --info "), "{log}");

    // `ipk` with the release is the same command, and finds what is there.
    let args = [
        "ipk",
        ARCH,
        "--release",
        RELEASE,
        "--backend",
        "sdk",
        "--json",
    ];
    let mut ipk = copy.xtask(&[&args[..], &["--manifest-path", manifest]].concat());
    let again = built(&ipk.output().unwrap());
    assert_eq!(again["sha256"], theirs["sha256"]);
    assert_eq!(again["compiled"], json!([]));
    verified(&copy, manifest);

    // A signature of the owner's, by either backend.
    let keys = tempfile::tempdir().unwrap();
    support::run(copy.xtask(&["keygen", "--dir"]).arg(keys.path()));
    let key = keys.path().join("private-key.pem");
    let sign = ["--sign-key", key.to_str().unwrap()];
    let signed = [native(&sign), built(&sdk(&sign))];
    assert!(read(&signed[0]) == read(&signed[1]), "{signed:#?}");
    let blocks = apk::blocks(&apk::inflate(&read(&signed[1])));
    assert_eq!(blocks.iter().filter(|(kind, _)| *kind == 1).count(), 1);

    refused(&project, &sdk(&[]), |project| {
        let recipe = project.join("openwrt/greeter/Makefile");
        let text = std::fs::read_to_string(&recipe).unwrap();
        let other = text.replace("# >>> package", "PKG_RELEASE:=9\n# >>> package");
        std::fs::write(&recipe, other).unwrap();
        sdk(&[])
    });
    // Its own tag, and that of the release.
    forget_volumes(&tag(&copy));
}

fn tag(copy: &Copy) -> String {
    let args = ["fingerprint", ARCH, "--release", RELEASE, "--json"];
    let report = support::json(&support::run(&mut copy.xtask(&args)));
    report["tag"].as_str().unwrap().to_owned()
}

/// What `verify-cache` says, before and after a file of the toolchain changes.
fn verified(copy: &Copy, manifest: &str) {
    let verify = |code: i32| {
        let args = ["verify-cache", ARCH, "--release", RELEASE, "--json"];
        let mut command = copy.xtask(&args);
        let output = command
            .args(["--backend", "sdk", "--manifest-path", manifest])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        support::json(&output)["subjects"][0].clone()
    };
    let subject = verify(0);
    assert_eq!(subject["release"], RELEASE);
    assert_eq!(subject["verdict"], "cached", "{subject:#}");
    let (tag, good) = (tag(copy), "xtask-test-good:apk");
    image_copy::docker(&["tag", &tag, good]);
    sdk_root::variant(good, &tag, "RUN printf x >> /opt/xtask/bin/cargo");
    let subject = verify(1);
    let mend = subject["mend"].as_str().unwrap();
    assert!(mend.contains(RELEASE), "{mend}");
    image_copy::docker(&["tag", good, &tag]);
    image_copy::docker(&["image", "rm", good]);
    verify(0);
}

/// A recipe that makes another package than the metadata says.
fn refused(
    project: &project::Project,
    good: &std::process::Output,
    change: impl Fn(&Path) -> std::process::Output,
) {
    built(good);
    let other = failure(&change(project.dir.path()));
    let error = other["error"].as_str().unwrap();
    assert!(
        error.starts_with(&format!(
            "make succeeded and made no {APK}: it wrote greeter-1.2.0_rc1-r9.apk"
        )),
        "{error}"
    );
}
