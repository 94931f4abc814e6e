//! Real builds for the release that installs apk packages.

#[path = "support/apk.rs"]
mod apk;
#[path = "support/project.rs"]
mod project;
mod support;

use project::Project;
use serde_json::{Value, json};

#[test]
fn the_release_decides_the_format() {
    if !project::toolchain() {
        return;
    }
    let project = Project::new();
    let build = |args: &[&str]| {
        let output = support::run(&mut project.xtask(args));
        support::json(&output)["packages"][0].clone()
    };
    let by_apk = build(&["apk", "mips", "--json"]);
    let file = project.path("dist/25.12/mips_24kc/greeter-1.2.0_rc1-r3.apk");
    assert_eq!(by_apk["path"], json!(file.canonicalize().unwrap()));
    assert_eq!(by_apk["version"], "1.2.0_rc1-r3");
    assert_eq!(by_apk["release"], "25.12");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let by_ipk = build(&["ipk", "mips", "--release", "25.12", "--json"]);
    assert_eq!(by_ipk["sha256"], by_apk["sha256"]);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    let of_24 = build(&["apk", "mips", "--release", "24.10", "--json"]);
    assert!(
        of_24["path"]
            .as_str()
            .unwrap()
            .ends_with("greeter_1.2.0~rc1-r3_mips_24kc.ipk")
    );
    for (release, other) in [("25.12", "ipk"), ("24.10", "apk")] {
        let dir = project.path(&format!("dist/{release}/mips_24kc"));
        for entry in std::fs::read_dir(dir).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(
                !name.to_string_lossy().ends_with(other),
                "{name:?} for {release}"
            );
        }
    }

    let shown = support::json(&support::run(
        support::xtask().args(["inspect", "--json"]).arg(&file),
    ));
    assert_eq!(shown["findings"], json!([]));
    let control = &shown["control"];
    assert_eq!(control["depends"], "libc ubus");
    assert_eq!(control["provides"], "greeter-any");
    assert_eq!(control["arch"], "mips_24kc");
    assert_eq!(control["origin"], "feeds/packages/feeds/packages/greeter");
    // The same files as in the ipk, and OpenWrt's lists.
    let ipk = of_24["path"].as_str().unwrap();
    let ipk = support::json(&support::run(
        support::xtask().args(["inspect", "--json", ipk]),
    ));
    let files = |report: &Value| {
        let mut files: Vec<String> = report["files"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|file| !file["path"].as_str().unwrap().starts_with("/lib"))
            .map(|file| {
                format!(
                    "{} {} {} {}",
                    file["path"], file["mode"], file["kind"], file["sha256"]
                )
            })
            .collect();
        files.sort();
        files
    };
    assert_eq!(files(&shown), files(&ipk));
    let stream = apk::inflate(&bytes);
    assert!(
        apk::blocks(&stream).iter().all(|(kind, _)| *kind != 1),
        "unsigned, as OpenWrt's"
    );
}
