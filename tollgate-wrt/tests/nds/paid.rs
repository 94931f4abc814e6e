//! What was paid for flows, and nothing else.

use std::thread;
use std::time::Duration;

use crate::common::wait_until;
use crate::net::machine::{ECHO, exchange};
use crate::net::network::{ALICE_MAC, BOB_MAC, Who};
use crate::shop::Shop;

/// A look of the daemon is made every second or two; on a machine with other work
/// the programs that it has to run take longer, and it pauses for three times as
/// long as they took.
const LOOK: Duration = Duration::from_secs(10);

#[test]
fn bytes_flow_until_they_are_used_up() {
    const STEP: u64 = 3_000_000;
    let Some(mut shop) = Shop::new("bytes", STEP) else {
        return;
    };
    let daemon = shop.start();
    shop.assert_shut(Who::Alice);
    // Her device has only ever talked to the daemon.
    assert_eq!(shop.server.ask(&["json", ALICE_MAC]).unwrap().trim(), "{}");
    shop.pay(Who::Alice, 1);
    shop.assert_open(Who::Alice);
    shop.assert_shut(Who::Bob);

    // What is counted is what the internet has seen, there and back.
    let target = (Who::Alice.targets()[0], ECHO).into();
    let mut stream = shop.network.alice.connect(target).unwrap();
    for _ in 0..100 {
        exchange(&mut stream, 10_000).unwrap();
    }
    shop.assert_counted((0, 0), 1);

    // A top-up adds to it, and the open connection lives on.
    shop.pay(Who::Alice, 1);
    assert_eq!(shop.usage(Who::Alice).unwrap().1, 2 * STEP);
    exchange(&mut stream, 10_000).unwrap();

    // Whom somebody else has let through is shut out again.
    shop.pay(Who::Bob, 1);
    shop.assert_open(Who::Bob);
    let before = shop.network.arrived(Who::Alice).1;
    for _ in 0..1_000 {
        if exchange(&mut stream, 10_000).is_err() {
            break;
        }
    }
    let took = wait_until("the allotment ends", || shop.is_shut(Who::Alice));
    assert!(
        shop.network.arrived(Who::Alice).1 > before && took < LOOK,
        "{took:?}"
    );
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());
    assert!(!shop.server.lets_through(ALICE_MAC));
    shop.assert_open(Who::Bob);

    // Who is known by now, and let through by somebody else without payment.
    let answer = shop.browse(Who::Alice, "x.example", "/");
    if !shop.server.is_nodogsplash() {
        assert!(answer.contains("http://10.77.0.1:2121/portal/"), "{answer}");
    }
    let click = shop.server.click(ALICE_MAC);
    let answer = shop.browse(Who::Alice, "10.77.0.1:2050", &click);
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert!(!shop.server.lets_through(ALICE_MAC), "{click} {answer}");
    // openNDS forgets whom it has just shut out, and does not let in whom it does
    // not know.
    wait_until("somebody lets her through", || {
        shop.browse(Who::Alice, "x.example", "/");
        shop.server.ask(&["auth", ALICE_MAC]).is_ok()
    });
    let took = wait_until("without payment", || shop.is_shut(Who::Alice));
    assert!(took < LOOK, "{took:?}");
    daemon.log().wait_for("let through by");
    shop.assert_open(Who::Bob);

    // A new payment begins anew.
    shop.pay(Who::Alice, 1);
    shop.assert_open(Who::Alice);
    assert_eq!(shop.usage(Who::Alice).unwrap().1, STEP);
    let (code, text) = shop.output(&["gate", "status"]);
    assert!(
        code == 0 && text.contains(ALICE_MAC) && text.contains(BOB_MAC),
        "{text}"
    );
    let (code, text) = shop.output(&["gate", "remove"]);
    assert!(code == 1 && text.contains("another daemon"), "{text}");
    assert!(daemon.stop().success());
    // The daemon's end changes nothing; the owner's command does.
    shop.assert_open(Who::Alice);
    let (code, text) = shop.output(&["gate", "remove"]);
    assert!(code == 0 && text.contains("2 who had paid"), "{text}");
    shop.assert_shut(Who::Alice);
    shop.assert_shut(Who::Bob);
    assert_eq!(shop.output(&["gate", "remove"]).0, 0);
}

/// After how many minutes openNDS shuts Alice out by itself.
fn minutes(shop: &Shop) -> Option<u64> {
    let json = shop.server.ask(&["json", ALICE_MAC]).unwrap();
    let number = |name: &str| -> Option<u64> {
        let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
        rest.split('"').next()?.parse().ok()
    };
    Some((number("session_end")? - number("session_start")?) / 60)
}

#[test]
fn time_flows_until_it_is_over() {
    let Some(mut shop) = Shop::new("milliseconds", 100_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.assert_open(Who::Alice);
    if !shop.server.is_nodogsplash() {
        // openNDS ends it by itself, should the daemon be gone.
        assert_eq!(minutes(&shop), Some(2));
        shop.pay(Who::Alice, 2);
        // While the customer does nothing, what was added is told to it.
        wait_until("the top-up is known", || {
            // Whoever asks keeps the daemon waiting.
            thread::sleep(Duration::from_millis(500));
            minutes(&shop) == Some(5)
        });
        shop.assert_open(Who::Alice);
    }
    let (used, bought) = shop.usage(Who::Alice).unwrap();
    assert!(used > 0 && used < 60_000 && bought % 100_000 == 0);
    assert!(daemon.stop().success());
}
