//! Lightning payments out of the wallet. The mint's Lightning is a stand-in,
//! which pays every invoice for a fee of one sat, or does what it is told to.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Daemon, wait_until};
use crate::mint::nutshell::Mint;
use crate::mint::wallet;
use crate::proxy::{Fault, Proxy};
use crate::shop::{Shop, pay};

/// An invoice of another mint, which is paid from outside.
pub fn invoice(payee: SocketAddr, amount: u64) -> String {
    let wanted = json!({"amount": amount, "unit": "sat"});
    let quote = wallet::ask(payee, "/v1/mint/quote/bolt11", Some(&wanted));
    quote["request"].as_str().unwrap().to_owned()
}

/// A command of the owner, and what it says.
pub fn command(shop: &Shop, words: &[&str]) -> (bool, String) {
    let (code, output, error) = shop.root.output(words);
    (code == 0, format!("{output}{error}"))
}

/// The balance that is shown.
pub fn balance(shop: &Shop) -> u64 {
    let (_, text) = command(shop, &["wallet", "balance", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    let amounts = answer["data"]["balances"].as_array().unwrap().iter();
    amounts
        .map(|balance| balance["amount"].as_u64().unwrap())
        .sum()
}

/// Two mints: the wallet's, and one whose invoices are paid.
pub fn mints(directory: &Path, fee: u64) -> Option<(Mint, Mint)> {
    let mint = Mint::start(&directory.join("mint"), fee)?;
    Some((mint, Mint::start(&directory.join("payee"), 0)?))
}

/// A wallet with 64 sat, less the fee.
pub fn shop_with_64(mint: SocketAddr, url: &str) -> (Shop, Daemon) {
    let shop = Shop::new(&[url]);
    let daemon = shop.start();
    let token = wallet::token(url, &wallet::mint(mint, 1, 64));
    assert_eq!(pay(&daemon, 0, &token).status, 200);
    (shop, daemon)
}

/// The wallet holds what the mint has issued, less what the mint has paid, and
/// both have written the same payments down.
pub fn audit(mint: &Mint, shop: &Shop) {
    let books = shop.books();
    assert_eq!(books.pending, 0);
    assert_eq!(mint.outstanding(), books.balance());
    let mut paid: Vec<u64> = books.paid.iter().map(|(_, amount, _)| *amount).collect();
    let mut theirs: Vec<u64> = mint.paid().iter().map(|(_, amount, _)| *amount).collect();
    paid.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(paid, theirs);
}

#[test]
fn an_invoice_is_paid_and_the_change_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mint, payee)) = mints(dir.path(), 100) else {
        return;
    };
    let (shop, daemon) = shop_with_64(mint.address, &mint.url());
    assert_eq!(balance(&shop), 63);
    let request = invoice(payee.address, 21);
    let run = |words: &[&str]| command(&shop, words);
    let dry = run(&["wallet", "payout", "--to", &request, "--dry-run"]);
    assert!(
        dry.0 && dry.1.starts_with("would pay 21 sat to lnbc210n1"),
        "{}",
        dry.1
    );
    assert_eq!((balance(&shop), mint.paid().len()), (63, 0));
    assert_eq!(run(&["wallet", "payouts"]).1, "nothing was paid out yet\n");

    // 16 + 4 + 1 + 2 for the reserve, of which 1 is needed, and 1 for the pieces.
    let (is_done, text) = run(&["wallet", "payout", "--to", &request]);
    assert!(
        is_done && text.starts_with("paid 21 sat to lnbc210n1"),
        "{text}"
    );
    assert!(text.contains(", fees 2 sat, "), "{text}");
    assert_eq!(balance(&shop), 63 - 23);
    assert_eq!(mint.paid(), [(request.clone(), 21, 1)]);
    let (_, list) = run(&["wallet", "payouts"]);
    assert!(
        list.contains(" 21 sat to lnbc210n1") && list.contains("fees 2"),
        "{list}"
    );
    let (_, list) = run(&["wallet", "payouts", "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let only = &list["data"][0];
    assert_eq!(
        (&only["amount"], &only["fee"], &only["state"]),
        (&json!(21), &json!(2), &json!("paid"))
    );

    // What the mint does not pay comes back.
    let (is_done, text) = run(&["wallet", "payout", "--to", &request]);
    assert!(!is_done, "{text}");
    wait_until("it comes back", || balance(&shop) == 40);
    for (words, why) in [
        (["--to", "nobody", "1"].as_slice(), "no Lightning address"),
        (&["--to", "owner@pay.example"], "AMOUNT is missing"),
        (
            &["--to", &invoice(payee.address, 50)],
            "holds so much of no mint",
        ),
        (&["--to", &invoice(payee.address, 39)], "does not hold"),
        (&["--to", &invoice(payee.address, 9), "10"], "is for 9 sat"),
        (&["10"], "for `--to` only"),
        (
            &["--mint", "https://mint.example"],
            "none of accepted_mints",
        ),
        (&["--mint", "x"], "https://"),
    ] {
        let mut all = vec!["wallet", "payout"];
        all.extend(words);
        let (is_done, text) = run(&all);
        assert!(!is_done && text.contains(why), "{words:?}: {text}");
    }
    // Nobody is to be paid regularly.
    let (is_done, text) = run(&["wallet", "payout"]);
    assert!(
        is_done && text.contains("nothing is due: the balance is 40"),
        "{text}"
    );
    // An invoice of the same mint costs no Lightning.
    let own = invoice(mint.address, 5);
    let (is_done, text) = run(&["wallet", "payout", "--to", &own, "5"]);
    assert!(is_done || text.contains("already paid"), "{text}");
    assert!(daemon.stop().success());
    audit(&mint, &shop);
}

#[test]
fn a_payment_whose_answer_is_lost_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mint, payee)) = mints(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let (shop, daemon) = shop_with_64(mint.address, &proxy.url());
    let broken = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    let garbage = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"state\":\"PAID?\"}";
    // Paid, but nobody said so; not paid, and asked for again.
    for (faults, amount) in [
        (vec![Fault::Drop], 10),
        (vec![Fault::Answer(broken)], 9),
        (
            vec![Fault::Answer(&garbage[..garbage.len() - 1]), Fault::Drop],
            8,
        ),
    ] {
        let before = balance(&shop);
        proxy.next(faults);
        let request = invoice(payee.address, amount);
        let (is_done, text) = command(&shop, &["wallet", "payout", "--to", &request]);
        assert!(is_done && text.starts_with("paid"), "{text}");
        assert_eq!(balance(&shop), before - amount - 1);
    }
    assert_eq!(mint.paid().len(), 3);
    assert!(daemon.stop().success());
    audit(&mint, &shop);
}

#[test]
fn a_payment_that_fails_comes_back_and_one_that_is_pending_waits() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mut mint, payee)) = mints(dir.path(), 0) else {
        return;
    };
    let (shop, mut daemon) = shop_with_64(mint.address, &mint.url());
    let state = |pay: &'static str, check: &'static str| {
        [
            ("FAKEWALLET_PAY_INVOICE_STATE", pay),
            ("FAKEWALLET_PAYMENT_STATE", check),
        ]
    };
    mint.restart_with(&state("FAILED", "FAILED"));
    let (is_done, text) = command(
        &shop,
        &["wallet", "payout", "--to", &invoice(payee.address, 20)],
    );
    assert!(!is_done && text.contains("code 20004"), "{text}");
    assert_eq!(balance(&shop), 64);

    // Under way; nobody knows for how long.
    mint.restart_with(&state("PENDING", "PENDING"));
    let request = invoice(payee.address, 20);
    let (is_done, text) = command(&shop, &["wallet", "payout", "--to", &request]);
    assert!(
        is_done && text.starts_with("pending: 20 sat to lnbc200n1"),
        "{text}"
    );
    assert!(balance(&shop) <= 42);
    let (_, list) = command(&shop, &["wallet", "payouts"]);
    assert!(list.starts_with("pending: 20 sat"), "{list}");
    for stop_first in [true, false] {
        // An orderly stop, and a crash.
        match stop_first {
            true => assert!(daemon.stop().success()),
            false => drop(daemon),
        }
        assert_eq!(shop.books().pending, 1);
        daemon = shop.start();
    }
    assert!(mint.paid().is_empty());
    mint.restart_with(&state("SETTLED", "SETTLED"));
    wait_until("it is settled", || {
        command(&shop, &["wallet", "payouts"])
            .1
            .contains(" 20 sat to lnbc200n1")
            && !command(&shop, &["wallet", "payouts"]).1.contains("pending")
    });
    assert_eq!(mint.paid().len(), 1);

    // Under way, then failed: it is tried again while the invoice can be paid.
    mint.restart_with(&state("PENDING", "PENDING"));
    let request = invoice(payee.address, 7);
    assert!(
        command(&shop, &["wallet", "payout", "--to", &request])
            .1
            .starts_with("pending")
    );
    mint.restart_with(&state("SETTLED", "FAILED"));
    wait_until("it is paid", || mint.paid().len() == 2);
    wait_until("that is known", || {
        !command(&shop, &["wallet", "payouts"]).1.contains("pending")
    });
    assert!(daemon.stop().success());
    audit(&mint, &shop);
}
