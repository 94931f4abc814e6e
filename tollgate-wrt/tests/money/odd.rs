//! Mints that talk nonsense or are slow, and customers who do what nobody
//! thought of.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Daemon, verified_event};
use crate::mint::nutshell::Mint;
use crate::mint::wallet;
use crate::proxy::{Fault, Garble, Proxy};
use crate::shop::{STEP, Shop, address, mac, pay, usage};

/// Keys, each for another amount.
fn shifted(path: &str, body: String) -> (u16, String) {
    if !path.starts_with("/v1/keys/") {
        return (200, body);
    }
    let mut answer: Value = serde_json::from_str(&body).unwrap();
    let keys = answer["keysets"][0]["keys"].as_object_mut().unwrap();
    let (one, two) = (keys["1"].clone(), keys["2"].clone());
    keys.insert("1".into(), two);
    keys.insert("2".into(), one);
    (200, answer.to_string())
}

fn expired(path: &str, body: String) -> (u16, String) {
    if path != "/v1/keysets" {
        return (200, body);
    }
    let mut answer: Value = serde_json::from_str(&body).unwrap();
    for keyset in answer["keysets"].as_array_mut().unwrap() {
        keyset["final_expiry"] = json!(1_700_000_000);
    }
    (200, answer.to_string())
}

fn kind(daemon: &Daemon) -> u64 {
    let event = verified_event(&daemon.get("/").body);
    event["kind"].as_u64().unwrap()
}

#[test]
fn a_mint_that_answers_garbage_costs_nobody_anything() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let failed = (500, "payment-processing-failed");
    let garbage: [(&str, Garble, (u16, &str)); 7] = [
        ("a page", |_, _| (200, "<html>".into()), failed),
        ("nothing", |_, _| (200, String::new()), failed),
        ("no keysets", |_, _| (200, "{}".into()), failed),
        ("an error", |_, _| (502, "<html>".into()), failed),
        ("without end", |_, _| (200, "[".repeat(3 << 20)), failed),
        ("other keys", shifted, failed),
        (
            "busy",
            |_, _| (429, String::new()),
            (429, "mint-rate-limited"),
        ),
    ];
    for (what, garble, (status, code)) in garbage {
        let proofs = wallet::mint(mint.address, 3, 4);
        let token = wallet::token(&proxy.url(), &proofs[..1]);
        let other = wallet::token(&mint.url(), &proofs[1..2]);
        let shop = Shop::new(&[&proxy.url(), &mint.url()]);
        proxy.garble(Some(garble));
        let daemon = shop.start();
        // Nobody waits for the other mint because of it.
        assert_eq!(pay(&daemon, 1, &other).steps(), 4, "{what}");
        let answer = pay(&daemon, 0, &token);
        assert_eq!(answer.code(), (status, code.to_owned()), "{what}");
        assert_eq!(kind(&daemon), 10021, "{what}");
        assert!(!mint.spent().contains(&proofs[0].secret.to_string()));
        // As soon as it makes sense again, the same token pays.
        proxy.garble(None);
        assert_eq!(pay(&daemon, 0, &token).steps(), 4, "{what}");
        assert!(daemon.stop().success());
        let books = shop.books();
        assert_eq!((books.balance(), books.pending), (8, 0), "{what}");
    }
}

#[test]
fn expired_slow_and_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let proxy = Proxy::start(mint.address);
    let proofs = wallet::mint(mint.address, 8, 4);
    let token = |number: usize| wallet::token(&proxy.url(), &proofs[number..=number]);

    // What the mint takes no more is not offered to it.
    let shop = Shop::new(&[&proxy.url()]);
    proxy.garble(Some(expired));
    let daemon = shop.start();
    let late = pay(&daemon, 0, &token(0));
    assert_eq!(late.code(), (402, "payment-error-invalid-token".into()));
    assert!(late.event["content"].as_str().unwrap().contains("expired"));
    assert!(mint.spent().is_empty());
    assert!(daemon.stop().success());
    proxy.garble(None);

    let daemon = shop.start();
    // Bad tokens are no reason to think ill of the mint.
    for (number, proof) in proofs.iter().enumerate().take(4) {
        let mut forged = proof.clone();
        forged.c = proofs[7].c;
        let forged = pay(&daemon, number, &wallet::token(&proxy.url(), &[forged]));
        assert_eq!(forged.code(), (402, "payment-error-invalid-token".into()));
    }
    assert_eq!(kind(&daemon), 10021);
    // A slow mint is waited for.
    let start = Instant::now();
    let nap = Box::new(|| thread::sleep(Duration::from_secs(4)));
    proxy.next([Fault::Before(nap)]);
    assert_eq!(pay(&daemon, 0, &token(0)).steps(), 4);
    assert!(start.elapsed() >= Duration::from_secs(4));

    // One token, six devices, the same moment: one of them has paid.
    let contested = token(1);
    let answers = thread::scope(|scope| {
        let threads: Vec<_> = (10..16)
            .map(|customer| {
                let (daemon, token) = (&daemon, &contested);
                scope.spawn(move || (customer, pay(daemon, customer, token)))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap());
        joined.collect::<Vec<_>>()
    });
    let (paid, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(_, answer)| answer.status == 200);
    assert_eq!(paid.len(), 1, "{answers:?}");
    for (_, answer) in refused {
        assert_eq!(answer.code(), (402, "payment-error-token-spent".into()));
    }
    // One device, and one token, four times at once: the same payment.
    let repeated = token(2);
    thread::scope(|scope| {
        let pays = || pay(&daemon, 20, &repeated).steps();
        let threads = [(); 4].map(|()| scope.spawn(pays));
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [4; 4]);
    });

    // A customer gets another address, and is the same customer.
    let leases = format!("1 {} {} * *\n", mac(0).to_uppercase(), address(30));
    shop.root.write("tmp/dhcp.leases", &leases);
    assert!(usage(&daemon, 30).ends_with(&format!("/{}", 4 * STEP)));
    assert_eq!(usage(&daemon, 0), "-1/-1");
    assert_eq!(pay(&daemon, 30, &token(3)).steps(), 8);
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (16, 0));
    assert_eq!(books.sessions.values().sum::<u64>(), 16);
    assert_eq!(books.sessions[&mac(0)], 8);
    // The mint has made 32, and was paid 16 with.
    assert_eq!(mint.outstanding(), 32);
}
