//! What is kept over a system upgrade.

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::Root;

/// Files below a directory, by their paths from there.
fn files(directory: &Path) -> BTreeSet<String> {
    let output = Command::new("find")
        .args([".", "(", "-type", "f", "-o", "-type", "l", ")"])
        .current_dir(directory)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().map(|line| line.trim_start_matches("./"));
    names.map(str::to_owned).collect()
}

#[test]
fn sysupgrade_keeps_all_that_is_written() {
    let root = Root::configured();
    root.write("etc/config/tollgate", "config tollgate 'main'\n");
    // The owner's own.
    root.write("etc/tollgate/portal/logo.svg", "<svg/>");
    root.write("tmp/dhcp.leases", "");
    let before = files(root.path());
    assert_eq!(root.output(&["prepare"]).0, 0);
    assert!(root.start().stop().success());
    let backup = root.file("tmp/backup");
    let backup = backup.to_str().unwrap();
    for command in [
        ["config", "set", "step_size", "1000"].as_slice(),
        &["backup", backup],
        &["config", "set", "step_size", "2000"],
        &["restore", "--replace", backup],
    ] {
        let (code, _, errors) = root.output(command);
        assert_eq!(code, 0, "{command:?}: {errors}");
    }
    assert!(root.start().stop().success());

    // As OpenWrt's sysupgrade reads it (list_static_conffiles), but below a root.
    let keep = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../openwrt/tollgate-wrt/files/tollgate-wrt.keep");
    let find = "cd \"$1\" && find $(sed -ne '/^[[:space:]]*$/d; /^#/d; s,^,.,; p' \"$0\") \\( -type f -o -type l \\)";
    let output = Command::new("sh")
        .args(["-c", find])
        .args([keep.as_path(), root.path()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let kept: BTreeSet<String> = text
        .lines()
        .map(|line| line.trim_start_matches("./").to_owned())
        .collect();
    for file in [
        "etc/config/tollgate",
        "etc/tollgate/config.json",
        "etc/tollgate/config.json.before-restore",
        "etc/tollgate/identities.json",
        "etc/tollgate/money/journal",
        "etc/tollgate/portal/logo.svg",
    ] {
        assert!(kept.contains(file), "{file}: {kept:?}");
    }
    let written = files(root.path());
    assert!(before.is_subset(&written));
    let lost: Vec<_> = written
        .difference(&kept)
        .filter(|file| !file.starts_with("var/") && !file.starts_with("tmp/"))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
}
