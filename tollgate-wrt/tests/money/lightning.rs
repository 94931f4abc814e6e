//! Invoices. The mint's Lightning is a stand-in, in which every invoice is paid
//! at once.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::{Daemon, Response, connect, wait_until};
use crate::mint::nutshell::Mint;
use crate::proxy::{Fault, Proxy};
use crate::shop::{STEP, Shop, address, mac, usage};

fn ask(daemon: &Daemon, customer: usize, request: &str, body: &str) -> (u16, Value) {
    let mut stream = connect(daemon.address);
    let (host, length) = (daemon.address, body.len());
    let customer = address(customer);
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {host}\r\nX-Real-Ip: {customer}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let response = Response::read(&mut stream, true).unwrap();
    (
        response.status,
        serde_json::from_str(&response.body).unwrap(),
    )
}

fn order(daemon: &Daemon, customer: usize, amount: u64, mint: &str) -> (u16, Value) {
    let body = format!(r#"{{"amount":{amount},"mint_url":"{mint}"}}"#);
    ask(daemon, customer, "POST /ln-invoice", &body)
}

#[test]
fn an_invoice_that_is_paid_gives_access() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 100) else {
        return;
    };
    let shop = Shop::new(&[&mint.url()]);
    let daemon = shop.start();
    let (status, made) = order(&daemon, 0, 7, &mint.url());
    assert_eq!(status, 200, "{made}");
    assert!(
        made["invoice"].as_str().unwrap().starts_with("lnbc"),
        "{made}"
    );
    assert_eq!(
        (&made["status"], &made["state"]),
        (&1.into(), &"UNPAID".into())
    );
    assert_eq!(
        (&made["amount"], &made["access_granted"]),
        (&7.into(), &false.into())
    );
    let quote = made["quote"].as_str().unwrap();
    let get = format!("GET /ln-invoice?quote={quote}");
    // With the mint's own name for it anybody could have its ecash.
    let known = mint.quotes();
    assert!(!known.is_empty() && !known.iter().any(|own| quote.contains(own)));
    wait_until("it is credited", || {
        ask(&daemon, 0, &get, "").1["access_granted"] == true
    });
    // As browsers may write it.
    let escaped: String = quote.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped = ask(&daemon, 0, &format!("GET /ln-invoice?quote={escaped}"), "");
    assert_eq!(escaped.1["quote"], quote);
    let (_, done) = ask(&daemon, 0, &get, "");
    assert_eq!(
        (&done["state"], &done["allotment"]),
        (&"ISSUED".into(), &(7 * STEP).into())
    );
    assert_eq!(
        (&done["amount"], &done["metric"]),
        (&7.into(), &"milliseconds".into())
    );
    wait_until("the gate is open", || shop.open() == [mac(0)]);
    // It is nobody else's.
    assert_eq!(ask(&daemon, 1, &get, "").0, 404);
    assert_eq!(ask(&daemon, 0, "GET /ln-invoice?quote=x", "").0, 404);
    assert_eq!(ask(&daemon, 0, "GET /ln-invoice", "").0, 400);
    for (amount, url) in [
        (0, mint.url()),
        (7, "https://mint.example".into()),
        (7, "x".into()),
    ] {
        let (status, answer) = order(&daemon, 0, amount, &url);
        assert_eq!((status, &answer["status"]), (400, &0.into()), "{answer}");
    }
    assert_eq!(ask(&daemon, 0, "POST /ln-invoice", "{}").0, 400);
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (7, 0));
    assert_eq!(mint.outstanding(), 7);
}

/// Longer than the daemon waits.
fn slow(path: &str, body: String) -> (u16, String) {
    if path == "/v1/keysets" {
        thread::sleep(Duration::from_secs(15));
    }
    (200, body)
}

#[test]
fn a_slow_mint_keeps_nobody_waiting_for_an_invoice() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    proxy.garble(Some(slow));
    let shop = Shop::new(&[&proxy.url()]);
    let daemon = shop.start();
    let (status, answer) = order(&daemon, 0, 7, &proxy.url());
    assert_eq!((status, &answer["status"]), (400, &0.into()), "{answer}");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("does not answer in time"), "{error}");
    assert!(daemon.stop().success());
    assert_eq!(shop.books().pending, 0);
}

#[test]
fn a_crash_between_payment_and_credit_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    for customer in 0..2 {
        let shop = Shop::new(&[&proxy.url()]);
        let mut victim = shop.start();
        let pid = Pid::from_raw(i32::try_from(victim.pid()).unwrap()).unwrap();
        let kill = Box::new(move || kill_process(pid, Signal::KILL).unwrap());
        // Before the mint has issued the ecash, and after.
        proxy.next([if customer == 0 {
            Fault::Before(kill)
        } else {
            Fault::After(kill)
        }]);
        let body = format!(r#"{{"amount":4,"mint":"{}"}}"#, proxy.url());
        let (status, made) = ask(&victim, customer, "POST /ln-invoice", &body);
        assert_eq!(status, 200, "{made}");
        assert!(!victim.wait().success());
        assert_eq!(shop.books().pending, 1);
        let daemon = shop.start();
        let credited = format!("/{}", 4 * STEP);
        wait_until("it is credited", || {
            usage(&daemon, customer).ends_with(&credited)
        });
        assert!(daemon.stop().success());
        assert_eq!(shop.books().balance(), 4);
    }
    assert_eq!(mint.outstanding(), 8);
}
