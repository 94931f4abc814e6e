//! Very many devices that nobody has heard of.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Instant;

use crate::common::{Daemon, wait_until};
use crate::evasion::{IPV4, router_mac};
use crate::frames::{UDP, ethernet, ipv4, send, udp};
use crate::net::machine::{ECHO, exchange};
use crate::net::network::{BOB_MAC, Network, ROUTER, Who, portal};
use crate::shop::{Shop, get, root, start};

const ARP: u16 = 0x0806;

/// A MAC address that nobody else has.
fn own(number: usize) -> [u8; 6] {
    let [.., high, low] = (number as u32 + 1).to_be_bytes();
    [2, 0xdd, 0, 0, high, low]
}

/// A question from a device that nobody has heard of.
fn question(router: [u8; 6], number: usize) -> Vec<u8> {
    let to: Ipv4Addr = ROUTER.parse().unwrap();
    let from = Ipv4Addr::new(10, 77, 0, 200);
    let body = ipv4(from, to, UDP, &[], &udp(from.into(), to.into(), 53));
    ethernet(router, own(number), IPV4, &body)
}

#[test]
fn a_crowd_of_devices_shares_what_is_left_of_dns() {
    const COUNTER: &str = "table inet dnswitness { counter asked {}; chain c { type filter hook input priority 10; udp dport 53 counter name asked; }; }";
    /// How many devices have a rate of their own, as the rules say.
    const OWN: usize = 4_096;
    let Some(network) = Network::new() else {
        return;
    };
    network.router.nft(COUNTER);
    let root = root(r#"{"accepted_mints":[{"url":"https://mint.example","price_per_step":1}]}"#);
    let daemon = start(&network, &root, |_| ());
    daemon.log().wait_for("the gate is in place");
    let asked = || {
        let list = ["list", "counter", "inet", "dnswitness", "asked"];
        let text = network.router.nft_list(&list).unwrap();
        let packets = text.split("packets ").nth(1).unwrap();
        packets.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let router = router_mac(&network);
    let frames: Vec<Vec<u8>> = (0..OWN).map(|number| question(router, number)).collect();
    send(&network.alice, &frames);
    assert!(asked() >= OWN as u64 - 100, "{}", asked());
    // No place is left; they stay for some seconds.
    let start = Instant::now();
    let before = asked();
    let more: Vec<Vec<u8>> = (0..4_000)
        .map(|number| question(router, OWN + number))
        .collect();
    send(&network.alice, &more);
    let most = 500 + (start.elapsed().as_secs() + 1) * 100 + 100;
    let passed = asked() - before;
    assert!(passed <= most, "{passed} of {most}");
    // An honest newcomer finds the portal, and a place for questions soon.
    assert_eq!(network.bob.on(|| get(portal(), "/")).status, 200);
    let own = || {
        let text = network
            .router
            .nft_list(&["list", "set", "inet", "tollgate", "dns"]);
        text.unwrap().contains(BOB_MAC)
    };
    wait_until("Bob has a place", || {
        let socket = network.bob.on(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        let _ = socket.send_to(&[0; 20], format!("{ROUTER}:53"));
        own()
    });
    assert!(daemon.stop().success());
}

/// A device asks for the router's address: it becomes a neighbour by that.
fn greeting(number: usize) -> Vec<u8> {
    let mut body = vec![0, 1, 8, 0, 6, 4, 0, 1];
    body.extend(own(number));
    body.extend([10, 77, (1 + number / 250) as u8, (1 + number % 250) as u8]);
    body.extend([0; 6]);
    body.extend(ROUTER.parse::<Ipv4Addr>().unwrap().octets());
    ethernet([0xff; 6], own(number), ARP, &body)
}

/// Memory in use, in kB.
fn memory(daemon: &Daemon) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The kernel's table of neighbours is one for all namespaces: other tests would
/// wait for places in it.
#[test]
fn ten_thousand_strangers_cut_nobody_off() {
    const STRANGERS: usize = 10_000;
    if std::env::var_os("TOLLGATE_LONG").is_none() {
        eprintln!("only with TOLLGATE_LONG, as `cargo xtask ci full` has it");
        return;
    }
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    let target = (Who::Alice.targets()[0], ECHO).into();
    let mut stream = shop.network.alice.connect(target).unwrap();
    exchange(&mut stream, 100).unwrap();
    let before = memory(&daemon);
    let frames: Vec<Vec<u8>> = (0..STRANGERS).map(greeting).collect();
    for piece in frames.chunks(1_000) {
        send(&shop.network.bob, piece);
        wait_until("the customer's connection goes on", || {
            exchange(&mut stream, 100).is_ok()
        });
    }
    let after = memory(&daemon);
    assert!(after < before + 2_000, "{before} kB, {after} kB");
    wait_until("there are places for neighbours again", || {
        shop.network.is_open(Who::Alice)
    });
    assert_eq!(shop.network.bob.on(|| get(portal(), "/")).status, 200);
    shop.network.assert_shut(Who::Bob);
    assert!(daemon.stop().success());
}
