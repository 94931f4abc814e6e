//! A router, a customer and a stranger on the WAN.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Daemon, PATIENCE, Response, Root};
use crate::net::namespace::{ip, within};
use crate::{common, groups};

pub const LAN: &str = "192.0.2.1:2121";
pub const LAN6: &str = "[fd00:0:0:1::1]:2121";
pub const LINK: &str = "fe80::1";
pub const WAN: &str = "198.51.100.1:2121";
pub const WAN6: &str = "[fd00:0:0:2::1]:2121";
pub const CLIENT_MAC: &str = "02:00:00:00:0c:01";

/// A router with a LAN bridge and a WAN port, and a machine on each.
pub struct Network {
    pub router: String,
    pub client: String,
    pub stranger: String,
}

impl Network {
    /// `None`, after having said so, where namespaces cannot be made.
    pub fn new() -> Option<Self> {
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

    pub fn names(&self) -> [&str; 3] {
        [&self.router, &self.client, &self.stranger]
    }

    pub fn set_up(&self) {
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

    pub fn add_bridge(&self) {
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

    pub fn ip(&self, namespace: &str, command: &str) {
        let mut arguments = vec!["-netns", namespace];
        arguments.extend(command.split(' '));
        ip(&arguments).unwrap();
    }

    /// Runs the daemon on the router.
    pub fn start(&self, root: &Root, arguments: &[&str]) -> Daemon {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.router, common::BINARY, "run"]);
        command.arg("--root").arg(root.path()).args(arguments);
        Daemon::spawn(command)
    }

    /// Does something on another machine.
    pub fn on<T: Send>(&self, namespace: &str, action: impl FnOnce() -> T + Send) -> T {
        within(namespace, action)
    }

    /// GET from another machine.
    pub fn get(&self, namespace: &str, address: &str, path: &str) -> io::Result<Response> {
        let address: SocketAddr = address.parse().unwrap();
        self.on(namespace, || {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
            Response::read(&mut stream, true)
        })
    }

    /// GET by the customer, as soon as it is answered.
    pub fn wait_for_answer(&self, address: &str) -> Response {
        let start = Instant::now();
        loop {
            match self.get(&self.client, address, "/") {
                Ok(answer) => return answer,
                Err(error) => assert!(start.elapsed() < PATIENCE, "{address}: {error}"),
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn assert_refused(&self, namespace: &str, address: &str) {
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
