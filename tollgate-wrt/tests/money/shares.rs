//! Payouts of shares to Lightning addresses.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::wait_until;
use crate::crash::random;
use crate::payout::{audit, balance};
use crate::street::Street;

#[test]
fn shares_are_paid_and_what_cannot_be_stays_owed() {
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 3_600})) else {
        return;
    };
    street.receive(49);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(
        is_done && text.contains("the balance is 49; 10 stay, and from 50"),
        "{text}"
    );
    street.receive(61);

    // 100 are shared out; two sat are kept for Lightning, of which one is needed.
    let (is_done, text) = street.run(&["wallet", "payout", "--dry-run"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(is_done && lines.len() == 3, "{text}");
    for (line, start) in lines.iter().zip([
        "would pay 68 sat to owner (owner@pay.tollgate.test), fees at most 2 sat, ",
        "would pay 18 sat to a (a@pay.tollgate.test), fees at most 2 sat, ",
        "would pay 8 sat to b (b@pay.tollgate.test), fees at most 2 sat, ",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
    assert_eq!((balance(&street.shop), street.paid()), (110, vec![]));
    assert_eq!(street.owed(), json!({}));

    street.server.away.lock().unwrap().push("a");
    let (is_done, text) = street.run(&["wallet", "payout", "--json"]);
    assert!(!is_done, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let state = |index: usize| {
        let report = &answer["data"][index];
        let word = |key: &str| report[key].as_str().unwrap().to_owned();
        (
            word("identity"),
            word("state"),
            report["amount"].as_u64().unwrap(),
        )
    };
    assert_eq!(state(0), ("owner".into(), "paid".into(), 68));
    assert_eq!(state(1), ("a".into(), "failed".into(), 0));
    assert!(answer["error"].as_str().unwrap().contains("no such user"));
    assert_eq!(state(2), ("b".into(), "paid".into(), 8));
    assert_eq!(street.paid(), [68, 8]);
    assert_eq!(balance(&street.shop), 110 - 69 - 9);
    assert_eq!(street.owed(), json!({"a": 20, "b": 1, "owner": 1}));

    // A restart later `a` is there again, and has what was owed before.
    street.stop();
    street.start();
    let daemon = street.daemon.as_ref().unwrap();
    daemon.log().wait_for("cannot pay out now");
    street.server.away.lock().unwrap().clear();
    street.receive(100);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(is_done, "{text}");
    assert_eq!(street.paid(), [68, 8, 69, 38, 9]);
    assert_eq!(street.owed(), json!({"a": 1, "b": 1, "owner": 1}));
    assert_eq!(balance(&street.shop), 13);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(is_done && text.contains("the fees would eat it"), "{text}");

    // Without the owner nobody is paid.
    street.server.away.lock().unwrap().push("owner");
    street.receive(64);
    let (is_done, text) = street.run(&["wallet", "payout"]);
    assert!(
        !is_done && text.lines().count() == 1 && text.contains("owner"),
        "{text}"
    );
    assert_eq!(street.paid().len(), 5);
    let (_, list) = street.run(&["wallet", "payouts"]);
    assert_eq!(list.lines().count(), 5, "{list}");
    assert!(
        list.contains(" 38 sat to a@pay.tollgate.test (a), fees 1, "),
        "{list}"
    );
    street.stop();
    audit(&street.mint, &street.shop);
}

#[test]
fn shares_are_paid_by_themselves() {
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 1})) else {
        return;
    };
    street.server.away.lock().unwrap().push("b");
    street.receive(110);
    wait_until("the owner and a are paid", || street.paid().len() == 2);
    wait_until("that is known", || {
        street.owed() == json!({"a": 1, "b": 10, "owner": 1})
    });
    street.stop();
    street.server.away.lock().unwrap().clear();
    street.start();
    wait_until("b is paid", || street.paid() == [68, 18, 8]);
    wait_until("that is known", || {
        balance(&street.shop) == 110 - 69 - 19 - 9
    });
    street.stop();
    audit(&street.mint, &street.shop);
}

/// By themselves, at moments that a seed gives.
#[test]
fn shares_survive_kills() {
    const ROUNDS: u64 = 3;
    let Some(mut street) = Street::new(&json!({"payout_interval_seconds": 1})) else {
        return;
    };
    let (_, mut random) = random();
    for _ in 0..ROUNDS {
        street.receive(110);
        thread::sleep(Duration::from_millis(random(1_500)));
        let mut daemon = street.daemon.take().unwrap();
        daemon.signal(Signal::KILL);
        daemon.wait();
        street.start();
    }
    // A round may have come before all of it was there; what is left is dust.
    wait_until("all is paid", || {
        street.run(&["wallet", "payout"]);
        let owed = street.owed();
        let owed: Vec<u64> = owed
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_u64)
            .collect();
        let (_, list) = street.run(&["wallet", "payouts"]);
        !list.contains("pending")
            && balance(&street.shop) < 50
            && owed.iter().all(|owed| *owed < 12)
    });
    street.stop();
    audit(&street.mint, &street.shop);
    // Nobody has more than the share, whatever was cut off.
    let books = street.shop.books();
    let profit = ROUNDS * 110 - 10;
    for (name, tenths) in [("owner", 7), ("a", 2), ("b", 1)] {
        let address = format!("{name}@pay.tollgate.test");
        let paid = books.paid.iter().filter(|(to, ..)| *to == address);
        let total: u64 = paid.map(|(_, amount, fee)| amount + fee).sum();
        let most = profit * tenths / 10 + ROUNDS;
        assert!(
            total <= most && total + 60 > most,
            "{name}: {total} of {most}"
        );
    }
}
