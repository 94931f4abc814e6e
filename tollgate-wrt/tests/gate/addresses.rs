//! Addresses that are new, and those of others.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::common::wait_until;
use crate::net::machine::{ECHO, exchange, udp_from};
use crate::net::network::{ALICE_MAC, BOB_MAC, Who};
use crate::shop::Shop;

#[test]
fn new_addresses_of_a_customer_are_the_customers() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    let [v4, v6] = Who::Alice.targets();
    for (number, (target, address)) in [
        (v6, "2001:db8:77::abcd/64"),
        (v6, "2001:db8:77::1234:5678/64"),
        (v4, "10.77.0.99/24"),
    ]
    .into_iter()
    .enumerate()
    {
        let nodad = if number < 2 { " nodad" } else { "" };
        shop.network
            .alice
            .ip(&format!("address add {address} dev eth0{nodad}"));
        let source = address.split('/').next().unwrap().parse().unwrap();
        let took = wait_until("the new address is let through", || {
            shop.network
                .alice
                .on(|| udp_from(Some(source), target))
                .is_ok()
        });
        assert!(took.as_secs() < 3, "{address} {took:?}");
    }
    shop.network.assert_open(Who::Alice);
    shop.network.assert_shut(Who::Bob);
    assert!(daemon.stop().success());
}

#[test]
fn who_takes_an_address_gets_nothing_by_it() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    let bob = &shop.network.bob;
    // Bob uses Alice's IP addresses with his own MAC address, and tells the router so.
    bob.ip("address delete 10.77.0.11/24 dev eth0");
    bob.ip("address add 10.77.0.10/24 dev eth0");
    bob.ip("address add 2001:db8:77::10/64 dev eth0 nodad");
    bob.ip("route replace default via 10.77.0.1");
    for (target, source) in Who::Bob
        .targets()
        .into_iter()
        .zip(["10.77.0.10", "2001:db8:77::10"])
    {
        let source = source.parse().unwrap();
        for _ in 0..5 {
            assert!(bob.on(|| udp_from(Some(source), target)).is_err());
        }
    }
    assert_eq!(shop.network.arrived(Who::Bob).0, 0);
    bob.ip("address delete 10.77.0.10/24 dev eth0");
    bob.ip("address delete 2001:db8:77::10/64 dev eth0");
    bob.ip("address add 10.77.0.11/24 dev eth0");
    bob.ip("route replace default via 10.77.0.1");
    // Alice has them back as soon as she says so.
    wait_until("Alice has her addresses back", || {
        shop.network.is_open(Who::Alice)
    });
    shop.network.assert_shut(Who::Bob);

    // Alice's MAC address with Bob's own IP address: on one wire nobody can tell
    // them apart (docs/security.md). The bridge can: Alice's packets go to Bob now.
    let bob = &shop.network.bob;
    bob.ip(&format!("link set eth0 address {ALICE_MAC}"));
    shop.network.is_open(Who::Bob);
    let bob = &shop.network.bob;
    bob.ip(&format!("link set eth0 address {BOB_MAC}"));
    wait_until("Bob is shut out again", || shop.network.is_shut(Who::Bob));
    wait_until("Alice is let through again", || {
        shop.network.is_open(Who::Alice)
    });
    assert!(daemon.stop().success());
}

#[test]
fn a_first_connection_from_a_new_address_succeeds() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    let connect = |who: Who, source: &str| {
        let target = SocketAddr::from((who.targets()[1], ECHO));
        let machine = shop.network.customer(who);
        machine.ip(&format!("address add {source}/64 dev eth0 nodad"));
        // What is added last is what Linux uses first, but for prefixes.
        machine.ip(&format!(
            "-6 route replace default via 2001:db8:77::1 src {source}"
        ));
        machine.on(|| {
            let start = Instant::now();
            let result = TcpStream::connect_timeout(&target, Duration::from_secs(5));
            (result, start.elapsed())
        })
    };
    let (stream, took) = connect(Who::Alice, "2001:db8:77::aaaa:1");
    let mut stream = stream.unwrap();
    println!("connected after {took:?}");
    exchange(&mut stream, 100).unwrap();
    // Who has not paid is told so at once.
    let (refused, took) = connect(Who::Bob, "2001:db8:77::bbbb:1");
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(daemon.stop().success());
}
