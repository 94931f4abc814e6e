//! What customers do, and try.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::wait_until;
use crate::mint::nutshell::Mint;
use crate::mint::wallet::{self, Nutshell};
use crate::shop::{STEP, Shop, balance, mac, pay, post, usage};

#[test]
fn pay_top_up_and_pay_twice() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let wallet = Nutshell::new(&mint, dir.path(), 256);
    let shop = Shop::new(&[&mint.url()]);
    let daemon = shop.start();
    assert_eq!(usage(&daemon, 0), "-1/-1");
    assert_eq!(balance(&daemon, 0)["session_active"], false);

    let first = wallet.send(21, &[]);
    assert_eq!(pay(&daemon, 0, &first).steps(), 21);
    assert_eq!(shop.open(), [mac(0)]);
    // A V3 token, as an old wallet sends it, in a line of its own.
    let second = wallet.send(5, &["--legacy"]);
    assert!(second.starts_with("cashuA"));
    assert_eq!(pay(&daemon, 0, &format!("cashu:{second}\n")).steps(), 26);
    let used = usage(&daemon, 0);
    let (used, allotment) = used.split_once('/').unwrap();
    assert_eq!(allotment, (26 * STEP).to_string());
    assert!(used.parse::<u64>().unwrap() < 60_000);
    let body = balance(&daemon, 0);
    assert_eq!(
        (&body["status"], &body["session_active"]),
        (&1.into(), &true.into())
    );
    assert_eq!(body["metric"], "milliseconds");

    // The same token: the same answer to who has paid, another one to others.
    assert_eq!(pay(&daemon, 0, &first).steps(), 21);
    assert_eq!(pay(&daemon, 0, &second).steps(), 26);
    let spent = (402, "payment-error-token-spent".to_owned());
    assert_eq!(pay(&daemon, 1, &first).code(), spent);

    // The event of the old portal, by a second customer, and any type.
    let third = wallet.send(8, &[]);
    let key = "ab".repeat(32);
    let event = format!(
        r#"{{"kind":21000,"pubkey":"{key}","content":"","created_at":1,"tags":[["p","x"],["payment","{third}"]],"id":"","sig":""}}"#
    );
    let header = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer = post(&daemon, 1, event.as_bytes(), header).unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(
        answer.body.contains(&format!(r#"["p","{key}"]"#)),
        "{}",
        answer.body
    );
    assert_eq!(
        usage(&daemon, 1).split_once('/').unwrap().1,
        (8 * STEP).to_string()
    );

    // A restart forgets nothing of it.
    assert!(daemon.stop().success());
    let daemon = shop.start();
    assert_eq!(pay(&daemon, 0, &first).steps(), 21);
    assert_eq!(
        usage(&daemon, 0).split_once('/').unwrap().1,
        (26 * STEP).to_string()
    );
    let fourth = wallet.send(1, &[]);
    assert_eq!(pay(&daemon, 0, &fourth).steps(), 27);
    assert_eq!(shop.open(), [mac(0), mac(1)]);
    assert!(daemon.stop().success());

    let books = shop.books();
    assert_eq!((books.balance(), books.pending), (35, 0));
    assert_eq!(books.sessions[&mac(0)], 27);
    assert_eq!(mint.outstanding(), 256);
    let log = fs::read_to_string(shop.root.file("gate/log")).unwrap();
    assert!(
        log.contains(&format!("open {} milliseconds {}", mac(0), 21 * STEP)),
        "{log}"
    );
}

#[test]
fn fees_are_the_customers() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 1_000) else {
        return;
    };
    let shop = Shop::with(&format!(
        r#"{{"metric":"bytes","step_size":1000,"accepted_mints":[{{"url":"{}/","price_per_step":3,"purchase_min_steps":2}}]}}"#,
        mint.url()
    ));
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 4, 8);
    // Two pieces of 8, less a fee of 2, are 14: four steps of 3.
    let answer = pay(&daemon, 0, &wallet::token(&mint.url(), &proofs[..2]));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(usage(&daemon, 0), "0/4000");
    // 1, less the fee, is nothing; 4 is too little for two steps. Neither is spent.
    for amount in [1, 4] {
        let small = wallet::mint(mint.address, 1, amount);
        let answer = pay(&daemon, 0, &wallet::token(&mint.url(), &small));
        assert_eq!(answer.code(), (402, "session-error".into()));
        assert!(!mint.spent().contains(&small[0].secret.to_string()));
    }
    // The gate counts; what is used up ends the session.
    shop.root.write("gate/bytes", "1500");
    wait_until("1500 bytes are counted", || {
        usage(&daemon, 0) == "1500/4000"
    });
    shop.root.write("gate/bytes", "400");
    wait_until("the gate's restart is noticed", || {
        usage(&daemon, 0) == "1900/4000"
    });
    shop.root.write("gate/bytes", "9000");
    wait_until("the session ends", || {
        usage(&daemon, 0) == "-1/-1" && shop.open().is_empty()
    });
    // The next one does not begin with what was counted for this one.
    let answer = pay(&daemon, 0, &wallet::token(&mint.url(), &proofs[2..]));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(usage(&daemon, 0), "0/4000");
    assert!(daemon.stop().success());
    assert_eq!(shop.books().balance(), 28);
}

#[test]
fn what_is_not_taken_is_not_spent() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let wallet = Nutshell::new(&mint, dir.path(), 128);
    let shop = Shop::new(&[&mint.url(), "http://127.0.0.1:9"]);
    let daemon = shop.start();
    let proofs = wallet::mint(mint.address, 3, 4);

    let refused = |body: &str| pay(&daemon, 0, body).code();
    let invalid = (402, "payment-error-invalid-token".to_owned());
    assert_eq!(refused("cashuBnonsense"), invalid);
    assert_eq!(refused("hello"), invalid);
    let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    let locked = wallet.send(2, &["--lock", &format!("P2PK:{key}")]);
    assert_eq!(refused(&locked), invalid);
    let foreign = wallet::token("https://mint.example", &proofs);
    assert_eq!(
        refused(&foreign),
        (402, "payment-error-mint-not-accepted".into())
    );
    assert_eq!(refused("").0, 400);
    assert_eq!(refused("{}"), (400, "invalid-event".into()));
    let unknown = pay(&daemon, 250, &wallet::token(&mint.url(), &proofs));
    assert_eq!(unknown.code(), (400, "mac-address-lookup-failed".into()));
    // A mint that is not there is no reason to wait.
    let start = Instant::now();
    let unreachable = pay(&daemon, 1, &wallet::token("http://127.0.0.1:9", &proofs));
    assert_eq!(
        unreachable.code(),
        (500, "payment-processing-failed".into())
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    // Without a gate nothing is sold.
    shop.break_gate(true);
    let closed = pay(&daemon, 1, &wallet::token(&mint.url(), &proofs));
    assert_eq!(closed.code(), (500, "service-unavailable".into()));
    shop.break_gate(false);

    for proof in &proofs {
        assert!(!mint.spent().contains(&proof.secret.to_string()));
    }
    // Neither is any of it forbidden later.
    assert_eq!(
        pay(&daemon, 1, &wallet::token(&mint.url(), &proofs)).steps(),
        12
    );
    // What the customer has spent elsewhere.
    let token = wallet.send(16, &[]);
    wallet.run(&["receive", &token]);
    assert_eq!(
        pay(&daemon, 2, &token).code(),
        (402, "payment-error-token-spent".into())
    );
    // A part of it was spent here.
    let mixed = [
        proofs[0].clone(),
        wallet::mint(mint.address, 1, 8).remove(0),
    ];
    let mixed = pay(&daemon, 2, &wallet::token(&mint.url(), &mixed));
    assert_eq!(mixed.code(), (402, "payment-error-token-spent".into()));
    assert_eq!(usage(&daemon, 2), "-1/-1");

    // What the mint never signed.
    let mut forged = wallet::mint(mint.address, 1, 8).remove(0);
    forged.c = proofs[0].c;
    let forged = pay(&daemon, 2, &wallet::token(&mint.url(), &[forged]));
    assert_eq!(forged.code(), (402, "payment-error-invalid-token".into()));

    // A flood is stopped by its address, and by nothing else.
    let codes: Vec<_> = (0..12).map(|_| pay(&daemon, 3, "x").status).collect();
    assert_eq!(codes[..10], [402; 10]);
    assert_eq!(codes[10..], [429; 2]);
    assert_eq!(pay(&daemon, 4, "x").status, 402);
    let large = post(&daemon, 4, &vec![b'x'; (1 << 20) + 1], "");
    assert!(large.is_err() || large.unwrap().status == 413);
    assert_eq!(daemon.get("/").status, 200);
    assert!(daemon.stop().success());
    let books = shop.books();
    assert_eq!(
        (books.balance(), books.pending, books.sessions.len()),
        (12, 0, 1)
    );
}

#[test]
fn what_could_not_be_opened_is_opened_later() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mint) = Mint::start(dir.path(), 0) else {
        return;
    };
    let shop = Shop::new(&[&mint.url()]);
    // Ready at first; broken as soon as it is asked to open.
    let gate = fs::read_to_string(shop.root.file("gate/gate")).unwrap();
    let fragile = gate.replace("\nopen)", "\nopen) [ -e fragile ] && exit 1;");
    shop.root.write_program("gate/gate", &fragile);
    shop.root.write("gate/fragile", "");
    let daemon = shop.start();
    let token = wallet::token(&mint.url(), &wallet::mint(mint.address, 2, 2));
    let answer = pay(&daemon, 0, &token);
    assert_eq!(answer.code(), (500, "session-error".into()));
    assert_eq!(
        pay(&daemon, 0, &token).code(),
        (500, "session-error".into())
    );
    thread::sleep(Duration::from_millis(200));
    // It is the customer's, and is not used up.
    assert_eq!(usage(&daemon, 0), format!("0/{}", 4 * STEP));
    // The owner sees it.
    let told = |words: &[&str]| shop.root.output(words).1;
    let sessions = told(&["sessions"]);
    assert!(
        sessions.contains("(paid; waits for the gate)"),
        "{sessions}"
    );
    let status = told(&["status"]);
    for words in [
        "1, 1 of them paid and waiting for the gate",
        "does not work: ",
        "1 who paid wait for the gate",
    ] {
        assert!(status.contains(words), "{status}");
    }
    // Not even a power cut takes it.
    drop(daemon);
    shop.root
        .write("proc/sys/kernel/random/boot_id", "the second start");
    let daemon = shop.start();
    assert_eq!(usage(&daemon, 0), format!("0/{}", 4 * STEP));
    fs::remove_file(shop.root.file("gate/fragile")).unwrap();
    wait_until("the gate is opened", || shop.open() == [mac(0)]);
    assert_eq!(pay(&daemon, 0, &token).steps(), 4);
    let status = told(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let status = &status["data"];
    assert_eq!(
        (
            &status["claims"],
            &status["sessions"],
            &status["gate"]["ok"]
        ),
        (&0.into(), &1.into(), &true.into())
    );
    assert_eq!(status["wallet"]["balance_sats"], 4);
    assert_eq!(status["network_ok"], true);
}
