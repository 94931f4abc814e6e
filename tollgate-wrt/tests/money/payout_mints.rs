//! Payouts by mints of other kinds, and by a wallet of which there is a copy.

use std::fs;

use crate::mint::nutshell::{Mint, Version};
use crate::payout::{balance, command, invoice, mints, shop_with_64};
use crate::proxy::{Fault, Proxy};

#[test]
fn a_mint_that_gives_no_change_is_paid_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mint, payee)) = mints(dir.path(), 500) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    proxy.edit("\"8\":{\"supported\":true}", "\"8\":{\"supported\":null}");
    let (shop, daemon) = shop_with_64(mint.address, &proxy.url());
    let before = balance(&shop);
    let request = invoice(payee.address, 20);
    // To look at it costs nothing.
    let (is_done, text) = command(&shop, &["wallet", "payout", "--dry-run", "--to", &request]);
    assert!(is_done && text.contains("20 sat"), "{text}");
    assert_eq!(balance(&shop), before);
    let (is_done, text) = command(&shop, &["wallet", "payout", "--to", &request]);
    assert!(is_done && text.starts_with("paid 20 sat"), "{text}");
    // 22 with the reserve, of which nothing comes back, in 3 or 4 pieces for 2;
    // the swap before took one or two.
    let after = balance(&shop);
    assert!(
        (before - 27..=before - 24).contains(&after),
        "{before} {after}"
    );
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.pending, mint.outstanding()), (0, after));
}

#[test]
fn older_mints_pay_too() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start_version(Version::Old, &dir.path().join("mint"), 100) else {
        return;
    };
    let Some(payee) = Mint::start(&dir.path().join("payee"), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let (shop, daemon) = shop_with_64(mint.address, &proxy.url());
    for (number, fault) in [Fault::Pass, Fault::Drop].into_iter().enumerate() {
        proxy.next([fault]);
        let request = invoice(payee.address, 10 + number as u64);
        let (is_done, text) = command(&shop, &["wallet", "payout", "--to", &request]);
        assert!(is_done && text.starts_with("paid"), "{text}");
    }
    assert_eq!(balance(&shop), 63 - 10 - 11 - 2 - 2);
    assert!(daemon.stop().success());
    assert_eq!(mint.outstanding(), shop.books().balance());
}

/// A copy of the journal was put back: what it holds was spent meanwhile.
#[test]
fn what_a_copy_of_the_wallet_has_spent_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mint, payee)) = mints(dir.path(), 0) else {
        return;
    };
    let (shop, daemon) = shop_with_64(mint.address, &mint.url());
    assert!(daemon.stop().success());
    let journal = shop.root.file("etc/tollgate/money/journal");
    let copy = fs::read(&journal).unwrap();
    let daemon = shop.start();
    let pay = |amount: u64| {
        let request = invoice(payee.address, amount);
        command(&shop, &["wallet", "payout", "--to", &request])
    };
    assert!(pay(20).0);
    assert_eq!(balance(&shop), 43);
    assert!(daemon.stop().success());
    fs::write(&journal, copy).unwrap();
    let daemon = shop.start();
    assert_eq!(balance(&shop), 64);
    assert!(!pay(20).0);
    assert_eq!(balance(&shop), 0);
    assert!(daemon.stop().success());
}
