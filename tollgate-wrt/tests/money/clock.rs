//! A clock that is set while somebody is online: routers start at some old
//! time, and learn the right one when the network is up.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::common::{Daemon, verified_event};
use crate::groups;
use crate::nutshell::Mint;
use crate::shop::{STEP, Shop, balance, mac, pay, usage};
use crate::wallet;

/// The library of `faketime`, as that program finds it.
fn library() -> Option<PathBuf> {
    let output = Command::new("faketime")
        .args(["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let path = text.trim().split(':').next_back()?;
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}

#[test]
fn a_clock_that_is_set_neither_ends_nor_extends_a_session() {
    let dir = tempfile::tempdir().unwrap();
    let Some(library) = library() else {
        groups::group("mint", Some("no faketime"));
        return;
    };
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let shop = Shop::new(&[&mint.url()]);
    let time = dir.path().join("time");
    let set = |offset: &str| {
        let fresh = dir.path().join("fresh");
        fs::write(&fresh, offset).unwrap();
        fs::rename(&fresh, &time).unwrap();
    };
    let start = || {
        let mut command = shop.root.command(&["run", "--listen", "127.0.0.1:0"]);
        command
            .env("LD_PRELOAD", &library)
            .env("FAKETIME_TIMESTAMP_FILE", &time)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Daemon::start(command)
    };
    // Two years behind, as after a power cut.
    set("-730d");
    let daemon = start();
    let signed = |daemon: &Daemon| {
        let event = verified_event(&daemon.get("/").body);
        event["created_at"].as_u64().unwrap()
    };
    let before = signed(&daemon);
    let proofs = wallet::mint(mint.address, 2, 1);
    let token = |number: usize| wallet::token(&mint.url(), &proofs[number..=number]);
    assert_eq!(pay(&daemon, 0, &token(0)).steps(), 1);
    let check = |daemon: &Daemon, steps: u64| {
        let text = usage(daemon, 0);
        let (used, allotment) = text.split_once('/').unwrap();
        assert_eq!(allotment, (steps * STEP).to_string());
        assert!(used.parse::<u64>().unwrap() < 120_000, "{text}");
        assert_eq!(balance(daemon, 0)["session_active"], true);
        assert_eq!(shop.open(), [mac(0)]);
    };
    for offset in ["+0", "+3650d", "-3650d"] {
        set(offset);
        // Long enough for the sessions to be looked after.
        thread::sleep(Duration::from_millis(4_500));
        check(&daemon, 1);
        assert!(signed(&daemon).abs_diff(before) > 86_400);
    }
    // A top-up, and a restart, at yet another time.
    set("+10d");
    assert_eq!(pay(&daemon, 0, &token(1)).steps(), 2);
    assert!(daemon.stop().success());
    set("-10d");
    let daemon = start();
    thread::sleep(Duration::from_secs(3));
    check(&daemon, 2);
    assert_eq!(pay(&daemon, 0, &token(0)).steps(), 1);
}
