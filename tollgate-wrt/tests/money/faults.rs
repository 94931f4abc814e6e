//! Mints that are slow, gone, wrong, or busy at the worst moment.

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Daemon, wait_until};
use crate::crash::shim;
use crate::mint::nutshell::{Mint, Version};
use crate::mint::wallet;
use crate::proxy::{Fault, Proxy};
use crate::shop::{STEP, Shop, mac, pay, usage};

const PENDING: (u16, &str) = (500, "payment-processing-timeout");

fn of_steps(steps: u64) -> String {
    format!("/{}", steps * STEP)
}

#[test]
fn a_swap_whose_answer_is_lost_is_credited_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 5, 4);
    let mut tokens = proofs
        .chunks(1)
        .map(|part| wallet::token(&proxy.url(), part));
    let mut pay_next = |fault| {
        proxy.next(fault);
        pay(&daemon, 0, &tokens.next().unwrap()).steps()
    };
    // Done, but nobody said so: the mint is asked for what it has signed.
    assert_eq!(pay_next(vec![Fault::Drop]), 4);
    // Not done: it is asked for again.
    let broken = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(pay_next(vec![Fault::Answer(broken)]), 8);
    let garbage = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"signatures\":[]}";
    assert_eq!(pay_next(vec![Fault::Answer(garbage), Fault::Drop]), 12);
    // Too busy, for a moment.
    let busy = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n";
    assert_eq!(pay_next(vec![Fault::Answer(busy), Fault::Answer(busy)]), 16);
    // Too busy for as long as one can wait.
    proxy.next((0..4).map(|_| Fault::Answer(busy)));
    let last = tokens.next().unwrap();
    assert_eq!(
        pay(&daemon, 0, &last).code(),
        (429, "mint-rate-limited".into())
    );
    assert_eq!(pay(&daemon, 0, &last).steps(), 20);
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (20, 0));
    assert_eq!(mint.outstanding(), 20);
}

/// A mint may refuse a swap because an earlier request for the same is at work,
/// and have no number for that.
#[test]
fn a_refusal_while_the_token_is_at_work_is_not_final() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Arc::new(Proxy::start(mint.address));
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 1, 4);
    let broken = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\n{\"detail\":\"x\"}";
    let theirs = Arc::clone(&proxy);
    let at_work = Box::new(move || theirs.edit("UNSPENT", "PENDING"));
    proxy.next([Fault::Answer(broken), Fault::Refuse(at_work, refusal)]);
    let token = wallet::token(&proxy.url(), &proofs);
    let (status, code) = pay(&daemon, 0, &token).code();
    assert_eq!((status, code.as_str()), PENDING);
    proxy.edit_nothing();
    wait_until("it is credited", || {
        usage(&daemon, 0).ends_with(&of_steps(4))
    });
    assert!(daemon.stop().success());
    assert_eq!(shop.books().balance(), 4);
}

#[test]
fn an_older_mint_with_v1_keysets() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start_version(Version::Old, dir.path(), 100) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 3, 8);
    assert!(proofs[0].keyset_id.to_string().starts_with("00"));
    let token = |number: usize| wallet::token(&proxy.url(), &proofs[number..=number]);
    assert_eq!(pay(&daemon, 0, &token(0)).steps(), 7);
    proxy.next([Fault::Drop]);
    assert_eq!(pay(&daemon, 0, &token(1)).steps(), 14);
    assert_eq!(
        pay(&daemon, 1, &token(1)).code().1,
        "payment-error-token-spent"
    );
    // Spent, as this daemon's journal does not know, but the mint.
    let forgetful = Shop::new(&[&proxy.url()]);
    let other = forgetful.start();
    assert_eq!(
        pay(&other, 0, &token(0)).code().1,
        "payment-error-token-spent"
    );
    let mut forged = proofs[2].clone();
    forged.c = proofs[0].c;
    let forged = wallet::token(&proxy.url(), &[forged]);
    assert_eq!(
        pay(&daemon, 0, &forged).code().1,
        "payment-error-invalid-token"
    );
    assert_eq!(pay(&daemon, 0, &token(2)).steps(), 21);
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (21, 0));
    assert_eq!(mint.outstanding(), 21);
}

#[test]
fn a_mint_that_hangs_stalls_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let slow = Proxy::start(mint.address);
    let shop = Shop::new(&[&slow.url(), &mint.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 3, 4);
    let token = wallet::token(&slow.url(), &proofs[..1]);
    slow.next([Fault::Hang]);
    thread::scope(|scope| {
        let (daemon, token) = (&daemon, &token);
        let start = Instant::now();
        let hanging = scope.spawn(move || pay(daemon, 0, token).code());
        thread::sleep(Duration::from_millis(500));
        // The same token a second time is the same payment.
        let again = scope.spawn(move || pay(daemon, 0, token).code());
        let other = wallet::token(&mint.url(), &proofs[1..2]);
        assert_eq!(pay(daemon, 1, &other).steps(), 4);
        assert_eq!(daemon.get("/").status, 200);
        assert!(!hanging.is_finished() && !again.is_finished());
        let pending = (PENDING.0, PENDING.1.to_owned());
        assert_eq!(hanging.join().unwrap(), pending);
        assert!(start.elapsed() < Duration::from_secs(20));
        assert_eq!(again.join().unwrap(), pending);
    });
    // Another device cannot take it over.
    assert_eq!(
        pay(&daemon, 2, &token).code().1,
        "payment-error-token-spent"
    );
    // What a stopped daemon has left, its next start settles.
    assert!(daemon.stop().success());
    assert_eq!(shop.books().pending, 1);
    let daemon = shop.start();
    wait_until("the payment is credited", || {
        usage(&daemon, 0).ends_with(&of_steps(4))
    });
    assert_eq!(pay(&daemon, 0, &token).steps(), 4);
    wait_until("the gate is open", || shop.open() == [mac(0), mac(1)]);
}

#[test]
fn a_mint_that_is_killed_in_a_swap_settles_it_later() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 2, 4);
    let mint = Arc::new(Mutex::new(mint));
    for (number, proof) in proofs.iter().enumerate() {
        let theirs = Arc::clone(&mint);
        let kill = Box::new(move || theirs.lock().unwrap().kill());
        // Before it has done it, and after.
        proxy.next([if number == 0 {
            Fault::Before(kill)
        } else {
            Fault::After(kill)
        }]);
        let token = wallet::token(&proxy.url(), std::slice::from_ref(proof));
        let customer = number;
        let answer = thread::scope(|scope| {
            let paying = scope.spawn(|| pay(&daemon, customer, &token));
            wait_until("the mint is killed", || {
                let mint = mint.try_lock();
                mint.is_ok_and(|mint| std::net::TcpStream::connect(mint.address).is_err())
            });
            mint.lock().unwrap().restart();
            paying.join().unwrap()
        });
        // The answer came in time, or the credit does.
        assert!(answer.status == 200 || answer.code() == (PENDING.0, PENDING.1.into()));
        wait_until("it is credited", || {
            usage(&daemon, customer).ends_with(&of_steps(4))
        });
    }
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (8, 0));
    assert_eq!(mint.lock().unwrap().outstanding(), 8);
}

#[test]
fn a_full_disk_takes_no_money_and_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let Some(shim) = shim(dir.path()) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let shop = Shop::new(&[&proxy.url()]);
    let full = dir.path().join("full");
    let mut command = shop.root.command(&["run", "--listen", "127.0.0.1:0"]);
    command.env("LD_PRELOAD", &shim).env("DISK_FULL", &full);
    let daemon = Daemon::start(command);
    let proofs = wallet::mint(mint.address, 3, 4);
    let token = |number: usize| wallet::token(&proxy.url(), &proofs[number..=number]);

    // Before anything is at stake.
    fs::write(&full, "").unwrap();
    let refused = pay(&daemon, 0, &token(0)).code();
    assert_eq!(refused, (500, "service-unavailable".into()));
    assert!(mint.spent().is_empty());
    fs::remove_file(&full).unwrap();
    assert_eq!(pay(&daemon, 0, &token(0)).steps(), 4);
    // After the mint has taken it: credited as soon as there is room.
    let fill = full.clone();
    proxy.next([Fault::After(Box::new(move || fs::write(fill, "").unwrap()))]);
    assert_eq!(
        pay(&daemon, 0, &token(1)).code(),
        (PENDING.0, PENDING.1.into())
    );
    assert!(usage(&daemon, 0).ends_with(&of_steps(4)));
    fs::remove_file(&full).unwrap();
    wait_until("there is room", || {
        usage(&daemon, 0).ends_with(&of_steps(8))
    });
    // Or by the next start, if the power fails before.
    let fill = full.clone();
    proxy.next([Fault::After(Box::new(move || fs::write(fill, "").unwrap()))]);
    assert_eq!(
        pay(&daemon, 0, &token(2)).code(),
        (PENDING.0, PENDING.1.into())
    );
    drop(daemon);
    let daemon = shop.start();
    wait_until("it is credited", || {
        usage(&daemon, 0).ends_with(&of_steps(12))
    });
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (12, 0));
    assert_eq!(mint.outstanding(), 12);
}
