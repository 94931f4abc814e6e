//! kill -9 in the middle of payouts: at every step of the journal, while the
//! mint pays, and at any moment.

use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{Daemon, wait_until};
use crate::crash::{random, shim};
use crate::mint::nutshell::Mint;
use crate::mint::wallet;
use crate::payout::{audit, command, invoice, mints};
use crate::proxy::{Fault, Proxy};
use crate::shop::Shop;

/// Puts ecash into the wallet, as the owner.
fn receive(shop: &Shop, mint: &Mint, url: &str, count: usize, amount: u64) {
    let token = wallet::token(url, &wallet::mint(mint.address, count, amount));
    let (is_done, text) = command(shop, &["wallet", "receive", &token]);
    assert!(is_done, "{text}");
}

fn nothing_is_pending(shop: &Shop) {
    wait_until("all is settled", || {
        let (is_done, text) = command(shop, &["wallet", "balance"]);
        assert!(is_done, "{text}");
        !text.contains("not settled")
    });
}

#[test]
fn killed_at_every_step_of_a_payout() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mint, payee)) = mints(dir.path(), 100) else {
        return;
    };
    let Some(shim) = shim(dir.path()) else {
        return;
    };
    let shop = Shop::new(&[&mint.url()]);
    let daemon = shop.start();
    receive(&shop, &mint, &mint.url(), 60, 32);
    assert!(daemon.stop().success());
    let mut invoices = Vec::new();
    for how in ["before", "after", "torn"] {
        for step in 1.. {
            let request = invoice(payee.address, 10);
            let mut start = shop.root.command(&["run", "--listen", "127.0.0.1:0"]);
            start
                .env("LD_PRELOAD", &shim)
                .env("CRASH_AT", step.to_string())
                .env("CRASH_HOW", how);
            let mut victim = Daemon::spawn(start);
            if victim.wait_for_address().is_some() {
                let paid = command(&shop, &["wallet", "payout", "--to", &request]);
                if paid.0 {
                    victim.signal(Signal::TERM);
                }
            }
            let status = victim.wait();

            // The next start finds out by itself; what was never begun, the
            // owner begins again, with the same invoice.
            let daemon = shop.start();
            nothing_is_pending(&shop);
            let is_paid = |mint: &Mint| mint.paid().iter().any(|(paid, ..)| *paid == request);
            if !is_paid(&mint) {
                let (is_done, text) = command(&shop, &["wallet", "payout", "--to", &request]);
                assert!(is_done, "{how} {step}: {text}");
            }
            assert!(is_paid(&mint), "{how} {step}");
            assert!(daemon.stop().success());
            invoices.push(request);
            audit(&mint, &shop);
            if status.success() {
                // All steps were survived: it never came to this one.
                assert!(step > 4, "only {step} steps");
                break;
            }
        }
    }
    let mut paid: Vec<String> = mint.paid().into_iter().map(|(paid, ..)| paid).collect();
    paid.sort_unstable();
    invoices.sort_unstable();
    assert_eq!(paid, invoices);
}

#[test]
fn killed_while_the_mint_pays() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mint, payee)) = mints(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    receive(&shop, &mint, &proxy.url(), 2, 64);
    drop(daemon);
    for is_before in [true, false] {
        let mut victim = shop.start();
        let pid = Pid::from_raw(i32::try_from(victim.pid()).unwrap()).unwrap();
        let kill = Box::new(move || kill_process(pid, Signal::KILL).unwrap());
        proxy.next([match is_before {
            true => Fault::Before(kill),
            false => Fault::After(kill),
        }]);
        let request = invoice(payee.address, 20);
        assert!(!command(&shop, &["wallet", "payout", "--to", &request]).0);
        assert!(!victim.wait().success());
        assert_eq!(shop.books().pending, 1);
        let daemon = shop.start();
        // Nobody has to ask for it.
        nothing_is_pending(&shop);
        assert!(daemon.stop().success());
        audit(&mint, &shop);
    }
    assert_eq!(mint.paid().len(), 2);
}

/// TOLLGATE_SEED repeats a run, TOLLGATE_CRASHES has more.
#[test]
fn killed_at_any_moment_of_payouts() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mint, payee)) = mints(dir.path(), 100) else {
        return;
    };
    let (crashes, mut random) = random();
    // A payout takes longer than a payment.
    let crashes = crashes / 5;
    let shop = Shop::new(&[&mint.url()]);
    for _ in 0..crashes {
        let daemon = shop.start();
        receive(&shop, &mint, &mint.url(), 2, 32);
        thread::scope(|scope| {
            for amount in [5, 7] {
                let request = invoice(payee.address, amount);
                let shop = &shop;
                // While another payout is at work, the wallet may have changed.
                scope.spawn(move || command(shop, &["wallet", "payout", "--to", &request]));
            }
            thread::sleep(Duration::from_millis(random(500)));
            daemon.signal(Signal::KILL);
        });
    }
    let daemon = shop.start();
    nothing_is_pending(&shop);
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!(books.pending, 0);
    assert_eq!(mint.outstanding(), books.balance());
    let sum = |amounts: Vec<u64>| amounts.into_iter().sum::<u64>();
    let theirs = sum(mint.paid().iter().map(|(_, amount, _)| *amount).collect());
    assert!(theirs > 0, "nothing was paid");
    if books.paid.len() < 100 {
        assert_eq!(
            sum(books.paid.iter().map(|(_, amount, _)| *amount).collect()),
            theirs
        );
    }
}
