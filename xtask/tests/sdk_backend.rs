//! `ipk --backend sdk`: real containers of a real engine. The pinned compiler
//! gives what it gives natively, and a missing package is no success.

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
use sdk_root::{Root, built, failure, forget_volumes, greeter, names, stderr};
use serde_json::json;

const IPK: &str = "greeter_1.2.0~rc1-r3_x86_64_run.ipk";

#[test]
fn the_pinned_compiler_gives_the_native_bytes() {
    let Some(copy) = Copy::pinned() else { return };
    if !project::toolchain() {
        return;
    }
    let project = greeter();
    let ipk = |args: &[&str]| {
        let mut command = copy.xtask(&["ipk", ARCH, "--json"]);
        command
            .args(args)
            .arg("--manifest-path")
            .arg(project.path("Cargo.toml"));
        command
    };
    let dist = project.path("native");
    // The toolchain that `setup` put into the user's cache.
    let native = ipk(&["--dist", dist.to_str().unwrap()])
        .env_remove("XTASK_CACHE_DIR")
        .output()
        .unwrap();
    let native = support::json(&native);
    let native = &native["packages"][0];
    assert_eq!(
        (&native["backend"], &native["verdict"]),
        (&json!("native"), &json!(null))
    );

    let output = ipk(&["--backend", "sdk"]).output().unwrap();
    let first = built(&output);
    let file = project.path("dist/24.10/aarch64_xtask/greeter_1.2.0~rc1-r3_aarch64_xtask.ipk");
    assert_eq!(first["path"], json!(file));
    assert!(
        std::fs::read(&file).unwrap() == std::fs::read(native["path"].as_str().unwrap()).unwrap(),
        "the packages differ: {native:#} {first:#}"
    );
    for key in [
        "name",
        "version",
        "arch",
        "release",
        "size",
        "installed_size",
        "sha256",
    ] {
        assert_eq!(first[key], native[key], "{key}");
    }
    assert_eq!(first["backend"], "sdk");
    assert_eq!(first["verdict"], "cached");
    assert_eq!(first["compiled"], json!(["greeter@1.2.0-rc1"]));
    let log = std::fs::read_to_string(first["log"].as_str().unwrap()).unwrap();
    assert!(
        log.contains("Running `/opt/xtask/bin/rustc --crate-name greeter"),
        "{log}"
    );

    // What the first left is used: crates, their artifacts, zig's C library.
    let second = built(&ipk(&["--backend", "sdk"]).output().unwrap());
    assert_eq!(second["compiled"], json!([]));
    assert_eq!(second["sha256"], first["sha256"]);

    // An edit that keeps the file's time and size is seen all the same.
    let main = project.path("src/main.rs");
    let time = std::fs::metadata(&main).unwrap().modified().unwrap();
    let text = std::fs::read_to_string(&main).unwrap();
    std::fs::write(&main, text.replace("hello", "howdy")).unwrap();
    let opened = std::fs::File::options().write(true).open(&main).unwrap();
    opened.set_modified(time).unwrap();
    let output = ipk(&["--backend", "sdk", "--verbose"]).output().unwrap();
    let third = built(&output);
    assert_eq!(third["compiled"], json!(["greeter@1.2.0-rc1"]));
    assert_ne!(third["sha256"], first["sha256"]);
    let text = stderr(&output);
    assert!(
        text.contains("the tree differs from its last commit"),
        "{text}"
    );
    assert!(
        text.contains("make package/greeter/compile V=s DEBUG=r"),
        "{text}"
    );
    assert_eq!(
        names(file.parent().unwrap()),
        [
            "build.log",
            "greeter_1.2.0~rc1-r3_aarch64_xtask.ipk",
            "greeter_1.2.0~rc1-r3_aarch64_xtask.ipk.provenance.json",
        ]
    );
    forget_volumes(&copy.tag());
}

/// make succeeds, and the package that is expected is not there.
#[test]
fn make_succeeds_without_the_package() {
    let Some(root) = Root::new("x86_64_run") else {
        return;
    };
    let project = greeter();
    let recipe = project.path("openwrt/greeter/Makefile");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let with = |line: &str, anchor: &str| {
        std::fs::write(&recipe, text.replace(anchor, &format!("{line}\n{anchor}"))).unwrap();
        failure(&root.ipk(&project, &[]).output().unwrap())
    };
    let other = with("PKG_RELEASE:=9", "# >>> package");
    let error = other["error"].as_str().unwrap();
    assert!(
        error.starts_with(&format!(
            "make succeeded and made no {IPK}: it wrote greeter_1.2.0~rc1-r9_x86_64_run.ipk"
        )),
        "{error}"
    );
    assert_eq!(other["verdict"], "cached");
    assert!(Path::new(other["log"].as_str().unwrap()).is_file());

    let none = with("undefine Package/greeter/install", "define Build/Prepare");
    let error = none["error"].as_str().unwrap();
    let said = format!("make succeeded and made no {IPK}: the recipe has no Package/…/install");
    assert!(error.starts_with(&said), "{error}");

    // A recipe that is not what the metadata says is not built at all.
    std::fs::write(&recipe, text.replace("SECTION:=utils", "SECTION:=net")).unwrap();
    let stale = root.ipk(&project, &[]).output().unwrap();
    assert_eq!(stale.status.code(), Some(1));
    let error = stderr(&stale);
    assert!(
        error.ends_with("update it with: cargo xtask recipe\n"),
        "{error}"
    );

    // One that OpenWrt does not let anybody select.
    std::fs::write(&recipe, &text).unwrap();
    let manifest = project.path("Cargo.toml");
    let table = std::fs::read_to_string(&manifest).unwrap();
    let broken = table.replace("depends = [\"ubus\"]", "depends = [\"ubus\", \"@BROKEN\"]");
    std::fs::write(&manifest, broken).unwrap();
    let mut fresh = support::xtask();
    support::run(fresh.args(["recipe", "--manifest-path"]).arg(&manifest));
    let unselectable = failure(&root.ipk(&project, &[]).output().unwrap());
    let error = unselectable["error"].as_str().unwrap();
    assert!(
        error.starts_with("OpenWrt does not let the package be selected for this SDK\n  mend: a condition in `depends` (@…)"),
        "{error}"
    );
}
