//! What those who have paid nothing reach.

use std::io::Write as _;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::common::{Response, connect, wait_until};
use crate::net::machine::{Machine, Reached, run};
use crate::net::network::{Network, ROUTER, Who, others, portal};
use crate::shop::{Shop, get, root, start};

const CONFIG: &str = r#"{"accepted_mints":[{"url":"https://mint.example","price_per_step":1}]}"#;

/// A question for the address of `probe.example`.
fn dns_question() -> Vec<u8> {
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["probe", "example", ""] {
        question.push(label.len() as u8);
        question.extend(label.bytes());
    }
    question.extend([0, 1, 0, 1]);
    question
}

/// Whether a resolver answers.
fn resolves(server: SocketAddr) -> bool {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(400)))
        .unwrap();
    let mut answer = [0; 512];
    let asked = socket
        .connect(server)
        .and_then(|()| socket.send(&dns_question()));
    // The address of the answer ends it.
    asked
        .and_then(|_| socket.recv(&mut answer))
        .is_ok_and(|length| answer[..length].ends_with(&[203, 0, 113, 10]))
}

/// Whether somebody offers an address.
fn is_offered_an_address() -> bool {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind_device(Some(b"eth0")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    socket
        .bind(&"0.0.0.0:68".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    let mut discover = vec![0; 240];
    discover[..3].copy_from_slice(&[1, 1, 6]);
    discover[10] = 0x80; // the answer to all
    discover[28..34].copy_from_slice(&[2, 0, 0, 0, 0x0a, 1]);
    discover[236..].copy_from_slice(&[99, 130, 83, 99]);
    discover.extend([53, 1, 1, 255]);
    let server: SocketAddr = "255.255.255.255:67".parse().unwrap();
    socket.send_to(&discover, &server.into()).unwrap();
    let mut answer = [0; 1_500];
    UdpSocket::from(socket)
        .recv(&mut answer)
        .is_ok_and(|length| length > 240 && answer[0] == 2)
}

/// What the daemon answers to a request for another machine.
fn get_of(address: SocketAddr, host: &str) -> Response {
    let mut stream = connect(address);
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    Response::read(&mut stream, true).unwrap()
}

#[test]
fn only_portal_dhcp_and_dns() {
    let Some(mut network) = Network::new() else {
        return;
    };
    network.serve_names();
    // Without the gate there is a way, or the test would prove nothing.
    network.assert_open(Who::Alice);
    let root = root(CONFIG);
    let daemon = start(&network, &root, |_| ());
    daemon.log().wait_for("the gate is in place");
    for who in [Who::Alice, Who::Bob] {
        network.assert_shut(who);
    }
    let before = network.counter("others");
    assert_eq!(
        others().map(|address| network.alice.reaches(address)),
        [Reached::NOTHING; 2]
    );
    // Other resolvers.
    assert!(
        !network
            .alice
            .on(|| resolves("203.0.113.53:53".parse().unwrap()))
    );
    assert_eq!(network.counter("others"), before);

    assert!(
        network
            .alice
            .on(|| resolves(format!("{ROUTER}:53").parse().unwrap()))
    );
    assert!(network.alice.on(is_offered_an_address));
    assert_eq!(network.alice.on(|| get(portal(), "/")).status, 200);
    // The router answers pings, on both families.
    for address in [ROUTER, "2001:db8:77::1", "203.0.113.2"] {
        let reached = network.alice.reaches(address.parse().unwrap());
        assert!(reached.icmp && !reached.tcp && !reached.udp, "{address}");
    }
    let arrived = network.arrived(Who::Alice);
    // Whatever a phone asks for on port 80, the daemon answers.
    for address in ["203.0.113.10:80", "[2001:db8:1::10]:80", "198.51.100.7:80"] {
        let answer = network
            .alice
            .on(|| get_of(address.parse().unwrap(), "probe.example"));
        assert_eq!(answer.status, 302, "{address}: {answer:?}");
    }
    assert_eq!(network.arrived(Who::Alice), arrived);
    // Services of the router itself: the owner's are open, others are not.
    for (port, is_open) in [
        (22, true),
        (80, true),
        (443, true),
        (8080, false),
        (3128, false),
    ] {
        let address: SocketAddr = format!("{ROUTER}:{port}").parse().unwrap();
        let _service = network.router.on(|| TcpListener::bind(address).unwrap());
        assert_eq!(
            network.alice.connect(address).is_ok(),
            is_open,
            "port {port}"
        );
        let outside: SocketAddr = format!("203.0.113.2:{port}").parse().unwrap();
        assert!(network.alice.connect(outside).is_err());
    }
    // The router itself, and what is not on the LAN, are no customers.
    assert_eq!(
        network.router.reaches(Who::Alice.targets()[0]),
        Reached::ALL
    );
    assert!(daemon.stop().success());
    // Who stops the daemon does not open the gate.
    network.assert_shut(Who::Alice);
    // Who asks for that does.
    let removed = network.router.on(|| root.output(&["gate", "remove"]));
    assert_eq!(removed.0, 0, "{removed:?}");
    network.assert_open(Who::Alice);
    let again = network.router.on(|| root.output(&["gate", "remove"]));
    assert_eq!(again.0, 0, "{again:?}");
}

#[test]
fn the_owner_says_what_is_open() {
    let Some(network) = Network::new() else {
        return;
    };
    let root = root(CONFIG);
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n option gate 'nftables'\n list open_port '0'\n list open_port '8080'\n option port '2200'\n",
    );
    let daemon = start(&network, &root, |_| ());
    daemon.log().wait_for("the gate is in place");
    for (port, is_open) in [(22, false), (80, false), (8080, true)] {
        let address: SocketAddr = format!("{ROUTER}:{port}").parse().unwrap();
        let _service = network.router.on(|| TcpListener::bind(address).unwrap());
        assert_eq!(
            network.alice.connect(address).is_ok(),
            is_open,
            "port {port}"
        );
    }
    let portal = format!("{ROUTER}:2200").parse().unwrap();
    assert_eq!(network.alice.on(|| get_of(portal, ROUTER)).status, 200);
    let redirected = "203.0.113.10:80".parse().unwrap();
    let answer = network.alice.on(|| get_of(redirected, ROUTER));
    assert_eq!(
        answer.header("location"),
        Some("http://10.77.0.1:2200/portal/")
    );
}

#[test]
fn a_router_that_sells_nothing_shuts_nobody_out() {
    let Some(network) = Network::new() else {
        return;
    };
    let shop = root(CONFIG);
    let daemon = start(&network, &shop, |_| ());
    daemon.log().wait_for("the gate is in place");
    assert!(daemon.stop().success());
    network.assert_shut(Who::Alice);
    shop.write("etc/tollgate/config.json", "{}");
    let daemon = start(&network, &shop, |_| ());
    daemon
        .log()
        .wait_for("lets everybody through until a mint is named");
    network.assert_open(Who::Alice);
    // No phone is to look for a portal then.
    let state = network.alice.on(|| get(portal(), "/captive-api"));
    assert!(state.body.contains("\"captive\":false"), "{state:?}");
}

#[test]
fn dns_to_the_router_is_no_wide_tunnel() {
    const COUNTER: &str = "table inet dnswitness { counter asked {}; chain c { type filter hook input priority 10; udp dport 53 counter name asked; }; }";
    let Some(network) = Network::new() else {
        return;
    };
    network.router.nft(COUNTER);
    let root = root(CONFIG);
    let daemon = start(&network, &root, |_| ());
    daemon.log().wait_for("the gate is in place");
    let asked = || {
        let list = ["list", "counter", "inet", "dnswitness", "asked"];
        let text = network.router.nft_list(&list).unwrap();
        let packets = text.split("packets ").nth(1).unwrap();
        packets.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let ask = |machine: &Machine, times: usize| {
        machine.on(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for _ in 0..times {
                // Nobody answers here; some of it is refused.
                let _ = socket.send_to(&[0; 100], format!("{ROUTER}:53"));
            }
        });
    };
    let start = Instant::now();
    ask(&network.alice, 2_000);
    let seen = asked();
    let most = 200 + (start.elapsed().as_secs() + 1) * 20;
    assert!(seen >= 200 && seen <= most, "{seen} of {most}");
    // The next customer is not the one who did that.
    ask(&network.bob, 100);
    assert!(asked() >= seen + 100);
}

#[test]
fn the_resolver_takes_no_connections_of_the_unpaid() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    shop.network.serve_names();
    let daemon = shop.start();
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    let resolver: SocketAddr = format!("{ROUTER}:53").parse().unwrap();
    wait_until("the resolver takes Alice's connection", || {
        shop.network.alice.connect(resolver).is_ok()
    });
    let error = shop.network.bob.connect(resolver).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    // By the link's own addresses, which no neighbour table gives to anybody.
    let Network { router, .. } = &shop.network;
    let text = router.on(|| {
        run(
            "ip",
            &["-6", "-json", "address", "show", "dev", "br-lan"],
            "",
        )
    });
    let json: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
    let all = json[0]["addr_info"].as_array().unwrap();
    let of_link = all
        .iter()
        .find(|address| address["scope"] == "link")
        .unwrap();
    let of_link: Ipv6Addr = of_link["local"].as_str().unwrap().parse().unwrap();
    for (who, is_open) in [(Who::Alice, true), (Who::Bob, false)] {
        let machine = shop.network.customer(who);
        let text = machine.on(|| run("ip", &["-json", "link", "show", "dev", "eth0"], ""));
        let json: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
        let scope = json[0]["ifindex"].as_u64().unwrap() as u32;
        let resolver = SocketAddrV6::new(of_link, 53, 0, scope);
        let result = machine.connect(resolver.into());
        assert_eq!(result.is_ok(), is_open, "{who:?} {result:?}");
    }
    assert!(daemon.stop().success());
}
