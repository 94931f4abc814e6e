//! Customers, a router and the internet: network namespaces that are gone when
//! the bench is over.

use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Customers with a namespace of their own; the others are entries of the
/// router's neighbour table.
pub const REAL: usize = 4;

/// All customers.
pub const ALL: usize = 500;

/// The internet's address.
pub const INTERNET: &str = "203.0.113.1";

/// firewall4's rules, in short.
const FIREWALL: &str = "
table inet fw4 {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname br-lan oifname wan accept
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iifname lo accept
        ct state established,related accept
        iifname br-lan accept
    }
    chain srcnat {
        type nat hook postrouting priority srcnat; policy accept;
        meta nfproto ipv4 oifname wan masquerade
    }
}
";

/// All namespaces.
#[derive(Debug)]
pub struct Place {
    names: Vec<String>,
}

impl Place {
    /// Makes them.
    ///
    /// # Errors
    /// What `ip` and `nft` say, as without root.
    pub fn new() -> Result<Self> {
        remove_left()?;
        let id = std::process::id();
        let mut place = Self { names: Vec::new() };
        let customers = (0..REAL).map(|number| format!("tgb{id}-{number}"));
        for name in [format!("tgb{id}-router"), format!("tgb{id}-net")]
            .into_iter()
            .chain(customers)
        {
            let made = duct::cmd!("ip", "netns", "add", &name)
                .stderr_to_stdout()
                .read();
            made.context("make a network namespace: are you root, and is iproute2 installed?")?;
            place.names.push(name);
        }
        place.set_up()?;
        Ok(place)
    }

    fn set_up(&self) -> Result<()> {
        let mut router = String::from("link add br-lan type bridge\n");
        for number in 0..REAL {
            let name = self.customer(number);
            let _ = writeln!(
                router,
                "link add lan{number} type veth peer name eth0 netns {name}\nlink set lan{number} master br-lan up"
            );
        }
        let _ = writeln!(
            router,
            "link add wan type veth peer name eth0 netns {}\nlink set lo up\nlink set br-lan up\nlink set wan up\naddress add 198.18.0.1/16 dev br-lan\naddress add 203.0.113.2/24 dev wan",
            self.internet()
        );
        for number in 0..ALL {
            let (mac, v4) = (mac(number), address(number));
            let _ = writeln!(
                router,
                "neighbour replace {v4} lladdr {mac} dev br-lan nud permanent\nneighbour replace 2001:db8::{number:x}:1 lladdr {mac} dev br-lan nud permanent"
            );
        }
        ip(self.router(), &router)?;
        for number in 0..REAL {
            let text = format!(
                "link set eth0 address {}\nlink set eth0 up\naddress add {}/16 dev eth0\nroute add default via 198.18.0.1\n",
                mac(number),
                address(number)
            );
            ip(self.customer(number), &text)?;
        }
        let text = format!("link set eth0 up\naddress add {INTERNET}/24 dev eth0\n");
        ip(self.internet(), &text)?;
        self.nft(FIREWALL)?;
        let path = "/proc/sys/net/ipv4/ip_forward";
        within(self.router(), || std::fs::write(path, "1"))?
            .with_context(|| format!("write {path}"))
    }

    /// The router's namespace.
    pub fn router(&self) -> &str {
        &self.names[0]
    }

    /// The internet's namespace.
    pub fn internet(&self) -> &str {
        &self.names[1]
    }

    /// The namespace of one of the first customers.
    pub fn customer(&self, number: usize) -> &str {
        &self.names[2 + number]
    }

    /// Has the router's nftables take this.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn nft(&self, text: &str) -> Result<()> {
        duct::cmd!("ip", "netns", "exec", self.router(), "nft", "-f", "-")
            .stdin_bytes(text)
            .run()
            .context("run nft")?;
        Ok(())
    }

    /// How many customers the gate lets through.
    pub fn open(&self) -> usize {
        let list = duct::cmd!(
            "ip",
            "netns",
            "exec",
            self.router(),
            "nft",
            "list",
            "map",
            "inet",
            "tollgate",
            "down6"
        );
        // There is no table at times.
        let text = list.stderr_null().read().unwrap_or_default();
        text.matches(" : \"").count()
    }

    /// Packets that have arrived on the internet.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn arrived(&self) -> Result<u64> {
        let name = self.internet();
        let text = duct::cmd!(
            "ip", "-netns", name, "-json", "-stats", "link", "show", "dev", "eth0"
        );
        let json: serde_json::Value = serde_json::from_str(&text.read().context("run ip")?)?;
        json[0]["stats64"]["rx"]["packets"]
            .as_u64()
            .context("ip shows no counters")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = duct::cmd!("ip", "netns", "delete", name)
                .stderr_null()
                .run();
        }
    }
}

/// Removes what a bench has left that was ended by a signal.
fn remove_left() -> Result<()> {
    let list = duct::cmd!("ip", "netns", "list").read();
    let list = list.context("look at network namespaces: is iproute2 installed?")?;
    for name in list.lines().filter_map(|line| line.split(' ').next()) {
        let process = name
            .strip_prefix("tgb")
            .and_then(|rest| rest.split('-').next());
        let process = process.and_then(|process| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            duct::cmd!("ip", "netns", "delete", name)
                .run()
                .with_context(|| format!("remove the namespace {name}"))?;
        }
    }
    Ok(())
}

/// A customer's IPv4 address (198.18.0.0/15 is for benchmarks, RFC 2544).
pub fn address(number: usize) -> String {
    format!("198.18.{}.{}", 1 + number / 250, 1 + number % 250)
}

fn mac(number: usize) -> String {
    format!("02:00:00:00:{:02x}:{:02x}", number / 256, number % 256)
}

fn ip(namespace: &str, commands: &str) -> Result<()> {
    duct::cmd!("ip", "-netns", namespace, "-batch", "-")
        .stdin_bytes(commands)
        .run()
        .context("run ip")?;
    Ok(())
}

/// Does something in a namespace. Processes that are started there stay there.
///
/// # Errors
/// What the system says.
pub fn within<T: Send>(namespace: &str, action: impl FnOnce() -> T + Send) -> Result<T> {
    let path = format!("/run/netns/{namespace}");
    let file = File::open(&path).with_context(|| format!("open {path}"))?;
    thread::scope(|scope| {
        let inside = scope.spawn(|| -> Result<T> {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .context("enter a network namespace")?;
            Ok(action())
        });
        let result = inside.join();
        result.map_err(|_| anyhow!("a thread of the bench has panicked"))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_differ() {
        for name in [address, mac] {
            let all: std::collections::BTreeSet<_> = (0..ALL).map(name).collect();
            assert_eq!(all.len(), ALL);
        }
    }
}
