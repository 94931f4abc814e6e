//! What passes beyond what was bought, at 100 Mbit/s: by the packet counters of
//! the internet's side, with the daemon at work, stopped and killed.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::wait_until;
use crate::flood::{Flood, RATE, SINK, sink};
use crate::net::network::Who;
use crate::shop::Shop;

/// Half a second of traffic and more.
const STEP: u64 = 8_000_000;

/// What arrives until nothing comes any more.
fn all(shop: &Shop) -> u64 {
    let mut last = shop.network.arrived(Who::Alice).1;
    loop {
        thread::sleep(Duration::from_millis(800));
        let now = shop.network.arrived(Who::Alice).1;
        if now == last {
            return now;
        }
        last = now;
    }
}

fn assert_exact(passed: u64, bought: u64, what: &str) {
    // Never a packet more. Less is what did not fit in any more, and what the
    // test's own machines ask.
    assert!(passed <= bought, "{what}: {passed} of {bought}");
    assert!(
        passed > bought - bought / 20,
        "{what}: {passed} of {bought}"
    );
}

#[test]
fn sold_bytes_end_at_the_packet() {
    let Some(mut shop) = Shop::new("bytes", STEP) else {
        return;
    };
    let mut daemon = shop.start();
    let [v4, v6] = Who::Alice.targets();
    let _sinks = [v4, v6].map(|address| sink(&shop.network.internet, address));
    let mut before = 0;
    let mut next = |shop: &Shop, what: &str, bought: u64| {
        let now = all(shop);
        assert_exact(now - before, bought, what);
        before = now;
    };

    // The daemon is at work, and says what passed beyond.
    shop.pay(Who::Alice, 1);
    {
        let _v4 = Flood::new(&shop.network.alice, (v4, SINK).into());
        let _v6 = Flood::new(&shop.network.alice, (v6, SINK).into());
        next(&shop, "both families", STEP);
        // It goes on after a payment, while others are refused all the time: what
        // did not pass is not paid for.
        shop.pay(Who::Alice, 1);
        next(&shop, "a payment during the flood", STEP);
        shop.pay(Who::Alice, 1);
        shop.pay(Who::Alice, 1);
        next(&shop, "a payment and a top-up", 2 * STEP);
    }
    let line = daemon.log().wait_for("session ended");
    assert!(line.contains("over=0"), "{line}");
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());
    let status = shop.root.output(&["status", "--json"]).1;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let overshoot = &status["data"]["gate"]["overshoot"];
    assert_eq!(overshoot["bytes"], 0, "{status}");

    // It is stopped, as one that has too much to do.
    shop.pay(Who::Alice, 1);
    daemon.signal(Signal::STOP);
    {
        let _flood = Flood::new(&shop.network.alice, (v4, SINK).into());
        next(&shop, "stopped", STEP);
    }
    daemon.signal(Signal::CONT);
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());

    // It is gone.
    shop.pay(Who::Alice, 1);
    daemon.signal(Signal::KILL);
    daemon.wait();
    {
        let _flood = Flood::new(&shop.network.alice, (v6, SINK).into());
        next(&shop, "killed", STEP);
    }
    shop.network.assert_shut(Who::Bob);
}

#[test]
fn what_comes_from_the_internet_ends_at_the_packet() {
    let Some(mut shop) = Shop::new("bytes", STEP) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    let target = Who::Alice.targets()[0];
    let server = shop
        .network
        .internet
        .on(|| UdpSocket::bind((target, SINK)).unwrap());
    let client = shop
        .network
        .alice
        .on(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    server
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut from = None;
    wait_until("the customer is heard", || {
        client.send_to(&[1], (target, SINK)).unwrap();
        from = server.recv_from(&mut [0; 10]).ok();
        from.is_some()
    });
    let from = from.unwrap().1;
    // The link has other packets, too; these are what it counts for.
    let received = || {
        let text = shop.network.alice.on(|| {
            crate::net::machine::run(
                "ip",
                &["-json", "-stats", "link", "show", "dev", "eth0"],
                "",
            )
        });
        let json: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
        let count = &json[0]["stats64"]["rx"];
        // Without the header of Ethernet.
        count["bytes"].as_u64().unwrap() - 14 * count["packets"].as_u64().unwrap()
    };
    let before = received();
    let flood = Flood::with(server, from);
    thread::sleep(Duration::from_secs(2));
    drop(flood);
    assert_exact(received() - before, STEP, "from the internet");
    assert!(daemon.stop().success());
}

#[test]
fn sold_time_ends_in_time() {
    const TIME: u64 = 3_000;
    let Some(mut shop) = Shop::new("milliseconds", TIME) else {
        return;
    };
    let mut daemon = shop.start();
    let target = Who::Alice.targets()[0];
    let _sink = sink(&shop.network.internet, target);
    for is_gone in [false, true] {
        let start = Instant::now();
        shop.pay(Who::Alice, 1);
        let paid = Instant::now();
        if is_gone {
            daemon.signal(Signal::KILL);
            daemon.wait();
        }
        let _flood = Flood::new(&shop.network.alice, (target, SINK).into());
        let before = shop.network.arrived(Who::Alice).1;
        // Longer than the pauses of a machine with other work.
        let mut last = (Instant::now(), before);
        while start.elapsed() < Duration::from_millis(TIME) + Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(20));
            let began = Instant::now();
            let now = shop.network.arrived(Who::Alice).1;
            if now > last.1 {
                last = (began, now);
            }
        }
        // It begins with the payment, somewhere before its answer.
        let (longest, shortest) = (last.0 - start, last.0.saturating_duration_since(paid));
        let time = Duration::from_millis(TIME);
        assert!(longest > time - Duration::from_millis(500), "{longest:?}");
        assert!(shortest < time + Duration::from_secs(1), "{shortest:?}");
        let most = RATE * (TIME + 1_000) / 1_000;
        assert!(last.1 - before < most, "{} of {most}", last.1 - before);
    }
    shop.network.assert_shut(Who::Alice);
}

#[test]
fn a_flush_gives_away_a_second_at_most() {
    /// Two seconds and more.
    const STEP: u64 = 30_000_000;
    let Some(mut shop) = Shop::new("bytes", STEP) else {
        return;
    };
    let daemon = shop.start();
    let target = Who::Alice.targets()[1];
    let _sink = sink(&shop.network.internet, target);
    shop.pay(Who::Alice, 1);
    let passed = {
        let _flood = Flood::new(&shop.network.alice, (target, SINK).into());
        thread::sleep(Duration::from_millis(1_500));
        shop.network.router.nft("flush ruleset");
        all(&shop)
    };
    assert!(passed < STEP + 2 * RATE, "{passed} of {STEP}");
    assert!(passed > STEP - STEP / 20, "{passed} of {STEP}");
    shop.network.assert_shut(Who::Alice);
    assert!(daemon.stop().success());
}
