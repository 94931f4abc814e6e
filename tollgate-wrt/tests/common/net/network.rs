//! The network: Alice and Bob on the router's bridge, the internet behind it.
//!
//! ```text
//! alice 10.77.0.10 ─ lan1 ┐
//!                         br-lan  router  wan ─ internet 203.0.113.1, …
//! bob   10.77.0.11 ─ lan2 ┘
//! ```

use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::common::wait_until;
use crate::groups;
use crate::net::machine::{Machine, Reached, run};

pub const ROUTER: &str = "10.77.0.1";
pub const ALICE_MAC: &str = "02:00:00:00:0a:01";
pub const BOB_MAC: &str = "02:00:00:00:0b:01";
/// Where the mint is.
pub const MINT: &str = "203.0.113.1";

/// firewall4's own table, in short: it lets pass what is established, and what
/// comes from the LAN; it forgets its own table alone when it is loaded again.
pub const FIREWALL: &str = "
table inet fw4
flush table inet fw4
table inet fw4 {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname \"br-lan\" oifname \"wan\" accept
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iifname \"lo\" accept
        ct state established,related accept
        iifname \"br-lan\" accept
        meta l4proto { icmp, ipv6-icmp } accept
    }
    chain srcnat {
        type nat hook postrouting priority srcnat; policy accept;
        meta nfproto ipv4 oifname \"wan\" masquerade
    }
}
";

/// Counts what arrives, by whom it is from: everybody has destinations of
/// their own.
const WITNESS: &str = "
table inet witness {
    counter alice {}
    counter bob {}
    counter others {}
    chain arriving {
        type filter hook prerouting priority -300;
        iifname != eth0 accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
        ip daddr 203.0.113.10 counter name alice accept
        ip6 daddr 2001:db8:1::10 counter name alice accept
        ip daddr 203.0.113.11 counter name bob accept
        ip6 daddr 2001:db8:1::11 counter name bob accept
        ip daddr 203.0.113.53 counter name others accept
        ip6 daddr 2001:db8:1::53 counter name others accept
    }
}
";

/// All machines.
pub struct Network {
    pub router: Machine,
    pub internet: Machine,
    pub alice: Machine,
    pub bob: Machine,
    dnsmasq: Option<Child>,
}

/// A customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Alice,
    Bob,
}

impl Who {
    /// Destinations that only this customer uses.
    pub fn targets(self) -> [IpAddr; 2] {
        let texts = match self {
            Self::Alice => ["203.0.113.10", "2001:db8:1::10"],
            Self::Bob => ["203.0.113.11", "2001:db8:1::11"],
        };
        texts.map(|text| text.parse().unwrap())
    }

    fn counter(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }
}

/// Destinations of nobody.
pub fn others() -> [IpAddr; 2] {
    ["203.0.113.53", "2001:db8:1::53"].map(|text| text.parse().unwrap())
}

/// The daemon as the customers reach it.
pub fn portal() -> SocketAddr {
    format!("{ROUTER}:2121").parse().unwrap()
}

impl Network {
    /// `None`, after having said so, where it cannot be made.
    pub fn new() -> Option<Self> {
        match Self::try_new() {
            Ok(network) => {
                groups::group("gate", None);
                Some(network)
            }
            Err(why) => {
                groups::group("gate", Some(why.trim()));
                None
            }
        }
    }

    fn try_new() -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let machine =
            |name: &str| Machine::new(format!("tgg{}-{number}-{name}", std::process::id()));
        for program in ["nft", "dnsmasq"] {
            run(program, &["--version"], "")?;
        }
        let network = Self {
            router: machine("router")?,
            internet: machine("net")?,
            alice: machine("alice")?,
            bob: machine("bob")?,
            dnsmasq: None,
        };
        network.set_up();
        Ok(network)
    }

    fn set_up(&self) {
        let Self {
            router,
            internet,
            alice,
            bob,
            ..
        } = self;
        router.ip("link add br-lan type bridge");
        for (machine, port, mac, host) in
            [(alice, "lan1", ALICE_MAC, 10), (bob, "lan2", BOB_MAC, 11)]
        {
            let name = &machine.name;
            // The bridge takes the least of its ports' addresses: Alice's port
            // hears what is for the router without the bridge, too.
            router.ip(&format!(
                "link add {port} address 02:00:00:00:01:{host} type veth peer name eth0 netns {name}"
            ));
            router.ip(&format!("link set {port} master br-lan up"));
            machine.ip(&format!("link set eth0 address {mac} up"));
            machine.ip(&format!("address add 10.77.0.{host}/24 dev eth0"));
            machine.ip(&format!(
                "address add 2001:db8:77::{host}/64 dev eth0 nodad"
            ));
            machine.ip("route add default via 10.77.0.1");
            machine.ip("-6 route add default via 2001:db8:77::1");
        }
        let name = &internet.name;
        router.ip(&format!(
            "link add wan type veth peer name eth0 netns {name}"
        ));
        for command in [
            "link set br-lan up",
            "link set wan up",
            "address add 10.77.0.1/24 dev br-lan",
            "address add 2001:db8:77::1/64 dev br-lan nodad",
            "address add 203.0.113.2/24 dev wan",
            "address add 2001:db8:1::2/64 dev wan nodad",
        ] {
            router.ip(command);
        }
        // Who is refused is told so each time, not once a second.
        router.set("net.ipv4.icmp_ratelimit", "0");
        router.set("net.ipv6.icmp.ratelimit", "0");
        router.set("net.ipv4.ip_forward", "1");
        router.set("net.ipv6.conf.all.forwarding", "1");
        router.nft(FIREWALL);
        internet.ip("link set eth0 up");
        for host in ["1", "10", "11", "53"] {
            internet.ip(&format!("address add 203.0.113.{host}/24 dev eth0"));
            internet.ip(&format!("address add 2001:db8:1::{host}/64 dev eth0 nodad"));
        }
        internet.ip("-6 route add 2001:db8:77::/64 via 2001:db8:1::2");
        internet.nft(WITNESS);
        let targets = [Who::Alice.targets(), Who::Bob.targets(), others()];
        internet.echo(&targets.concat());
    }

    /// DHCP and DNS on the router.
    pub fn serve_names(&mut self) {
        let child = self.router.on(|| {
            Command::new("dnsmasq")
                .args([
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--pid-file=",
                ])
                .args([
                    "--user=root",
                    "--no-resolv",
                    "--no-hosts",
                    "--interface=br-lan",
                ])
                .args(["--bind-dynamic", "--dhcp-range=10.77.0.100,10.77.0.200,1h"])
                .args([
                    "--dhcp-leasefile=/dev/null",
                    "--address=/probe.example/203.0.113.10",
                ])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        });
        self.dnsmasq = Some(child);
    }

    pub fn customer(&self, who: Who) -> &Machine {
        match who {
            Who::Alice => &self.alice,
            Who::Bob => &self.bob,
        }
    }

    /// What a customer reaches, by IPv4 and IPv6, and how many packets of it
    /// were counted on the other side.
    fn tried(&self, who: Who) -> ([Reached; 2], u64) {
        let before = self.arrived(who).0;
        let machine = self.customer(who);
        let reached = who.targets().map(|address| machine.reaches(address));
        let packets = self.arrived(who).0 - before;
        assert!(
            packets > 0 || reached == [Reached::NOTHING; 2],
            "{reached:?}"
        );
        (reached, packets)
    }

    /// Whether everything of a customer gets through. What does not ends the
    /// look, so that one in vain is short.
    pub fn is_open(&self, who: Who) -> bool {
        let before = self.arrived(who).0;
        let machine = self.customer(who);
        let is_open = who
            .targets()
            .iter()
            .all(|address| machine.is_answered(*address));
        assert!(!is_open || self.arrived(who).0 > before, "{who:?}");
        is_open
    }

    /// Whether nothing of a customer gets through, not even one way.
    pub fn is_shut(&self, who: Who) -> bool {
        self.tried(who) == ([Reached::NOTHING; 2], 0)
    }

    /// Everything gets through, soon: the router learns an address when it is
    /// first used, at a look each second.
    pub fn assert_open(&self, who: Who) {
        let took = wait_until("everything gets through", || self.is_open(who));
        assert!(took < Duration::from_secs(3), "{who:?} {took:?}");
    }

    pub fn assert_shut(&self, who: Who) {
        let tried = self.tried(who);
        assert_eq!(tried, ([Reached::NOTHING; 2], 0), "{who:?}");
    }

    /// Packets and bytes of a customer that arrived on the internet.
    pub fn arrived(&self, who: Who) -> (u64, u64) {
        self.counter(who.counter())
    }

    /// The same of what is nobody's.
    pub fn counter(&self, name: &str) -> (u64, u64) {
        let text = self
            .internet
            .nft_list(&["-j", "list", "counter", "inet", "witness", name]);
        let json: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let entries = json["nftables"].as_array().unwrap();
        let counter = entries
            .iter()
            .find_map(|entry| entry.get("counter"))
            .unwrap();
        let number = |name: &str| counter[name].as_u64().unwrap();
        (number("packets"), number("bytes"))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(child) = &mut self.dnsmasq {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
