//! `deploy` to a router of the tests' own (support/far_side.rs): what is
//! installed, what is refused, and what is left behind: nothing. Its opkg and
//! apk are doubles.

#[path = "support/far_root.rs"]
mod far_root;
#[path = "support/far_side.rs"]
mod far_side;
mod support;

use std::sync::atomic::Ordering;

use far_side::{APK, FarSide, Kind, Line, OPKG, package, stderr};

#[test]
fn an_ipk_is_installed_and_its_service_shown() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    side.root.write("etc/config/demo-opkg", "new\n", 0o644);
    let output = side.deploy(&["--file", &file]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    for part in [
        "Router A Router v1, OpenWrt 24.10.4, mips_24kc, opkg; free: 8.4 MB flash",
        "demo is not installed",
        "Copied demo_1.0-r1_mips_24kc.ipk",
        "Installed on the router",
        "/etc/config/demo is the owner's and was kept",
        "Service demo runs, and starts at boot",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("Installing demo (1.0-r1) to root..."),
        "{shown}"
    );
    assert!(shown.contains("demo: \\u{1b}[31mred"), "made safe: {shown}");
    assert!(
        !shown.contains("noise") && !shown.contains("xtask."),
        "{shown}"
    );
    assert_eq!(
        side.root.path("usr/share/demo").metadata().unwrap().len(),
        600_000
    );
    assert!(side.calls().starts_with("install /tmp/xtask."));
    side.assert_clean();

    // The same version, a newer and an older one.
    let output = side.deploy(&["--file", &file, "--json"]);
    let told = support::json(&output);
    assert_eq!(told["change"], "reinstall");
    assert_eq!(told["after"]["installed"], "1.0-r1");
    assert_eq!(told["after"]["services"][0]["running"], true);
    assert!(side.calls().contains("install --force-reinstall /tmp"));
    let newer = package(side.home.path(), "ipk", "1.1-r1", "mips_24kc");
    assert!(side.deploy(&["--file", &newer]).status.success());
    let output = side.deploy(&["--file", &file]);
    assert!(
        stderr(&output).contains("--downgrade installs it"),
        "{}",
        stderr(&output)
    );
    let output = side.deploy(&["--file", &file, "--downgrade"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(side.calls().contains("install --force-downgrade /tmp"));
    side.assert_clean();
}

#[test]
fn an_apk_is_installed_and_not_held_at_its_version() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&APK);
    let file = package(side.home.path(), "apk", "1.0-r1", "mips_24kc");
    let output = side.deploy(&["--file", &file]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("apk is told --allow-untrusted"), "{said}");
    let calls = side.calls();
    assert!(
        calls.starts_with("add --allow-untrusted /tmp/xtask."),
        "{calls}"
    );
    assert!(calls.ends_with("add --no-network demo\n"), "{calls}");
    let bytes = std::fs::read(&file).unwrap();
    let sum = xtask::fingerprint::hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    assert!(side.root.read("double/sum").starts_with(&sum));
    side.assert_clean();
}

#[test]
fn what_a_router_would_not_take_is_not_copied() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&Kind {
        flash: "512k",
        ..OPKG
    });
    let line = Line::to(&side, u64::MAX, u64::MAX);
    let refused = |end: &str, arch: &str, why: &str| {
        let file = package(side.home.path(), end, "1.0-r1", arch);
        let output = side
            .deploy_by(line.port, "key", &["--file", &file])
            .output()
            .unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
    };
    refused(
        "ipk",
        "mipsel_24kc",
        "is for mipsel_24kc, and this router is mips_24kc",
    );
    refused(
        "apk",
        "mips_24kc",
        "is for apk, and this router has opkg (OpenWrt 24.10.4)",
    );
    refused(
        "ipk",
        "mips_24kc",
        "too little flash: 524.3 kB are free, and 876.5 kB are needed",
    );
    assert_eq!(side.calls(), "");
    // Three connections, and no package of 600 kB.
    let sent = line.sent.load(Ordering::SeqCst);
    assert!((1..60_000).contains(&sent), "{sent}");
    side.assert_clean();
}

#[test]
fn a_dry_run_changes_nothing() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let tree = || -> Vec<_> {
        let all = walkdir::WalkDir::new(side.root.path("")).sort_by_file_name();
        let all = all.into_iter().map(|entry| {
            let entry = entry.unwrap();
            let found = entry.metadata().unwrap();
            let time = found.is_file().then(|| found.modified().unwrap());
            (entry.into_path(), found.len(), time)
        });
        all.collect()
    };
    let before = tree();
    let output = side.deploy(&["--file", &file, "--dry-run", "--json"]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("run `opkg install`") && said.contains("nothing was changed"),
        "{said}"
    );
    let told = support::json(&output);
    assert_eq!(told["dry_run"], true);
    assert_eq!(told["change"], "install");
    assert_eq!(told["router"]["arch"], "mips_24kc");
    assert_eq!(before, tree());
    side.assert_clean();
}

#[test]
fn the_package_manager_s_own_words_are_shown() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    side.root.write(
        "double/refuse",
        " * satisfy_dependencies_for: Cannot satisfy the following dependencies for demo:\n * \tlibx\n",
        0o644,
    );
    let output = side.deploy(&["--file", &file]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("opkg failed with code 255:\n     * satisfy_dependencies_for"),
        "{said}"
    );
    assert!(!side.root.has("usr/share/demo"));
    side.assert_clean();

    // opkg says that it is done, and has done nothing (an older version).
    std::fs::remove_file(side.root.path("double/refuse")).unwrap();
    side.root.write("double/other-version", "2.0-r1\n", 0o644);
    let said = stderr(&side.deploy(&["--file", &file]));
    assert!(said.contains("what is installed is 2.0-r1"), "{said}");

    // Installed, and its service does not run.
    std::fs::remove_file(side.root.path("double/other-version")).unwrap();
    std::fs::remove_file(side.root.path("double/running")).unwrap();
    let output = side.deploy(&["--file", &file, "--downgrade"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Service demo does not run"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("demo: started"));
}

#[test]
fn a_router_without_sha256sum_compares_the_size() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&Kind {
        shell: "dash",
        ..OPKG
    });
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let said = stderr(&side.deploy(&["--file", &file]));
    assert!(
        said.contains("Service demo runs") && !said.contains("sha256sum"),
        "{said}"
    );
    std::fs::remove_file(side.root.path("usr/bin/sha256sum")).unwrap();
    let output = side.deploy(&["--file", &file]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("the router has no sha256sum"),
        "{}",
        stderr(&output)
    );
    side.assert_clean();
}
