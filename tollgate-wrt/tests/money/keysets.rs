//! Keysets that are retired or end, and signatures without a proof.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::wait_until;
use crate::mint::nutshell::Mint;
use crate::mint::wallet;
use crate::payout::{balance, command};
use crate::proxy::{Fault, Proxy};
use crate::shop::{STEP, Shop, pay, usage};

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// What the balance has beside the amount.
fn of_balance(shop: &Shop, key: &str) -> u64 {
    let (_, text) = command(shop, &["wallet", "balance", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["data"]["balances"][0][key].as_u64().unwrap()
}

fn keyset(shop: &Shop) -> String {
    let keysets = shop.books().keysets;
    assert_eq!(keysets.len(), 1, "{keysets:?}");
    keysets.into_iter().next().unwrap()
}

#[test]
fn ecash_of_keysets_that_do_not_last_is_swapped_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    mint.restart_with_management();
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let token = wallet::token(&proxy.url(), &wallet::mint(mint.address, 3, 8));
    assert_eq!(pay(&daemon, 0, &token).steps(), 24);
    assert!(daemon.stop().success());
    let first = keyset(&shop);

    // Retired, for one that ends in ten days: it is the only one.
    mint.rotate(Some(now() + 10 * 86_400));
    // The mint swaps, and the router crashes before it knows.
    let mut victim = shop.root.command(&["run", "--listen", "127.0.0.1:0"]);
    let (send, pid) = std::sync::mpsc::channel();
    proxy.next([Fault::After(Box::new(move || {
        kill_process(pid.recv().unwrap(), Signal::KILL).unwrap();
    }))]);
    victim.stderr(std::process::Stdio::null());
    let mut victim = victim.spawn().unwrap();
    send.send(Pid::from_raw(i32::try_from(victim.id()).unwrap()).unwrap())
        .unwrap();
    assert!(!victim.wait().unwrap().success());
    assert_eq!(shop.books().pending, 1);
    let daemon = shop.start();
    wait_until("it is swapped", || balance(&shop) == 24);
    assert_eq!(of_balance(&shop, "retiring"), 24);
    let (_, text) = command(&shop, &["wallet", "balance"]);
    assert!(
        text.contains("24 sat of it are of keys that the mint retires"),
        "{text}"
    );
    assert!(daemon.stop().success());
    let second = keyset(&shop);
    assert_ne!(second, first);

    // One that lasts.
    mint.rotate(None);
    let daemon = shop.start();
    daemon.log().wait_for("the wallet's ecash was renewed");
    assert_eq!((balance(&shop), of_balance(&shop, "retiring")), (24, 0));
    assert!(daemon.stop().success());
    assert!(![first, second].contains(&keyset(&shop)));
    assert_eq!((shop.books().pending, mint.outstanding()), (0, 24));
}

#[test]
fn expired_ecash_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    mint.restart_with_management();
    let end = now() + 25;
    mint.rotate(Some(end));
    let shop = Shop::new(&[&mint.url()]);
    let daemon = shop.start();
    let keys = wallet::ask(mint.address, "/v1/keysets", None);
    let active = keys["keysets"].as_array().unwrap().iter();
    let active: Vec<_> = active.filter(|info| info["active"] == true).collect();
    assert_eq!(active.len(), 1, "{keys}");
    let token = wallet::token(&mint.url(), &wallet::mint(mint.address, 1, 8));
    assert_eq!(pay(&daemon, 0, &token).steps(), 8);
    assert_eq!((balance(&shop), of_balance(&shop, "expired")), (8, 0));
    thread::sleep(Duration::from_secs((end + 1).saturating_sub(now())));
    assert_eq!((balance(&shop), of_balance(&shop, "expired")), (0, 8));
    let (_, text) = command(&shop, &["wallet", "balance"]);
    assert!(text.contains("and 8 sat that have expired"), "{text}");
    assert!(!command(&shop, &["wallet", "send", "4"]).0);
    // This mint takes it all the same, once it has a keyset to swap into.
    mint.rotate(None);
    assert!(daemon.stop().success());
    let daemon = shop.start();
    wait_until("it is swapped", || balance(&shop) == 8);
    assert!(daemon.stop().success());
    assert_eq!(mint.outstanding(), 8);
}

#[test]
fn a_mint_that_promises_proofs_has_to_give_them() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 3, 4);
    let token = |number: usize| wallet::token(&proxy.url(), &proofs[number..=number]);
    assert_eq!(pay(&daemon, 0, &token(0)).steps(), 4);
    proxy.edit("\"dleq\":", "\"nope\":");
    let code = pay(&daemon, 0, &token(1)).code();
    assert_eq!(code, (500, "payment-processing-timeout".into()));
    assert!(usage(&daemon, 0).ends_with(&format!("/{}", 4 * STEP)));
    proxy.edit_nothing();
    wait_until("it is proved, and credited", || {
        usage(&daemon, 0).ends_with(&format!("/{}", 8 * STEP))
    });
    assert!(daemon.stop().success());
    // A mint that promises nothing is believed.
    proxy.edit("\"dleq\":", "\"nope\":");
    proxy.edit("\"12\":{\"supported\":true}", "\"12\":{\"supported\":null}");
    let daemon = shop.start();
    assert_eq!(pay(&daemon, 0, &token(2)).steps(), 12);
    assert!(daemon.stop().success());
    assert_eq!((shop.books().balance(), mint.outstanding()), (12, 12));
}
