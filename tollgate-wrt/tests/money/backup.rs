//! Backups of the wallet, restored when they are old.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{Daemon, wait_until};
use crate::mint::nutshell::Mint;
use crate::mint::wallet::{self, Nutshell};
use crate::proxy::{Fault, Proxy};
use crate::shop::{Shop, mac, pay, try_pay};

/// Exit code, and all that was printed.
fn command(shop: &Shop, words: &[&str]) -> (i32, String) {
    let (code, output, error) = shop.root.output(words);
    (code, format!("{output}{error}"))
}

/// What the wallet holds, once the mint was asked about all of it.
fn balance(shop: &Shop) -> u64 {
    let mut amount = 0;
    wait_until("the mint was asked", || {
        let (code, output, _) = shop.root.output(&["wallet", "balance", "--json"]);
        if code != 0 {
            return false;
        }
        let answer: serde_json::Value = serde_json::from_str(&output).unwrap();
        let data = &answer["data"];
        let balances = data["balances"].as_array().unwrap().iter();
        amount = balances.map(|one| one["amount"].as_u64().unwrap()).sum();
        data["unchecked"].as_array().unwrap().is_empty() && data["pending"] == 0
    });
    amount
}

fn pubkey(daemon: &Daemon) -> String {
    let event: serde_json::Value = serde_json::from_str(&daemon.get("/").body).unwrap();
    event["pubkey"].as_str().unwrap().to_owned()
}

#[test]
fn an_old_backup_brings_back_what_is_unspent_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let nutshell = Nutshell::new(&mint, dir.path(), 64);
    let shop = Shop::new(&[&mint.url()]);
    let file = dir.path().join("backup");
    let file = file.to_str().unwrap();

    let daemon = shop.start();
    assert_eq!(pay(&daemon, 0, &nutshell.send(21, &[])).steps(), 21);
    let key = pubkey(&daemon);
    // While it runs; nobody else can read it.
    let (code, text) = command(&shop, &["backup", file]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("21 sat") && text.contains("1 session\n"),
        "{text}"
    );
    let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let (code, text) = command(&shop, &["backup", "-"]);
    assert!(code == 0 && text.starts_with("tollgate-wrt backup 1\n"));

    // Spent since: 16 of the 21, of which 11 came back as change; earned: 3.
    let (code, token) = command(&shop, &["wallet", "send", "5"]);
    assert_eq!(code, 0, "{token}");
    nutshell.run(&["receive", token.trim()]);
    assert_eq!(pay(&daemon, 1, &nutshell.send(3, &[])).steps(), 3);
    assert_eq!(balance(&shop), 21 - 5 + 3);

    // A backup goes over nothing that runs, and over nothing that is worth something.
    let (code, text) = command(&shop, &["restore", file]);
    assert!(
        code == 1 && text.contains("the daemon is running"),
        "{text}"
    );
    assert!(daemon.stop().success());
    let (code, text) = command(&shop, &["restore", file]);
    assert!(code == 1 && text.contains("--merge"), "{text}");
    // While it does not run, too.
    let later = dir.path().join("later");
    let later = later.to_str().unwrap();
    let (code, text) = command(&shop, &["backup", later]);
    assert!(code == 0 && text.contains("19 sat"), "{text}");
    let other = dir.path().join("letter");
    fs::write(&other, "Dear").unwrap();
    let (code, text) = command(&shop, &["backup", other.to_str().unwrap()]);
    assert!(code == 1 && text.contains("is no backup"), "{text}");
    assert_eq!(fs::read_to_string(other).unwrap(), "Dear");

    // Merged, twice: nothing is counted that is spent, and nothing twice.
    for _ in 0..2 {
        let (code, text) = command(&shop, &["restore", file, "--merge"]);
        assert_eq!(code, 0, "{text}");
        let daemon = shop.start();
        assert_eq!(balance(&shop), 19);
        assert!(daemon.stop().success());
    }

    // Another router, whose owner has nothing else: the same key, 5 that are
    // unspent, and nobody gets a second time what was bought before.
    let other = Shop::new(&[&mint.url()]);
    let (code, text) = command(&other, &["restore", file, "--dry-run"]);
    assert!(code == 0 && text.contains("Nothing is changed"), "{text}");
    assert!(!other.root.file("etc/tollgate/identities.json").exists());
    let before = fs::read_to_string(other.root.file("etc/config/tollgate")).unwrap();
    let (code, text) = command(&other, &["restore", file]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("up to 21 sat") && text.contains("left out"),
        "{text}"
    );
    let kept = other.root.file("etc/config/tollgate.before-restore");
    assert_eq!(fs::read_to_string(kept).unwrap(), before);
    other.root.write("etc/config/tollgate", &before);
    let daemon = other.start();
    assert_eq!(pubkey(&daemon), key);
    assert_eq!(balance(&other), 5);
    assert_eq!(command(&other, &["sessions"]).1, "no sessions\n");
    // It is money.
    let (code, token) = command(&other, &["wallet", "drain"]);
    assert_eq!(code, 0);
    nutshell.run(&["receive", token.trim()]);
    assert!(daemon.stop().success());

    // In place of what is there: the later one, of which those 5 are spent now.
    let (code, text) = command(&shop, &["restore", later, "--replace", "--sessions"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 sessions"), "{text}");
    let daemon = shop.start();
    assert_eq!(balance(&shop), 14);
    wait_until("both are let through", || shop.open() == [mac(0), mac(1)]);
    assert!(daemon.stop().success());
    assert_eq!(mint.outstanding(), 64);
}

#[test]
fn a_payment_at_work_when_the_backup_was_made_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 2, 4);
    // The mint has done the swap, and the power fails.
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    proxy.next([Fault::After(Box::new(move || {
        kill_process(pid, Signal::KILL).unwrap();
    }))]);
    let token = wallet::token(&proxy.url(), &proofs[..1]);
    assert!(try_pay(&daemon, 0, &token).is_err());
    drop(daemon);
    let file = dir.path().join("backup");
    let file = file.to_str().unwrap();
    assert_eq!(command(&shop, &["backup", file]).0, 0);

    // Found again on another router, from the outputs alone.
    let other = Shop::new(&[&proxy.url()]);
    let (code, text) = command(&other, &["restore", file, "--money-only"]);
    assert!(code == 0 && text.contains("1 payment"), "{text}");
    let daemon = other.start();
    assert_eq!(balance(&other), 4);
    assert_eq!(command(&other, &["sessions"]).1, "no sessions\n");
    // Taken out there, and spent.
    let (_, token) = command(&other, &["wallet", "drain"]);
    let elsewhere = Shop::new(&[&proxy.url()]);
    let second = elsewhere.start();
    assert_eq!(
        command(&elsewhere, &["wallet", "receive", token.trim()]),
        (0, "received 4\n".to_owned())
    );
    assert!(daemon.stop().success());

    // The same backup again: the outputs are found, and worth nothing.
    let third = Shop::new(&[&proxy.url()]);
    assert_eq!(command(&third, &["restore", file]).0, 0);
    let config = fs::read_to_string(other.root.file("etc/config/tollgate")).unwrap();
    third.root.write("etc/config/tollgate", &config);
    let daemon = third.start();
    assert_eq!(balance(&third), 0);
    assert!(daemon.stop().success());
    assert!(second.stop().success());
    assert_eq!(elsewhere.books().balance(), 4);
}
