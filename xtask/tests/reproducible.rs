//! Same inputs, same bytes: the daemon's package built twice, the second time in
//! another directory, with another HOME, CARGO_HOME and cache, by another user,
//! with another umask, locale, time zone and date, everything fetched and built
//! anew. That takes minutes, so it runs where XTASK_REQUIRE asks for it.

#[path = "support/project.rs"]
mod project;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use xtask::toolchain::cache::Cache;
use xtask::toolchain::debian::Debian;
use xtask::toolchain::provider::{Compiler, Provider, State};
use xtask::util::process;
use xtask::util::ui::Ui;

/// Somebody who is not root: `nobody` on Debian.
const OTHER_USER: &str = "65534";

fn missing() -> Option<&'static str> {
    let required = std::env::var("XTASK_REQUIRE").unwrap_or_default();
    if !required
        .split(',')
        .any(|word| word == "reproducible" || word == "all")
    {
        return Some("it takes minutes; XTASK_REQUIRE=reproducible runs it");
    }
    // Only root can read the shadow file.
    let root = std::fs::File::open("/etc/shadow").is_ok();
    ["faketime", "setpriv"]
        .iter()
        .find(|name| process::find_program(name).is_none())
        .map(|_| "faketime and setpriv are needed")
        .or((!root).then_some("only root can build as another user"))
}

/// The project's files as one commit of a fixed time.
fn snapshot(dir: &Path) {
    let root = support::root();
    let git = |args: &[&str], cwd: &Path| {
        let time = "1700000000 +0000";
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=x",
                "-c",
                "user.email=x@example.org",
                "-c",
                "safe.directory=*",
            ])
            .args(args)
            .current_dir(cwd)
            .env("GIT_COMMITTER_DATE", time)
            .env("GIT_AUTHOR_DATE", time)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    let list = git(
        &[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        &root,
    );
    for name in list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let name = std::str::from_utf8(name).unwrap();
        // Deleted, and not yet committed.
        if !root.join(name).exists() {
            continue;
        }
        std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        std::fs::copy(root.join(name), dir.join(name)).unwrap();
    }
    git(&["init", "-q"], dir);
    git(&["add", "-A"], dir);
    git(&["commit", "-q", "-m", "snapshot"], dir);
}

/// A cargo that everybody may run: the unpacked one with its libraries.
fn public_cargo(compiler: &Compiler, dir: &Path) {
    std::fs::create_dir_all(dir.join("lib")).unwrap();
    support::copy_program(&compiler.cargo, &dir.join("cargo.bin"));
    for file in std::fs::read_dir(compiler.shared_libraries.as_ref().unwrap()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name();
        if !name.to_string_lossy().contains("rustc") && !name.to_string_lossy().contains("LLVM") {
            std::fs::copy(file.path(), dir.join("lib").join(name)).unwrap();
        }
    }
    let script = "#!/bin/sh\nLD_LIBRARY_PATH=${0%/*}/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec \"${0%/*}/cargo.bin\" \"$@\"\n";
    support::program(&dir.join("cargo"), script);
}

#[test]
fn two_builds_of_the_daemon_are_the_same_bytes() {
    if !support::group("reproducible", missing()) || !project::toolchain() {
        return;
    }
    let cache = Cache::open().unwrap();
    let State::Ready(compiler) = Debian::new(&cache, "1.96.0".parse().unwrap(), &Ui::default())
        .state()
        .unwrap()
    else {
        panic!("the debian toolchain was just set up");
    };
    let first = tempfile::tempdir().unwrap();
    snapshot(first.path());
    let mut ipk = support::xtask();
    ipk.args([
        "ipk",
        "aarch64",
        "--json",
        "--toolchain",
        "debian",
        "--manifest-path",
    ]);
    ipk.arg(first.path().join("Cargo.toml"))
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8");
    let report = support::json(&support::run(&mut ipk));
    let ours = std::fs::read(report["packages"][0]["path"].as_str().unwrap()).unwrap();

    let second = tempfile::Builder::new()
        .prefix("another place ")
        .tempdir()
        .unwrap();
    let place = second.path();
    let tree = place.join("deeper/than/the/first");
    std::fs::create_dir_all(&tree).unwrap();
    std::fs::create_dir_all(place.join("home/.cargo")).unwrap();
    snapshot(&tree);
    public_cargo(&compiler, &place.join("bin"));
    support::copy_program(
        Path::new(env!("CARGO_BIN_EXE_xtask")),
        &place.join("bin/xtask"),
    );
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o755)).unwrap();
    let owner = format!("{OTHER_USER}:{OTHER_USER}");
    assert!(
        Command::new("chown")
            .args(["-R", &owner])
            .arg(place)
            .status()
            .unwrap()
            .success()
    );
    let run = |script: &str| {
        let output = Command::new("setpriv")
            .args([
                "--reuid",
                OTHER_USER,
                "--regid",
                OTHER_USER,
                "--clear-groups",
                "sh",
                "-c",
            ])
            .arg(format!("umask 077 && cd \"$TREE\" && {script}"))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TREE", &tree)
            .env("HOME", place.join("home"))
            .env("CARGO_HOME", place.join("home/cargo elsewhere"))
            .env("XDG_CACHE_HOME", place.join("home/cache"))
            .env("CARGO", place.join("bin/cargo"))
            .env("XTASK", place.join("bin/xtask"))
            .env("CARGO_MANIFEST_DIR", tree.join("xtask"))
            .env(
                "SSL_CERT_FILE",
                std::env::var_os("SSL_CERT_FILE").unwrap_or_default(),
            )
            .env("TZ", "Pacific/Chatham")
            .env("LC_ALL", "tr_TR.UTF-8")
            .env("LANG", "tr_TR.UTF-8")
            .env("USER", "somebody")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{script}:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    };
    // Downloads need the real date: certificates have one.
    run("\"$XTASK\" setup aarch64 --toolchain debian");
    run(
        "set -- \"$XDG_CACHE_HOME\"/tollgate-xtask/debian/rust-*/usr && set -- \"$1\" \"$1\"/lib/*-linux-gnu && \
         LD_LIBRARY_PATH=\"$2\" RUSTC=\"$1/bin/rustc\" \"$CARGO\" fetch --locked -q",
    );
    let output = run(
        "FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f +400d \"$XTASK\" ipk aarch64 --json --toolchain debian",
    );
    let report = support::json(&output);
    let path = report["packages"][0]["path"].as_str().unwrap();
    assert!(path.starts_with(tree.to_str().unwrap()), "{path}");
    let theirs = std::fs::read(path).unwrap();
    if ours != theirs {
        let kept = support::root().join("target/not-reproducible");
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::write(kept.join("first.ipk"), &ours).unwrap();
        std::fs::write(kept.join("second.ipk"), &theirs).unwrap();
        panic!("the packages differ: both are in {}", kept.display());
    }
}
