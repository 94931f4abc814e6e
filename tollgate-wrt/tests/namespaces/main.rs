//! Who can reach port 2121: a router, a customer and a stranger on the WAN,
//! each in a network namespace of its own.
//!
//! Needs root and iproute2. Without them the tests say so and pass, unless
//! XTASK_REQUIRE has the word `namespaces`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../xtask/tests/support/groups.rs"]
mod groups;
#[path = "../common/net/mod.rs"]
mod net;
mod network;

use std::io::Write;
use std::net::{SocketAddrV6, UdpSocket};

use common::{Response, Root, verified_event};
use network::{CLIENT_MAC, LAN, LAN6, LINK, Network, WAN, WAN6};
use rustix::net::netdevice::name_to_index;

#[test]
fn the_lan_is_answered_and_the_wan_refused() {
    let Some(network) = Network::new() else {
        return;
    };
    let root = Root::configured();
    let daemon = network.start(&root, &[]);

    let event = verified_event(&network.wait_for_answer(LAN).body);
    assert_eq!(event["kind"], 10021);
    verified_event(&network.wait_for_answer(LAN6).body);
    // Programs on the router, at any of its addresses.
    for address in ["127.0.0.1:2121", "[::1]:2121", LAN] {
        assert_eq!(
            network.get(&network.router, address, "/").unwrap().status,
            200
        );
    }
    // The kernel knows the customer; IPv6 too.
    for address in [LAN, LAN6] {
        let whoami = network.get(&network.client, address, "/whoami").unwrap();
        assert_eq!(whoami.body, format!("mac={CLIENT_MAC}"));
    }

    // A stranger who claims the customer's address is on another interface.
    let claim = "neighbour replace 192.0.2.2 lladdr 02:00:00:00:0e:01 dev wan";
    network.ip(&network.router, claim);
    let whoami = network.get(&network.client, LAN, "/whoami").unwrap();
    assert_eq!(whoami.body, format!("mac={CLIENT_MAC}"));

    // An address that every link has: which link is part of the answer.
    let body = network.on(&network.client, || {
        let socket = UdpSocket::bind("[::]:0").unwrap();
        let scope = name_to_index(&socket, "eth0").unwrap();
        let router = SocketAddrV6::new(LINK.parse().unwrap(), 2121, 0, scope);
        let mut stream = common::connect(router.into());
        stream
            .write_all(b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        Response::read(&mut stream, true).unwrap().body
    });
    assert_eq!(body, format!("mac={CLIENT_MAC}"));

    // Whatever the stranger aims at.
    for address in [WAN, WAN6, LAN, LAN6] {
        network.assert_refused(&network.stranger, address);
    }
    // The customer may also use the router's other address.
    assert_eq!(network.get(&network.client, WAN, "/").unwrap().status, 200);
    let log = daemon.log().text();
    assert!(log.contains("addr=[::]:2121 interface=br-lan"), "{log}");
    assert!(daemon.stop().success());
}

#[test]
fn a_customer_cannot_speak_for_another() {
    let Some(network) = Network::new() else {
        return;
    };
    let root = Root::configured();
    let _daemon = network.start(&root, &[]);
    network.wait_for_answer(LAN);
    let body = network.on(&network.client, || {
        let mut stream = common::connect(LAN.parse().unwrap());
        stream
            .write_all(b"GET /whoami HTTP/1.1\r\nHost: x\r\nX-Real-Ip: 192.0.2.99\r\nX-Forwarded-For: 192.0.2.99\r\n\r\n")
            .unwrap();
        Response::read(&mut stream, true).unwrap().body
    });
    assert_eq!(body, format!("mac={CLIENT_MAC}"));
}

#[test]
fn a_name_that_was_made_to_lead_here_learns_nothing() {
    let Some(network) = Network::new() else {
        return;
    };
    let root = Root::configured();
    let _daemon = network.start(&root, &[]);
    network.wait_for_answer(LAN);
    let status = |path: &str, host: &str| {
        network.on(&network.client, || {
            let mut stream = common::connect(LAN.parse().unwrap());
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
            Response::read(&mut stream, true).unwrap().status
        })
    };
    assert_eq!(status("/whoami", "evil.example:2121"), 421);
    assert_eq!(status("/usage", "evil.example:2121"), 421);
    assert_eq!(status("/", "evil.example:2121"), 200);
    assert_eq!(status("/whoami", "tollgate.lan:2121"), 200);
}

#[test]
fn interfaces_may_come_late_and_come_back() {
    let Some(network) = Network::new() else {
        return;
    };
    network.ip(&network.router, "link delete br-lan");
    let root = Root::configured();
    let daemon = network.start(&root, &[]);
    daemon
        .log()
        .wait_for("interface=br-lan port=2121 error=\"no such interface yet\"");
    network.assert_refused(&network.stranger, WAN);

    network.add_bridge();
    network.wait_for_answer(LAN);
    network.ip(&network.router, "link delete br-lan");
    daemon.log().wait_for("interface is gone or was made again");
    network.add_bridge();
    network.wait_for_answer(LAN);
    // Made again between two looks: only the index tells.
    network.ip(&network.router, "link delete br-lan");
    network.add_bridge();
    network.wait_for_answer(LAN);
    for address in [WAN, LAN] {
        network.assert_refused(&network.stranger, address);
    }
}

#[test]
fn a_network_is_not_its_device() {
    let Some(network) = Network::new() else {
        return;
    };
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\tlist interface 'lan'\n",
    );
    root.write(
        "etc/config/network",
        "config interface 'lan'\n\toption device 'br-lan'\n",
    );
    let daemon = network.start(&root, &[]);
    daemon
        .log()
        .wait_for("`lan` is a network; use its device, such as br-lan");
}

#[test]
fn other_interfaces_when_told_so() {
    let Some(network) = Network::new() else {
        return;
    };
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\tlist interface 'wan'\n\toption port '8121'\n",
    );
    let daemon = network.start(&root, &[]);
    daemon.log().wait_for("addr=[::]:8121 interface=wan");
    assert_eq!(
        network
            .get(&network.stranger, "198.51.100.1:8121", "/")
            .unwrap()
            .status,
        200
    );
    network.assert_refused(&network.client, "192.0.2.1:8121");
    assert!(daemon.stop().success());

    let daemon = network.start(&root, &["--listen", "0.0.0.0:2121"]);
    daemon.log().wait_for("msg=listening");
    assert_eq!(
        network.get(&network.stranger, LAN, "/").unwrap().status,
        200
    );
    assert_eq!(network.get(&network.client, LAN, "/").unwrap().status, 200);
    // The MAC address is found without knowing the interface.
    let whoami = network.get(&network.client, LAN, "/whoami").unwrap();
    assert_eq!(whoami.body, format!("mac={CLIENT_MAC}"));
    // Where two claim it, nobody is credited.
    let claim = "neighbour replace 192.0.2.2 lladdr 02:00:00:00:0e:01 dev wan";
    network.ip(&network.router, claim);
    let whoami = network.get(&network.client, LAN, "/whoami").unwrap();
    assert_eq!(whoami.body, "mac=");
}

#[test]
fn one_customer_cannot_take_all_connections() {
    const LIMIT: usize = 32;
    let Some(network) = Network::new() else {
        return;
    };
    let root = Root::configured();
    let daemon = network.start(&root, &[]);
    network.wait_for_answer(LAN);
    network.on(&network.client, || {
        let mut open: Vec<_> = (0..LIMIT * 2)
            .map(|_| common::connect(LAN.parse().unwrap()))
            .collect();
        for stream in &mut open {
            let _ = stream.write_all(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        let served = open
            .iter_mut()
            .filter_map(|stream| Response::read(stream, true).ok())
            .count();
        // The connection of the first answer may not have ended yet.
        assert!((LIMIT - 1..=LIMIT).contains(&served), "{served}");
        // Others are served meanwhile.
        assert_eq!(
            network
                .get(&network.router, "127.0.0.1:2121", "/")
                .unwrap()
                .status,
            200
        );
    });
    daemon.log().wait_for("too many connections");
}
