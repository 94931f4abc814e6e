//! What was paid for flows, and nothing else.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::wait_until;
use crate::net::machine::{ECHO, exchange};
use crate::net::network::Who;
use crate::shop::Shop;

/// Sends and receives until the gate shuts; what it counted, at most.
fn use_up(stream: &mut TcpStream, piece: usize, most: usize) -> usize {
    let mut pieces = 0;
    while pieces < most && exchange(stream, piece).is_ok() {
        pieces += 1;
    }
    pieces
}

#[test]
fn bytes_flow_until_they_are_used_up() {
    const STEP: u64 = 200_000;
    const PIECE: usize = 10_000;
    let Some(mut shop) = Shop::new("bytes", STEP) else {
        return;
    };
    let daemon = shop.start();
    shop.network.assert_shut(Who::Alice);
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    shop.network.assert_shut(Who::Bob);

    // Open connections of both families end with the allotment.
    let mut streams = Who::Alice
        .targets()
        .map(|address| shop.network.alice.connect((address, ECHO).into()).unwrap());
    exchange(&mut streams[1], PIECE).unwrap();
    let before = shop.network.arrived(Who::Alice).1;
    use_up(&mut streams[0], PIECE, 100);
    let sent = shop.network.arrived(Who::Alice).1;
    assert!(exchange(&mut streams[1], PIECE).is_err());
    assert!(sent > before);
    // Both directions count: half of it was sent. The kernel ends it on the packet.
    assert!(sent <= STEP / 2 + STEP / 10, "{sent}");
    shop.network.assert_shut(Who::Alice);
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());
    shop.network.assert_shut(Who::Alice);

    // A new payment, and a top-up while it lasts, which is added to it.
    let start = shop.network.arrived(Who::Alice).1;
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    // A connection that has waited goes on.
    wait_until("the connection goes on", || {
        exchange(&mut streams[1], 100).is_ok()
    });
    shop.pay(Who::Alice, 2);
    assert_eq!(shop.usage(Who::Alice).unwrap().1, 3 * STEP);
    let mut stream = shop
        .network
        .alice
        .connect((Who::Alice.targets()[0], ECHO).into())
        .unwrap();
    use_up(&mut stream, PIECE, 15);
    let (passed, used) = (
        shop.network.arrived(Who::Alice).1 - start,
        wait_for_count(&shop, 15 * 2 * PIECE as u64),
    );
    // What the daemon tells is what was seen on the other side, twice.
    assert!(
        used > 2 * passed - passed / 10 && used < 2 * passed + passed / 10,
        "{used} {passed}"
    );
    use_up(&mut stream, PIECE, 100);
    let passed = shop.network.arrived(Who::Alice).1 - start;
    assert!(
        passed > 5 * STEP / 4 && passed < 3 * STEP / 2 + STEP / 10,
        "{passed}"
    );
    shop.network.assert_shut(Who::Alice);
    shop.network.assert_shut(Who::Bob);
    assert!(daemon.stop().success());
}

/// Waits until the daemon has counted what was sent, at least.
fn wait_for_count(shop: &Shop, bytes: u64) -> u64 {
    let mut used = 0;
    wait_until("what was sent is counted", || {
        used = shop.usage(Who::Alice).unwrap().0;
        used >= bytes
    });
    used
}

#[test]
fn time_ends_open_connections_with_and_without_the_daemon() {
    let Some(mut shop) = Shop::new("milliseconds", 4_000) else {
        return;
    };
    let mut daemon = shop.start();
    let target = (Who::Alice.targets()[0], ECHO).into();
    shop.pay(Who::Alice, 1);
    let start = Instant::now();
    let mut stream = shop.network.alice.connect(target).unwrap();
    // A top-up makes it eight seconds.
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    while start.elapsed() < Duration::from_secs(5) {
        exchange(&mut stream, 100).unwrap();
    }
    let lasted = start.elapsed()
        + wait_until("the connection ends", || {
            exchange(&mut stream, 100).is_err()
        });
    assert!(
        lasted > Duration::from_millis(7_500) && lasted < Duration::from_secs(10),
        "{lasted:?}"
    );
    shop.network.assert_shut(Who::Alice);
    wait_until("the session is over", || shop.usage(Who::Alice).is_none());

    // The kernel ends it when the daemon is gone, and nobody new gets in.
    shop.pay(Who::Alice, 1);
    let start = Instant::now();
    let mut stream = shop.network.alice.connect(target).unwrap();
    daemon.signal(rustix::process::Signal::KILL);
    daemon.wait();
    exchange(&mut stream, 100).unwrap();
    shop.network.assert_shut(Who::Bob);
    let lasted = start.elapsed()
        + wait_until("the connection ends", || {
            exchange(&mut stream, 100).is_err()
        });
    assert!(lasted < Duration::from_secs(6), "{lasted:?}");
    shop.network.assert_shut(Who::Alice);
    let daemon = shop.start();
    shop.network.assert_shut(Who::Alice);
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    shop.network.assert_shut(Who::Bob);
    assert!(daemon.stop().success());
}
