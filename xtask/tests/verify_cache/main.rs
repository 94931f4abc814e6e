//! `verify-cache` on native builds: what was tampered with is told, and only
//! full evidence is `cached`.

mod bench;
#[path = "../support/project.rs"]
mod project;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::Command;

use bench::{Bench, MIPS, changed, file_name, flip, sentences};
use serde_json::{Value, json};

#[test]
fn what_was_built_and_is_whole_is_cached() {
    let Some(bench) = Bench::built() else { return };
    let (code, report) = bench.verify(&[]);
    assert_eq!(
        (code, &report["verdict"]),
        (0, &json!("cached")),
        "{report:#}"
    );
    let subject = &report["subjects"][0];
    assert_eq!(
        (&subject["arch"], &subject["release"], &subject["backend"]),
        (&json!("mips_24kc"), &json!("24.10"), &json!("native"))
    );
    let states: Vec<&Value> = subject["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| &answer["state"])
        .collect();
    assert_eq!(states, ["ok", "ok", "ok", "ok", "not-run"]);

    // Nothing of it changes the target directory, the cache or the records.
    let before = tree(&bench);
    bench.verify(&[]);
    assert_eq!(tree(&bench), before);

    // An architecture that nobody built, and a folder without any record.
    let (code, report) = bench.verify(&["x86_64"]);
    assert_eq!((code, &report["verdict"]), (1, &json!("recompiled")));
    let subject = &report["subjects"][0];
    assert_eq!(subject["cause"], "first-build");
    let mend = subject["mend"].as_str().unwrap();
    assert!(mend.starts_with("cargo xtask setup x86_64 "), "{mend}");
    let (code, report) = bench.verify(&["--dist", "/nonexistent"]);
    assert_eq!((code, &report["verdict"]), (3, &json!("unknown")));
    assert_eq!(report["subjects"], json!([]));
    // Nobody who could tell of an image.
    let mut sdk = bench.xtask(&["verify-cache", "mips", "--backend", "sdk"]);
    sdk.env("DOCKER_HOST", "unix:///nonexistent");
    assert_eq!(sdk.output().unwrap().status.code(), Some(3));

    let output = bench.xtask(&["verify-cache", "mips"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "mips_24kc 24.10 native: cached");
    assert!(
        lines[1].starts_with("  1 inputs     ok          std was made from"),
        "{text}"
    );
    assert_eq!(
        lines.last(),
        Some(&"cached: nothing of the toolchain was made again, nor would be")
    );
}

/// Paths, times and sizes of what must stay as it is.
fn tree(bench: &Bench) -> Vec<(PathBuf, std::time::SystemTime, u64)> {
    let roots = ["target", "dist"].map(|name| bench.project.path(name));
    let roots = roots.into_iter().chain([bench.cache.path().to_owned()]);
    let files = roots.flat_map(|root| walkdir::WalkDir::new(root).sort_by_file_name());
    files
        .map(|file| {
            let file = file.unwrap();
            let found = file.metadata().unwrap();
            let path = file.into_path();
            (path, found.modified().unwrap(), found.len())
        })
        .collect()
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let Some(bench) = Bench::built() else { return };
    let std = bench.entry("std", MIPS);
    let lib = std.join("sysroot/lib/rustlib").join(MIPS).join("lib");
    let library = walkdir::WalkDir::new(&lib)
        .into_iter()
        .map(|file| file.unwrap().into_path())
        .find(|path| file_name(path).starts_with("libcore-"))
        .unwrap();
    let rust = bench.entry("debian", "rust-");
    let zig = bench.entry("wheels", "zig-");
    for (file, in_next) in [
        (library.clone(), true),
        (zig.join("ziglang/lib/std/std.zig"), false),
        (rust.join("usr/bin/rustc"), false),
        (rust.join("library/core/src/lib.rs"), false),
    ] {
        let mend = changed(&file, |bytes| flip(bytes));
        let subject = bench.expect(
            "recompiled",
            Some("file-changed"),
            "files",
            file_name(&file),
        );
        let next = sentences(&subject, "next-build");
        assert_eq!(next.contains("would make"), in_next, "{next}");
        mend();
    }
    // A stranger among the libraries, and a record that was cut.
    let stranger = lib.join("libevil.rlib");
    std::fs::write(&stranger, "x").unwrap();
    bench.expect(
        "recompiled",
        Some("file-added"),
        "files",
        "libevil.rlib is not in its record",
    );
    std::fs::remove_file(&stranger).unwrap();
    let mend = changed(&std.join("manifest.json"), |bytes| bytes.truncate(100));
    bench.expect(
        "recompiled",
        Some("record-broken"),
        "inputs",
        "its record is broken",
    );
    mend();
    bench.expect("cached", None, "files", "whole");

    std::fs::remove_dir_all(&rust).unwrap();
    bench.expect(
        "recompiled",
        Some("not-ready"),
        "inputs",
        "is not unpacked in the cache",
    );
}

#[test]
fn other_inputs_are_told_with_old_and_new_value() {
    let Some(mut bench) = Bench::built() else {
        return;
    };
    let text = std::fs::read_to_string(support::root().join("openwrt/sdk.toml")).unwrap();
    for (from, to, cause, words) in [
        (
            "opt-level = \"z\"",
            "opt-level = \"s\"",
            "input-changed",
            "opt-level changed from z to s",
        ),
        (
            "std_features = []",
            "std_features = [\"backtrace\"]",
            "input-changed",
            "features changed from none to backtrace",
        ),
        (
            "version = \"0.15.2\"",
            "version = \"0.15.3\"",
            "input-changed",
            "ziglang changed from 0.15.2 ",
        ),
        (
            "rust = \"1.96.0\"",
            "rust = \"1.99.0\"",
            "not-ready",
            "Rust 1.99.0 is not unpacked",
        ),
    ] {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("openwrt")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(root.path().join("openwrt/sdk.toml"), text.replace(from, to)).unwrap();
        std::fs::create_dir(root.path().join("xtask")).unwrap();
        bench.root = Some(root);
        bench.expect("recompiled", Some(cause), "inputs", words);
    }
}

#[test]
fn a_record_that_is_not_of_a_finished_build_is_not_believed() {
    let Some(bench) = Bench::built() else { return };
    let record = bench.record();
    let good = std::fs::read_to_string(&record).unwrap();
    bench.expect(
        "cached",
        None,
        "last-build",
        "made nothing of the toolchain",
    );
    for (text, words) in [
        (String::new(), "is no build record"),
        (good[..good.len() / 2].to_owned(), "is no build record"),
        (good.replace("1.2.0~rc1-r3", "1.2.0~rc1-r4"), "was edited"),
    ] {
        std::fs::write(&record, text).unwrap();
        bench.expect("unknown", None, "last-build", words);
    }
    std::fs::write(&record, &good).unwrap();
    let package = walkdir::WalkDir::new(record.parent().unwrap())
        .into_iter()
        .map(|file| file.unwrap().into_path())
        .find(|path| path.extension().is_some_and(|extension| extension == "ipk"))
        .unwrap();
    let mend = changed(&package, |bytes| flip(bytes));
    bench.expect(
        "unknown",
        None,
        "last-build",
        "is not the package that the last build wrote",
    );
    mend();
    // A folder that another workspace builds into, or a crate that was renamed.
    let manifest = bench.project.path("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let other = text.replacen("name = \"greeter\"", "name = \"other\"", 1);
    std::fs::write(&manifest, other).unwrap();
    let words = "the last build was of what this workspace does not build";
    bench.expect("unknown", None, "last-build", words);
    std::fs::write(&manifest, text).unwrap();
    std::fs::remove_file(&record).unwrap();
    bench.expect(
        "unknown",
        None,
        "last-build",
        "there is no record of a build",
    );

    // A build that fails leaves no result, whatever was there before.
    bench.ipk();
    bench.expect("cached", None, "last-build", "made nothing");
    let main = bench.project.path("src/main.rs");
    let source = std::fs::read_to_string(&main).unwrap();
    std::fs::write(&main, format!("compile_error!(\"not here\");\n{source}")).unwrap();
    let output = bench.xtask(&["ipk", "mips"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error: not here\n"), "{text}");
    // cargo was run with -v, and what that adds is not shown.
    for word in ["Running", "Dirty", "Fresh", "Caused by", "--crate-name"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    bench.expect("unknown", None, "last-build", "did not finish");

    // Nor does one that is killed.
    std::fs::write(&main, source).unwrap();
    bench.ipk();
    std::fs::remove_dir_all(bench.project.path("target")).unwrap();
    use std::os::unix::process::CommandExt;
    let mut command = bench.xtask(&["ipk", "mips"]);
    let mut killed = command
        .process_group(0)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !std::fs::read_to_string(&record)
        .unwrap()
        .contains("\"result\": null")
    {
        let ended = killed.try_wait().unwrap();
        assert!(ended.is_none(), "it ended unseen: {ended:?}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let group = format!("-{}", killed.id());
    let status = Command::new("kill").args(["-KILL", "--", &group]).status();
    assert!(status.unwrap().success());
    killed.wait().unwrap();
    bench.expect("unknown", None, "last-build", "did not finish");
}

#[test]
fn a_library_that_was_built_is_told_once() {
    let Some(bench) = Bench::built() else { return };
    std::fs::remove_dir_all(bench.entry("std", MIPS)).unwrap();
    bench.expect("recompiled", Some("file-missing"), "inputs", "is missing");

    bench.ipk();
    let subject = bench.expect(
        "recompiled",
        Some("first-build"),
        "last-build",
        "std was made: it was not built here before",
    );
    let mend = subject["mend"].as_str().unwrap();
    assert!(
        mend.starts_with("build again, what was made is kept: cargo xtask ipk mips_24kc"),
        "{mend}"
    );

    bench.ipk();
    bench.expect("cached", None, "last-build", "made nothing");
}

#[test]
fn two_builds_one_after_the_other_are_the_same() {
    let Some(bench) = Bench::built() else { return };
    let main = bench.project.path("src/main.rs");
    let source = std::fs::read_to_string(&main).unwrap();
    std::fs::write(&main, format!("{source}\n// edited\n")).unwrap();
    bench.ipk();
    let record: Value = serde_json::from_slice(&std::fs::read(bench.record()).unwrap()).unwrap();
    let own = &record["result"]["compiled"]["own"];
    assert_eq!(own[0]["name"], "greeter@1.2.0-rc1");
    let reason = own[0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the file `src/main.rs` has changed"),
        "{reason}"
    );
    assert_eq!(record["result"]["compiled"]["std"], json!([]));

    let (code, report) = bench.verify(&["mips", "--twice"]);
    assert_eq!(code, 0, "{report:#}");
    let text = sentences(&report["subjects"][0], "twice");
    assert!(
        text.starts_with("the second build compiled nothing\nthe package is the same"),
        "{text}"
    );

    // A build script that always runs: its crate is made again, no other.
    std::fs::write(
        bench.project.path("build.rs"),
        "fn main() { println!(\"cargo::rerun-if-changed=/nonexistent\") }\n",
    )
    .unwrap();
    let (code, report) = bench.verify(&["mips", "--twice"]);
    assert_eq!(code, 0, "{report:#}");
    let text = sentences(&report["subjects"][0], "twice");
    assert!(
        text.starts_with("the second build only made greeter@1.2.0-rc1 ("),
        "{text}"
    );

    std::fs::write(&main, "compile_error!(\"not here\");\n").unwrap();
    let (code, report) = bench.verify(&["mips", "--twice"]);
    assert_eq!(code, 3, "{report:#}");
    assert!(sentences(&report["subjects"][0], "twice").contains("a build failed"));
}
