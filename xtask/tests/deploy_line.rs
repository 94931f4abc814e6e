//! `deploy` where the line to the router, or the right to log in, is the
//! trouble (support/far_side.rs).

#[path = "support/far_root.rs"]
mod far_root;
#[path = "support/far_side.rs"]
mod far_side;
mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use far_side::{FarSide, Kind, Line, OPKG, PATIENCE, package, stderr};
use rustix::process::{Pid, Signal, kill_process};

/// Bytes of ssh's own that go before the package does.
const BEGUN: u64 = 60_000;

#[test]
fn a_line_that_breaks_leaves_nothing() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let line = Line::to(&side, 300_000, u64::MAX);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let output = side
        .deploy_by(line.port, "key", &["--file", &file])
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the connection broke after "), "{said}");
    assert!(said.contains("nothing was installed"), "{said}");
    side.assert_clean();
    assert_eq!(side.calls(), "");
}

/// Sends Ctrl-C's signal once `ready` says so.
fn interrupt(child: &Child, ready: impl Fn() -> bool) {
    let started = Instant::now();
    while !ready() {
        assert!(started.elapsed() < PATIENCE, "it does not get so far");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

/// Waits until the router installs and deploy knows it; the thread ends with all
/// that deploy has said.
fn installing(side: &FarSide, child: &mut Child) -> JoinHandle<String> {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("Copied demo") {
        said += &lines.next().expect("it installs").unwrap();
        said += "\n";
    }
    let begun = Instant::now();
    while !side.root.has("double/calls") {
        assert!(begun.elapsed() < PATIENCE, "{said}");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::spawn(move || {
        lines.for_each(|line| said += &(line.unwrap() + "\n"));
        said
    })
}

fn started(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn ctrl_c_while_copying_leaves_nothing() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let line = Line::to(&side, u64::MAX, BEGUN);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let child = started(side.deploy_by(line.port, "key", &["--file", &file]));
    interrupt(&child, || {
        let mut names = side.root.names("tmp").into_iter();
        names.any(|name| {
            let file = format!("tmp/{name}/demo_1.0-r1_mips_24kc.ipk");
            name.starts_with("xtask") && side.root.has(&file)
        })
    });
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("stopped: nothing was installed"), "{said}");
    side.assert_clean();
    assert_eq!(side.calls(), "");
}

#[test]
fn ctrl_c_does_not_interrupt_an_installation() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    side.root.write("double/seconds", "4\n", 0o644);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let mut child = started(side.deploy_by(side.port, "key", &["--file", &file]));
    let said = installing(&side, &mut child);
    interrupt(&child, || true);
    let status = child.wait().unwrap();
    let said = said.join().unwrap();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(
        said.contains("the router is installing, which is not interrupted"),
        "{said}"
    );
    assert!(
        said.contains("stopped: demo 1.0-r1 is installed;"),
        "{said}"
    );
    assert_eq!(side.root.read("double/installed"), "demo 1.0-r1\n");
    side.assert_clean();
}

#[test]
fn a_line_that_breaks_while_installing_is_not_known() {
    if !far_root::have() {
        return;
    }
    let mut side = FarSide::start(&OPKG);
    side.root.write("double/seconds", "4\n", 0o644);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let mut child = started(side.deploy_by(side.port, "key", &["--file", &file]));
    let said = installing(&side, &mut child);
    side.hang_up();
    let status = child.wait().unwrap();
    let said = said.join().unwrap();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(
        said.contains("broke while the router was installing"),
        "{said}"
    );
    // It goes on there to its end, and cleans up.
    side.assert_clean();
    assert_eq!(side.root.read("double/installed"), "demo 1.0-r1\n");
}

#[test]
fn a_host_key_that_changed_is_refused() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let other = std::fs::read_to_string(side.home.path().join("stranger.pub")).unwrap();
    std::fs::remove_file(side.home.path().join("known_hosts")).unwrap();
    let output = side.deploy(&["--file", &file]);
    assert!(
        stderr(&output).contains("connect once by hand"),
        "{}",
        stderr(&output)
    );
    side.knows(side.port, &other);
    let output = side.deploy(&["--file", &file]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("a router that was flashed anew has a new key"),
        "{said}"
    );
    side.assert_clean();
}

#[test]
fn who_may_not_log_in_is_told_what_to_do() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let output = side
        .deploy_by(
            side.port,
            "stranger",
            &["--file", &file, "--ssh-option", "BatchMode=yes"],
        )
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Permission denied"), "{said}");
    assert!(said.contains("/etc/dropbear/authorized_keys"), "{said}");
    side.assert_clean();
}

#[test]
fn a_password_is_asked_for_once() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&Kind {
        password: true,
        ..OPKG
    });
    let file = package(side.home.path(), "ipk", "1.0-r1", "mips_24kc");
    let ask = side.home.path().join("ask");
    let count = side.home.path().join("asked");
    let script = format!("#!/bin/sh\necho x >>'{}'\necho secret\n", count.display());
    support::program(&ask, &script);
    let output = side
        .deploy_by(side.port, "stranger", &["--file", &file])
        .env("SSH_ASKPASS", &ask)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(count).unwrap(), "x\n");
    side.assert_clean();
}
