//! The `rustup` provider with the real rustup, against a server on loopback.

#[path = "support/dist_server.rs"]
mod dist_server;
#[path = "support/project.rs"]
mod project;
mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use dist_server::DistServer;
use project::Project;
use xtask::toolchain::cache::Cache;
use xtask::toolchain::debian::Debian;
use xtask::toolchain::provider::{Provider, State};
use xtask::util::process;
use xtask::util::ui::Ui;

fn available() -> bool {
    let missing = process::find_program("rustup")
        .is_none()
        .then_some("rustup is not on PATH");
    project::toolchain() && support::group("rustup", missing)
}

/// rustup with a home of its own, which knows no server but `url`.
fn with_rustup(mut command: Command, home: &std::path::Path, url: &str) -> Command {
    command
        .env("RUSTUP_HOME", home.join("rustup"))
        .env("CARGO_HOME", home.join("cargo"))
        .env("RUSTUP_DIST_SERVER", url)
        .env("RUSTUP_UPDATE_ROOT", url)
        .env("RUSTUP_INIT_SKIP_PATH_CHECK", "yes")
        .env_remove("RUSTUP_TOOLCHAIN");
    command
}

#[test]
fn the_pinned_toolchain_is_installed_and_builds() {
    if !available() {
        return;
    }
    let cache = Cache::open().unwrap();
    let State::Ready(compiler) = Debian::new(&cache, "1.96.0".parse().unwrap(), &Ui::default())
        .state()
        .unwrap()
    else {
        panic!("the debian toolchain was just set up");
    };
    let server = DistServer::start(&compiler);
    let home = tempfile::tempdir().unwrap();
    let own_cache = project::copied_cache();
    let project = Project::new();
    let ipk = || {
        let mut command = support::xtask();
        command.args([
            "ipk",
            "mips",
            "--json",
            "--toolchain",
            "rustup",
            "--manifest-path",
        ]);
        command
            .arg(project.path("Cargo.toml"))
            .env("XTASK_CACHE_DIR", own_cache.path());
        // The cargo that reads the workspace must not be rustup's: it has none.
        command.env("CARGO", &compiler.cargo);
        command.env(
            "LD_LIBRARY_PATH",
            compiler.shared_libraries.as_ref().unwrap(),
        );
        with_rustup(command, home.path(), &server.url)
    };
    let output = support::run(&mut ipk());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("Installed Rust 1.96.0 with rustup"), "{text}");
    assert!(text.contains("Toolchain Rust 1.96.0 from rustup"), "{text}");
    // Another provider is another fingerprint, even where the version is one.
    assert!(
        text.contains("provider changed from debian to rustup"),
        "{text}"
    );
    assert!(
        home.path()
            .join("rustup/toolchains")
            .read_dir()
            .unwrap()
            .count()
            == 1
    );

    let again = support::run(&mut ipk());
    let text = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !text.contains("Installed") && !text.contains("Built"),
        "nothing is done twice: {text}"
    );
    assert_eq!(
        support::json(&again)["packages"][0]["sha256"],
        support::json(&output)["packages"][0]["sha256"]
    );
}

#[test]
fn without_a_network_the_error_comes_soon_and_names_a_way_out() {
    if !available() {
        return;
    }
    // A port that nobody listens on.
    let port = xtask::util::port::free().unwrap().port();
    let home = tempfile::tempdir().unwrap();
    let mut command = support::xtask();
    command.args(["setup", "mips", "--toolchain", "rustup"]);
    let started = Instant::now();
    let output = with_rustup(command, home.path(), &format!("http://127.0.0.1:{port}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "after {:?}: {text}",
        started.elapsed()
    );
    assert!(text.contains("install Rust 1.96.0 with rustup; without a network to its server try --toolchain debian"), "{text}");
    assert!(text.contains("because: rustup failed"), "{text}");
}
