//! Who can reach port 2121: a router, a customer and a stranger on the WAN,
//! each in a network namespace of its own.
//!
//! Needs root and iproute2. Without them the tests say so and pass, unless
//! XTASK_REQUIRE has the word `namespaces`.

mod common;
#[path = "../../xtask/tests/support/groups.rs"]
mod groups;

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Daemon, PATIENCE, Response, Root, verified_event};
use rustix::net::netdevice::name_to_index;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const LAN: &str = "192.0.2.1:2121";
const LAN6: &str = "[fd00:0:0:1::1]:2121";
const LINK: &str = "fe80::1";
const WAN: &str = "198.51.100.1:2121";
const WAN6: &str = "[fd00:0:0:2::1]:2121";
const CLIENT_MAC: &str = "02:00:00:00:0c:01";

/// A router with a LAN bridge and a WAN port, and a machine on each.
struct Network {
    router: String,
    client: String,
    stranger: String,
}

impl Network {
    /// `None`, after having said so, where namespaces cannot be made.
    fn new() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let id = format!(
            "tg{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let network = Self {
            router: format!("{id}-router"),
            client: format!("{id}-client"),
            stranger: format!("{id}-wan"),
        };
        for name in network.names() {
            if let Err(why) = ip(&["netns", "add", name]) {
                groups::group("namespaces", Some(why.trim()));
                return None;
            }
        }
        groups::group("namespaces", None);
        network.set_up();
        Some(network)
    }

    fn names(&self) -> [&str; 3] {
        [&self.router, &self.client, &self.stranger]
    }

    fn set_up(&self) {
        let Self {
            router,
            client,
            stranger,
        } = self;
        for name in self.names() {
            self.ip(name, "link set lo up");
        }
        self.ip(
            router,
            &format!("link add lan1 type veth peer name eth0 netns {client}"),
        );
        self.ip(
            router,
            &format!("link add wan type veth peer name eth0 netns {stranger}"),
        );
        self.ip(router, "link set wan up");
        self.ip(router, "address add 198.51.100.1/24 dev wan");
        self.ip(router, "address add fd00:0:0:2::1/64 dev wan nodad");
        self.add_bridge();

        self.ip(client, &format!("link set eth0 address {CLIENT_MAC} up"));
        self.ip(client, "address add 192.0.2.2/24 dev eth0");
        self.ip(client, "address add fd00:0:0:1::2/64 dev eth0 nodad");
        self.ip(client, "address add fe80::2/64 dev eth0 nodad");
        self.ip(client, "route add default via 192.0.2.1");

        // The stranger sends what is for the LAN to the router as well.
        self.ip(stranger, "link set eth0 up");
        self.ip(stranger, "address add 198.51.100.2/24 dev eth0");
        self.ip(stranger, "address add fd00:0:0:2::2/64 dev eth0 nodad");
        self.ip(stranger, "route add 192.0.2.0/24 via 198.51.100.1");
        self.ip(stranger, "route add fd00:0:0:1::/64 via fd00:0:0:2::1");
    }

    fn add_bridge(&self) {
        for command in [
            "link add br-lan type bridge",
            "link set lan1 master br-lan up",
            "link set br-lan up",
            "address add 192.0.2.1/24 dev br-lan",
            "address add fd00:0:0:1::1/64 dev br-lan nodad",
            &format!("address add {LINK}/64 dev br-lan nodad"),
        ] {
            self.ip(&self.router, command);
        }
    }

    fn ip(&self, namespace: &str, command: &str) {
        let mut arguments = vec!["-netns", namespace];
        arguments.extend(command.split(' '));
        ip(&arguments).unwrap();
    }

    /// Runs the daemon on the router.
    fn start(&self, root: &Root, arguments: &[&str]) -> Daemon {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.router, common::BINARY, "run"]);
        command.arg("--root").arg(root.path()).args(arguments);
        Daemon::spawn(command)
    }

    /// Does something on another machine.
    fn on<T: Send>(&self, namespace: &str, action: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/var/run/netns/{namespace}")).unwrap();
        thread::scope(|scope| {
            let machine = scope.spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                action()
            });
            machine.join().unwrap()
        })
    }

    /// GET from another machine.
    fn get(&self, namespace: &str, address: &str, path: &str) -> io::Result<Response> {
        let address: SocketAddr = address.parse().unwrap();
        self.on(namespace, || {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
            Response::read(&mut stream, true)
        })
    }

    /// GET by the customer, as soon as it is answered.
    fn wait_for_answer(&self, address: &str) -> Response {
        let start = Instant::now();
        loop {
            match self.get(&self.client, address, "/") {
                Ok(answer) => return answer,
                Err(error) => assert!(start.elapsed() < PATIENCE, "{address}: {error}"),
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn assert_refused(&self, namespace: &str, address: &str) {
        let error = self.get(namespace, address, "/").unwrap_err();
        assert_eq!(
            error.kind(),
            io::ErrorKind::ConnectionRefused,
            "{namespace} {address}"
        );
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.names() {
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("ip cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "ip {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

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
