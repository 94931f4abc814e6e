//! What the owner does with the money.

use rustix::process::{Pid, Signal, kill_process};

use crate::common::wait_until;
use crate::mint::nutshell::Mint;
use crate::mint::wallet::{self, Nutshell};
use crate::proxy::{Fault, Proxy};
use crate::shop::{STEP, Shop, mac, pay};

#[test]
fn the_owner_takes_the_money_out_and_puts_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let wallet = Nutshell::new(&mint, dir.path(), 64);
    let shop = Shop::new(&[&mint.url()]);
    let command = |words: &[&str]| {
        let (code, output, error) = shop.root.output(words);
        (code == 0, format!("{output}{error}"))
    };
    assert!(
        command(&["wallet", "balance"])
            .1
            .contains("the daemon is not running")
    );
    let daemon = shop.start();
    assert_eq!(command(&["wallet", "balance"]).1, "the wallet is empty\n");
    assert_eq!(command(&["sessions"]).1, "no sessions\n");
    assert_eq!(pay(&daemon, 0, &wallet.send(21, &[])).steps(), 21);
    assert_eq!(pay(&daemon, 1, &wallet.send(3, &[])).steps(), 3);
    let balance = format!("24 sat {}\n", mint.url());
    assert_eq!(command(&["wallet", "balance"]), (true, balance));
    let sessions = command(&["sessions"]).1;
    assert!(
        sessions.contains(&mac(0)) && sessions.contains(&format!("/{}", 3 * STEP)),
        "{sessions}"
    );

    let (_, token) = command(&["wallet", "drain"]);
    assert_eq!(command(&["wallet", "balance"]).1, "the wallet is empty\n");
    // Shown again, for as long as nobody has it: after a crash, too.
    assert_eq!(command(&["wallet", "sent"]).1, token);
    drop(daemon);
    let daemon = shop.start();
    assert_eq!(command(&["wallet", "sent"]).1, token);
    // Another wallet takes it, and pays with a part of it.
    wallet.run(&["receive", token.trim()]);
    assert_eq!(
        command(&["wallet", "sent"]).1,
        "all tokens that were taken out are spent\n"
    );
    assert!(command(&["wallet", "sent", "--json"]).0);
    let (is_done, error) = command(&["wallet", "receive", token.trim()]);
    assert!(!is_done && error.contains("already spent"), "{error}");
    let back = wallet.send(9, &[]);
    assert_eq!(
        command(&["wallet", "receive", &back]),
        (true, "received 9\n".into())
    );
    assert!(!command(&["wallet", "receive", "nonsense"]).0);
    assert!(daemon.stop().success());
    assert_eq!(shop.books().balance(), 9);
    assert_eq!(mint.outstanding(), 64);
    assert!(!shop.root.file("var/run/tollgate.sock").exists());
}

#[test]
fn exact_amounts_leave_their_change() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 500) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 1, 64);
    assert_eq!(
        pay(&daemon, 0, &wallet::token(&proxy.url(), &proofs)).steps(),
        63
    );
    let command = |words: &[&str]| {
        let (code, output, error) = shop.root.output(words);
        (code == 0, format!("{output}{error}"))
    };
    assert!(!command(&["wallet", "send", "64"]).0);
    assert!(!command(&["wallet", "send", "0"]).0);
    assert!(!command(&["wallet", "send", "x"]).0);
    let (is_done, token) = command(&["wallet", "send", "21"]);
    assert!(is_done, "{token}");
    // 32 was swapped, for a fee of 1: 21, and 10 of change.
    let balance = |amount: u64| format!("{amount} sat {}\n", proxy.url());
    assert_eq!(command(&["wallet", "balance"]).1, balance(41));
    assert_eq!(command(&["wallet", "sent"]).1, token);
    // A lost answer, and a crash: what is sent is found, the change, too.
    proxy.next([Fault::Drop]);
    let (is_done, second) = command(&["wallet", "send", "9"]);
    assert!(is_done, "{second}");
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    let kill = Box::new(move || kill_process(pid, Signal::KILL).unwrap());
    proxy.next([Fault::After(kill)]);
    assert!(!command(&["wallet", "send", "3"]).0);
    drop(daemon);
    let daemon = shop.start();
    wait_until("the third token is there", || {
        command(&["wallet", "sent"]).1.lines().count() == 3
    });
    // What the mint refuses comes back.
    let refusal: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 27\r\n\r\n{\"code\":11005,\"detail\":\"x\"}";
    let before = command(&["wallet", "balance"]).1;
    proxy.next([Fault::Answer(refusal)]);
    assert!(!command(&["wallet", "send", "5"]).0);
    assert_eq!(command(&["wallet", "balance"]).1, before);
    // What the fee would eat is not touched.
    let small = wallet::mint(mint.address, 1, 1);
    let (is_done, error) = command(&["wallet", "receive", &wallet::token(&proxy.url(), &small)]);
    assert!(!is_done && error.contains("eat all of it"), "{error}");
    let (sent, left): (u64, u64) = (21 + 9 + 3, 1);
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!(books.pending, 0);
    assert_eq!(mint.outstanding(), books.balance() + sent + left);
}
