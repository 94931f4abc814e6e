//! A clock that is set while somebody is online: routers start at some old
//! time, and learn the right one when the network is up.

use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use cashu::secret::Secret;
use cashu::{Proof, SecretKey};

use crate::common::{Daemon, Root, verified_event, wait_until};
use crate::groups;
use crate::mint::nutshell::{Mint, free_port};
use crate::mint::wallet;
use crate::shop::{STEP, Shop, balance, mac, pay, usage};

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

/// A daemon that lives at the time that the file says.
fn start_at(root: &Root, library: &Path, time: &Path) -> Daemon {
    let mut command = root.command(&["run", "--listen", "127.0.0.1:0"]);
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", time)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Daemon::start(command)
}

#[test]
fn a_clock_that_is_not_set_yet_is_said_and_the_mints_are_asked_when_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let Some(library) = library() else {
        groups::group("mint", Some("no faketime"));
        return;
    };
    let time = dir.path().join("time");
    fs::write(&time, "-3650d").unwrap();
    // Nobody listens there yet.
    let host = IpAddr::from(Ipv4Addr::LOCALHOST);
    let address = SocketAddr::from((host, free_port(host)));
    let shop = Shop::new(&[&format!("https://{address}")]);
    let daemon = start_at(&shop.root, &library, &time);
    daemon.log().wait_for("clock is not set");
    let status = || -> serde_json::Value {
        let (code, output, _) = shop.root.output(&["status", "--json"]);
        assert_eq!(code, 0);
        serde_json::from_str::<serde_json::Value>(&output).unwrap()["data"].take()
    };
    let before = status();
    assert_eq!(before["clock"]["ok"], false);
    let warnings = before["warnings"].to_string();
    assert!(warnings.contains("the clock is not set"), "{warnings}");
    let text = shop.root.output(&["status"]).1;
    assert!(text.contains("(not set)"), "{text}");
    // Everybody is told in place of the offer, without waiting for the mint.
    wait_until("the notice is shown", || {
        let event = verified_event(&daemon.get("/").body);
        let content = event["content"].as_str().unwrap();
        event["kind"] == 21023 && content.contains("clock is not set yet")
    });
    // A customer is told, too, and keeps the token.
    let proof = Proof::new(
        1.into(),
        "009a1f293253e41e".parse().unwrap(),
        Secret::generate(),
        SecretKey::generate().public_key(),
    );
    let answer = pay(
        &daemon,
        0,
        &wallet::token(&format!("https://{address}"), &[proof]),
    );
    let content = answer.event["content"].as_str().unwrap();
    assert!(content.contains("clock is not set yet"), "{content}");
    assert!(content.contains("not spent"), "{content}");

    // Somebody listens now; nobody has to wait for the next look.
    let listener = TcpListener::bind(address).unwrap();
    let fresh = dir.path().join("fresh");
    fs::write(&fresh, "+0").unwrap();
    fs::rename(&fresh, &time).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(first, [0x16], "a TLS handshake");
    daemon.log().wait_for("the clock was set");
    assert_eq!(status()["clock"]["ok"], true);
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
    let start = || start_at(&shop.root, &library, &time);
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
