//! Whoever has not paid is led to the portal, and whoever has is not.

use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Daemon, Response, connect, wait_until};
use crate::net::machine::{Machine, run};
use crate::net::network::{MINT, Network, ROUTER, Who, portal};
use crate::probes::{PROBES, Servers, Verdict, resolve};
use crate::shop::{Shop, get, root, start};

pub const PORTALS: [&str; 2] = [
    "http://10.77.0.1:2121/portal/",
    "http://[2001:db8:77::1]:2121/portal/",
];

/// Where everything on the internet is.
const WEB: [&str; 2] = ["203.0.113.80", "2001:db8:1::80"];

pub fn web() -> [IpAddr; 2] {
    WEB.map(|address| address.parse().unwrap())
}

/// A resolver on the router that knows every name; it ends with this.
pub struct Names(Child);

impl Names {
    fn start(network: &Network) -> Self {
        let child = network.router.on(|| {
            Command::new("dnsmasq")
                .args(["--keep-in-foreground", "--conf-file=/dev/null"])
                .args(["--pid-file=", "--user=root", "--no-resolv", "--no-hosts"])
                .args(["--interface=br-lan", "--bind-dynamic"])
                .args(WEB.map(|address| format!("--address=/#/{address}")))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        });
        let names = Self(child);
        wait_until("the resolver answers", || {
            network
                .router
                .on(|| std::net::TcpStream::connect((ROUTER, 53)).is_ok())
        });
        names
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The internet of the systems: their servers, and the router's resolver.
pub fn internet(network: &Network) -> (Servers, Names) {
    network
        .internet
        .ip(&format!("address add {}/24 dev eth0", WEB[0]));
    network
        .internet
        .ip(&format!("address add {}/64 dev eth0 nodad", WEB[1]));
    let servers = Servers::start(&network.internet, &web());
    (servers, Names::start(network))
}

/// What every system of a customer concludes, by IPv4 and IPv6.
fn conclude(network: &Network, who: Who) -> Vec<(String, bool, Verdict)> {
    network.customer(who).on(|| {
        let asked = PROBES.iter().flat_map(|probe| {
            [false, true].map(|is_ipv6| (probe.to_string(), is_ipv6, probe.ask(is_ipv6)))
        });
        asked.collect()
    })
}

fn assert_portal(network: &Network, who: Who) {
    for (probe, is_ipv6, verdict) in conclude(network, who) {
        let expected = Verdict::Portal(Some(PORTALS[usize::from(is_ipv6)].to_owned()));
        assert_eq!(verdict, expected, "{who:?} {probe}");
    }
}

/// Sends a whole request, and reads the answer to it.
pub fn send(network: &Network, address: SocketAddr, request: &str) -> Response {
    network.alice.on(|| {
        let mut stream = connect(address);
        stream.write_all(request.as_bytes()).unwrap();
        Response::read(&mut stream, !request.starts_with("HEAD ")).unwrap()
    })
}

fn state(network: &Network) -> Value {
    let answer = network.alice.on(|| get(portal(), "/captive-api"));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/captive+json")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn the_window_of_every_system_opens_and_closes() {
    let Some(mut shop) = Shop::new("milliseconds", 24_000) else {
        return;
    };
    let (servers, _names) = internet(&shop.network);
    let daemon = shop.start();
    assert_portal(&shop.network, Who::Alice);
    assert_eq!(servers.asked(), 0);
    // Where the window opens, there is the page.
    for (address, path) in [
        (ROUTER, "10.77.0.1"),
        ("2001:db8:77::1", "[2001:db8:77::1]"),
    ] {
        let request = format!("GET /portal/ HTTP/1.1\r\nHost: {path}:2121\r\n\r\n");
        let address: IpAddr = address.parse().unwrap();
        let page = send(&shop.network, (address, 2121).into(), &request);
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<form"), "{page:?}");
    }
    let captive = state(&shop.network);
    assert_eq!(captive["captive"], true);
    assert_eq!(captive["user-portal-url"], PORTALS[0]);
    assert_eq!(captive["seconds-remaining"], Value::Null);
    // What cannot be led anywhere is refused at once, by name, as names resolve.
    for is_ipv6 in [false, true] {
        let host = "www.google.com";
        let address = shop.network.alice.on(|| resolve(host, is_ipv6));
        assert!(web().contains(&address));
        let refused = shop.network.alice.connect((address, 443).into());
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    for (probe, _, verdict) in conclude(&shop.network, Who::Alice) {
        assert_eq!(verdict, Verdict::Online, "{probe}");
    }
    assert_eq!(servers.asked(), 2 * PROBES.len());
    let free = state(&shop.network);
    assert_eq!(free["captive"], false);
    assert!(free["seconds-remaining"].as_u64().unwrap() <= 24);
    assert_eq!(free["can-extend-session"], true);
    // A web server on the router that asks for her is told the same, and for
    // somebody else what is true of him.
    for (who, is_captive) in [("10.77.0.10", "false"), ("10.77.0.11", "true")] {
        let request = format!(
            "GET /captive-api HTTP/1.1\r\nHost: portal.example\r\nX-Forwarded-For: {who}\r\n\r\n"
        );
        let answer = shop.network.router.on(|| {
            let mut stream = connect("127.0.0.1:2121".parse().unwrap());
            stream.write_all(request.as_bytes()).unwrap();
            Response::read(&mut stream, true).unwrap()
        });
        let expected = format!("\"captive\":{is_captive}");
        assert!(answer.body.contains(&expected), "{answer:?}");
        assert!(!answer.body.contains("user-portal-url"), "{answer:?}");
    }
    // A new address of hers is no reason for a portal.
    shop.network
        .alice
        .ip("address add 2001:db8:77::beef/64 dev eth0 nodad");
    shop.network
        .alice
        .ip("-6 route replace default via 2001:db8:77::1 src 2001:db8:77::beef");
    wait_until("it is let through", || {
        let verdict = shop.network.alice.on(|| PROBES[0].ask(true));
        assert!(!matches!(verdict, Verdict::Portal(_)), "{verdict:?}");
        verdict == Verdict::Online
    });
    let asked = servers.asked();
    assert_portal(&shop.network, Who::Bob);
    assert_eq!(servers.asked(), asked);

    wait_until("the session is over", || shop.usage(Who::Alice).is_none());
    assert_portal(&shop.network, Who::Alice);
    assert_eq!(servers.asked(), asked);
    assert_eq!(state(&shop.network), captive);
    assert!(daemon.stop().success());
}

#[test]
fn a_gate_that_opens_later_leaves_time_to_read() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let file = shop.root.file("etc/tollgate/config.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["redirect_url"] = "https://cafe.example/welcome".into();
    config["auth_delay_seconds"] = 8.into();
    shop.root
        .write("etc/tollgate/config.json", &config.to_string());
    let daemon = shop.start();
    let start = Instant::now();
    shop.pay(Who::Alice, 1);
    let paid = Instant::now();
    while paid.elapsed() < Duration::from_secs(1) {
        shop.network.assert_shut(Who::Alice);
    }
    // It is paid for, and nothing of it is used.
    assert_eq!(shop.usage(Who::Alice), Some((0, 3_600_000)));
    let captive = state(&shop.network);
    assert_eq!(captive["captive"], true);
    assert_eq!(captive["venue-info-url"], "https://cafe.example/welcome");
    wait_until("the gate opens", || shop.network.is_open(Who::Alice));
    let (longest, shortest) = (start.elapsed(), paid.elapsed());
    assert!(longest > Duration::from_secs(8), "{longest:?}");
    assert!(shortest < Duration::from_secs(15), "{shortest:?}");
    assert_eq!(state(&shop.network)["captive"], false);
    // More does not shut it, and a crash forgets nobody.
    shop.pay(Who::Alice, 1);
    shop.network.assert_open(Who::Alice);
    shop.pay(Who::Bob, 1);
    shop.network.assert_shut(Who::Bob);
    drop(daemon);
    let daemon = shop.start();
    wait_until("the gate opens", || shop.network.is_open(Who::Bob));
    assert!(daemon.stop().success());
}

#[test]
fn the_redirect_leads_to_where_the_daemon_listens() {
    let Some(network) = Network::new() else {
        return;
    };
    let files = root(&format!(
        r#"{{"accepted_mints":[{{"url":"http://{MINT}","price_per_step":1}}]}}"#
    ));
    let daemon = network.router.on(|| {
        let listen = ["--listen", "127.0.0.1:7000", "--listen", "10.77.0.1:8000"];
        let mut command = files.command(&["run"]);
        command.args(listen);
        Daemon::start(command)
    });
    daemon.log().wait_for("the gate is in place");
    let request = "GET / HTTP/1.1\r\nHost: x.example\r\n\r\n";
    let answer = send(&network, "198.51.100.1:80".parse().unwrap(), request);
    assert_eq!(
        answer.header("location"),
        Some("http://10.77.0.1:8000/portal/")
    );
    drop(daemon);
    // Who comes to an address of the link alone is sent to another one.
    let daemon = start(&network, &files, |_| ());
    daemon.log().wait_for("the gate is in place");
    let link = first_word(
        &network.router,
        &["-6", "-o", "address", "show", "br-lan"],
        |word| word.starts_with("fe80:"),
    );
    let address: Ipv6Addr = link.split('/').next().unwrap().parse().unwrap();
    let index = first_word(&network.alice, &["-o", "link", "show", "eth0"], |_| true);
    let index = index.trim_end_matches(':').parse().unwrap();
    let address = SocketAddrV6::new(address, 2121, 0, index);
    let answer = send(&network, address.into(), request);
    assert_eq!(answer.header("location"), Some(PORTALS[0]));
}

/// The first word like this of what `ip` says.
fn first_word(machine: &Machine, arguments: &[&str], is_it: impl Fn(&str) -> bool) -> String {
    let text = machine.on(|| run("ip", arguments, "")).unwrap();
    text.split_whitespace()
        .find(|word| is_it(word))
        .unwrap()
        .to_owned()
}
