//! Ways around the gate that somebody may try who has not paid.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::frames::{TCP, UDP, ethernet, ipv4, ipv6, mac, send, syn, udp};
use crate::net::machine::{ECHO, Machine, run};
use crate::net::network::{BOB_MAC, Network, Who};
use crate::shop::Shop;

pub const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;

const BOB4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const ALICE4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);
const THERE4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
const BOB6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x11);
const ALICE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x10);
const THERE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x53);

/// Whether it gets to the internet where there is no gate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Else {
    Passes,
    /// That is the kernel's affair, which has none of some of it.
    Maybe,
}

/// What Bob sends: to destinations of nobody.
fn tries(router: [u8; 6]) -> Vec<(String, Else, Vec<u8>)> {
    let bob = mac(BOB_MAC);
    let v4 = |body: &[u8]| ethernet(router, bob, IPV4, body);
    let v6 = |body: &[u8]| ethernet(router, bob, IPV6, body);
    let udp4 = |from: Ipv4Addr, port| {
        ipv4(
            from,
            THERE4,
            UDP,
            &[],
            &udp(from.into(), THERE4.into(), port),
        )
    };
    let udp6 = |from: Ipv6Addr| udp(from.into(), THERE6.into(), ECHO);
    let mut tries = Vec::new();
    // Other resolvers: plain, over TLS, over QUIC and HTTP, multicast DNS.
    for port in [53, 443, 853, 5353] {
        tries.push((format!("UDP {port}"), Else::Passes, v4(&udp4(BOB4, port))));
        let body = syn(BOB4.into(), THERE4.into(), port);
        let body = ipv4(BOB4, THERE4, TCP, &[], &body);
        tries.push((format!("TCP {port}"), Else::Passes, v4(&body)));
        let body = syn(BOB6.into(), THERE6.into(), port);
        let body = ipv6(BOB6, THERE6, TCP, &body);
        tries.push((format!("TCP {port}, IPv6"), Else::Passes, v6(&body)));
    }
    // IP in IP, IPv6 in IP, GRE, ESP, AH, SCTP, UDP-Lite, and one for experiments.
    for protocol in [4, 41, 47, 50, 51, 132, 136, 253] {
        let passes = if protocol == 253 {
            Else::Passes
        } else {
            Else::Maybe
        };
        let inner = udp4(BOB4, ECHO);
        let body = ipv4(BOB4, THERE4, protocol, &[], &inner);
        tries.push((format!("protocol {protocol}"), passes, v4(&body)));
        let body = ipv6(BOB6, THERE6, protocol, &inner);
        tries.push((format!("protocol {protocol}, IPv6"), Else::Maybe, v6(&body)));
    }
    // Addresses of others: a customer who has paid, the router, somebody outside.
    let mut add = |what: &str, passes: Else, frame: Vec<u8>| {
        tries.push((what.to_owned(), passes, frame));
    };
    add("Alice's address", Else::Passes, v4(&udp4(ALICE4, ECHO)));
    add(
        "the router's",
        Else::Maybe,
        v4(&udp4(Ipv4Addr::new(10, 77, 0, 1), ECHO)),
    );
    add(
        "the router's WAN",
        Else::Maybe,
        v4(&udp4(Ipv4Addr::new(203, 0, 113, 2), ECHO)),
    );
    add(
        "a stranger's",
        Else::Maybe,
        v4(&udp4(Ipv4Addr::new(198, 51, 100, 9), ECHO)),
    );
    for (what, passes, from) in [
        ("Alice's IPv6 address", Else::Passes, ALICE6),
        (
            "a new IPv6 address",
            Else::Passes,
            "2001:db8:77::99:1".parse().unwrap(),
        ),
        (
            "the router's IPv6",
            Else::Maybe,
            "2001:db8:77::1".parse().unwrap(),
        ),
        (
            "an address of the link",
            Else::Maybe,
            "fe80::bb".parse().unwrap(),
        ),
        ("no address", Else::Maybe, Ipv6Addr::UNSPECIFIED),
    ] {
        add(what, passes, v6(&ipv6(from, THERE6, UDP, &udp6(from))));
    }
    // Options and further headers.
    let route = [7, 7, 4, 0, 0, 0, 0, 0];
    let body = udp(BOB4.into(), THERE4.into(), ECHO);
    add(
        "record route",
        Else::Maybe,
        v4(&ipv4(BOB4, THERE4, UDP, &route, &body)),
    );
    let source = [131, 7, 4, 203, 0, 113, 53, 0];
    let first = Ipv4Addr::new(203, 0, 113, 2);
    add(
        "source route",
        Else::Maybe,
        v4(&ipv4(BOB4, first, UDP, &source, &body)),
    );
    for (kind, what, passes, header) in [
        (0, "hop by hop", Else::Passes, [UDP, 0, 1, 4, 0, 0, 0, 0]),
        (
            60,
            "for the destination",
            Else::Passes,
            [UDP, 0, 1, 4, 0, 0, 0, 0],
        ),
        (
            43,
            "a route that is over",
            Else::Maybe,
            [UDP, 0, 4, 0, 0, 0, 0, 0],
        ),
        (44, "a fragment", Else::Passes, [UDP, 0, 0, 0, 0, 0, 0, 7]),
        (59, "nothing", Else::Maybe, [0; 8]),
    ] {
        let body = [&header[..], &udp6(BOB6)].concat();
        add(what, passes, v6(&ipv6(BOB6, THERE6, kind, &body)));
    }
    // Frames of VLANs, and to everybody.
    for (number, passes) in [(0_u16, Else::Maybe), (5, Else::Maybe)] {
        let body = [
            &number.to_be_bytes()[..],
            &IPV4.to_be_bytes(),
            &udp4(BOB4, ECHO),
        ]
        .concat();
        add("a VLAN", passes, ethernet(router, bob, VLAN, &body));
    }
    let everybody = [0xff; 6];
    add(
        "a broadcast",
        Else::Maybe,
        ethernet(everybody, bob, IPV4, &udp4(BOB4, ECHO)),
    );
    tries
}

pub fn router_mac(network: &Network) -> [u8; 6] {
    let text = network
        .router
        .on(|| run("ip", &["-json", "link", "show", "dev", "br-lan"], ""));
    let json: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
    mac(json[0]["address"].as_str().unwrap())
}

/// Nobody answers what arrives: the router would report that an answer reached
/// nobody, seconds later, and the report would be counted with the frames.
const SILENT: &str = "
table inet silent {
    chain arrived {
        type filter hook input priority 0;
        ip daddr 203.0.113.53 drop
        ip6 daddr 2001:db8:1::53 icmpv6 type != { nd-neighbor-solicit, nd-neighbor-advert } drop
        ip6 daddr 2001:db8:1::53 meta l4proto != ipv6-icmp drop
    }
}
";

#[test]
fn no_frame_of_any_kind_gets_through() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let network = &shop.network;
    network.internet.nft(SILENT);
    let tries = tries(router_mac(network));
    let arrive = |network: &Network, frame: &Vec<u8>, patience: u64| {
        let before = network.counter("others").0;
        send(&network.bob, std::slice::from_ref(frame));
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(patience) {
            if network.counter("others").0 > before {
                return true;
            }
        }
        false
    };
    for (what, passes, frame) in &tries {
        // Else the test would prove nothing.
        match passes {
            Else::Passes => assert!(arrive(network, frame, 5_000), "{what}"),
            Else::Maybe => println!("{what} without a gate: {}", arrive(network, frame, 50)),
        }
    }
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    let network = &shop.network;
    let before = network.counter("others");
    let frames: Vec<Vec<u8>> = tries.into_iter().map(|(_, _, frame)| frame).collect();
    for _ in 0..3 {
        send(&network.bob, &frames);
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(network.counter("others"), before);
    shop.network.assert_open(Who::Alice);
    assert!(daemon.stop().success());
}

/// The owner forwards ports of the WAN to both customers, and lets everything
/// else in, too.
const FORWARD: &str = "
delete table inet fw4
table inet forwards {
    chain post {
        type nat hook postrouting priority srcnat;
        meta nfproto ipv4 oifname wan masquerade
    }
    chain pre {
        type nat hook prerouting priority dstnat;
        iifname wan udp dport 8810 dnat ip to 10.77.0.10:8800
        iifname wan udp dport 8811 dnat ip to 10.77.0.11:8800
    }
}
";

/// Whether what the internet sends arrives.
fn is_reached(internet: &Machine, to: SocketAddr, socket: &UdpSocket) -> bool {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0; 16].into(),
    };
    let sender = internet.on(|| UdpSocket::bind((any, 0)).unwrap());
    sender.send_to(&[1], to).unwrap();
    socket.recv(&mut [0; 10]).is_ok()
}

#[test]
fn nothing_comes_in_from_outside_either() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    shop.network.router.nft(FORWARD);
    let listen = |machine: &Machine| {
        let socket = machine.on(|| UdpSocket::bind("[::]:8800").unwrap());
        let patience = Some(Duration::from_millis(200));
        socket.set_read_timeout(patience).unwrap();
        socket
    };
    let (alice, bob) = (listen(&shop.network.alice), listen(&shop.network.bob));
    let reached = |shop: &Shop| {
        let internet = &shop.network.internet;
        let to = |text: &str, socket| is_reached(internet, text.parse().unwrap(), socket);
        [
            to("203.0.113.2:8810", &alice),
            to("[2001:db8:77::10]:8800", &alice),
            to("203.0.113.2:8811", &bob),
            to("[2001:db8:77::11]:8800", &bob),
        ]
    };
    assert_eq!(reached(&shop), [true; 4]);
    let daemon = shop.start();
    assert_eq!(reached(&shop), [false; 4]);
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    assert_eq!(reached(&shop), [true, true, false, false]);
    assert!(daemon.stop().success());
}
