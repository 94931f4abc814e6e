//! What one of ledger and gate has and the other has not.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::common::wait_until;
use crate::net::machine::{ECHO, exchange};
use crate::net::network::{FIREWALL, Who};
use crate::shop::Shop;
use crate::trouble::assert_right;

const STEP: u64 = 200_000;
const PIECE: usize = 10_000;

fn connect(shop: &Shop) -> TcpStream {
    let target = (Who::Alice.targets()[0], ECHO).into();
    shop.network.alice.connect(target).unwrap()
}

/// Sends and receives: what is counted is twice the pieces, and a little more.
fn use_up(shop: &Shop, pieces: usize) {
    let mut stream = connect(shop);
    for _ in 0..pieces {
        exchange(&mut stream, PIECE).unwrap();
    }
}

/// A crash between the two is played by a daemon without a gate: it writes a top-up
/// down, and tells nobody.
#[test]
fn a_top_up_that_the_gate_was_not_told_of_counts() {
    let Some(mut shop) = Shop::new("bytes", STEP) else {
        return;
    };
    let mut daemon = shop.start();
    shop.pay(Who::Alice, 1);
    assert_right(&shop, "at first");
    daemon.signal(Signal::KILL);
    daemon.wait();
    let settings = shop.root.file("etc/config/tollgate");
    let settings = std::fs::read_to_string(settings).unwrap();
    let without = settings.replace("'nftables'", "'none'");
    shop.root.write("etc/config/tollgate", &without);
    let mut daemon = crate::shop::start(&shop.network, &shop.root, |_| {});
    shop.pay(Who::Alice, 3);
    daemon.signal(Signal::KILL);
    daemon.wait();
    shop.root.write("etc/config/tollgate", &settings);
    let daemon = shop.start();
    assert_eq!(shop.usage(Who::Alice).unwrap().1, 4 * STEP);
    assert_right(&shop, "with the gate again");
    use_up(&shop, 20);
    assert_right(&shop, "beyond the old limit");
    assert!(daemon.stop().success());
}

/// Somebody removes the table while no daemon runs: its quotas count from 0.
#[test]
fn counters_that_begin_again_are_counted_whole() {
    let Some(mut shop) = Shop::new("bytes", 4 * STEP) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    assert_right(&shop, "at first");
    use_up(&shop, 5);
    wait_until("it is counted", || {
        shop.usage(Who::Alice).unwrap().0 > STEP / 2
    });
    assert!(daemon.stop().success());
    shop.network
        .router
        .nft(&format!("flush ruleset\n{FIREWALL}"));
    let daemon = shop.start();
    shop.network.assert_open(Who::Alice);
    // More than was counted before, and before anybody looks.
    use_up(&shop, 30);
    let mut stream = connect(&shop);
    while exchange(&mut stream, PIECE).is_ok() {}
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());
    shop.network.assert_shut(Who::Alice);
    assert!(daemon.stop().success());
}

#[test]
fn what_passed_while_time_was_sold_is_not_charged_in_bytes() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    assert_right(&shop, "at first");
    assert!(daemon.stop().success());
    let config = shop.root.file("etc/tollgate/config.json");
    let config = std::fs::read_to_string(config).unwrap();
    let config = config.replace("milliseconds", "bytes");
    let config = config.replace("3600000", &STEP.to_string());
    shop.root.write("etc/tollgate/config.json", &config);
    let daemon = shop.start();
    assert_right(&shop, "with the other metric");
    use_up(&shop, 20);
    shop.pay(Who::Alice, 1);
    let (used, bought) = shop.usage(Who::Alice).unwrap();
    assert_eq!(bought, 2 * STEP);
    assert!(used < STEP / 2, "{used}");
    assert!(daemon.stop().success());
}

/// The kernel counts no change where nothing was left to be removed.
#[test]
fn a_flush_just_after_the_last_session_is_noticed() {
    let Some(mut shop) = Shop::new("milliseconds", 2_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    daemon.log().wait_for("msg=\"session ended\"");
    shop.network
        .router
        .nft(&format!("flush ruleset\n{FIREWALL}"));
    let took = wait_until("the gate is there again", || {
        shop.network.is_shut(Who::Alice)
    });
    assert!(took < crate::trouble::AGAIN, "{took:?}");
    assert!(daemon.stop().success());
}

/// A crash between the opening and its record: the record is taken away.
#[test]
fn a_gate_that_was_opened_is_not_opened_anew() {
    let Some(mut shop) = Shop::new("bytes", 3 * STEP) else {
        return;
    };
    let mut daemon = shop.start();
    shop.pay(Who::Alice, 1);
    assert_right(&shop, "at first");
    daemon.signal(Signal::KILL);
    daemon.wait();
    let journal = shop.root.file("etc/tollgate/money/journal");
    let text = std::fs::read_to_string(&journal).unwrap();
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    assert!(text[last..].contains("opened"), "{}", &text[last..]);
    std::fs::write(&journal, &text[..last]).unwrap();
    use_up(&shop, 20);
    let daemon = shop.start();
    daemon.log().wait_for("the gate was open already");
    let (used, bought) = shop.usage(Who::Alice).unwrap();
    assert_eq!(bought, 3 * STEP);
    assert!(used > 2 * STEP && used < 3 * STEP, "{used}");
    assert_right(&shop, "with the daemon again");
    let mut stream = connect(&shop);
    let mut more = 0;
    while exchange(&mut stream, PIECE).is_ok() {
        more += 1;
    }
    assert!(more < 15, "{more}");
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());
    assert!(daemon.stop().success());
}
