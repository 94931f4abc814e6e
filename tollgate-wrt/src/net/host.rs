//! Hosts as requests name them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ends of names that are not given out to anybody (RFC 6762, RFC 8375, ICANN's
/// private-use name, OpenWrt's default).
const LOCAL_SUFFIXES: [&str; 4] = [".lan", ".local", ".home.arpa", ".internal"];

/// What a host is called.
#[derive(Debug, PartialEq, Eq)]
pub enum Host {
    /// An address; never an IPv4 address in the form of IPv6.
    Address(IpAddr),
    /// A name, in lower case.
    Name(String),
}

/// Reads `host` or `host:port`. `None` for anything else, such as a path.
pub fn host_of(authority: &str) -> Option<Host> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inner, after) = rest.split_once(']')?;
            let address: Ipv6Addr = inner.parse().ok()?;
            (Host::Address(IpAddr::from(address).to_canonical()), after)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, after) = authority.split_at(end);
            let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if host.is_empty() || !host.bytes().all(is_name_byte) {
                return None;
            }
            let host = match host.parse::<Ipv4Addr>() {
                Ok(address) => Host::Address(address.into()),
                Err(_) => Host::Name(host.to_ascii_lowercase()),
            };
            (host, after)
        }
    };
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

/// Addresses that are not on the internet: loopback, private networks, links.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// Names that have no owner: one label, or a suffix for local use.
pub fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    // Digits alone are an address in another notation.
    let is_label = !name.contains('.') && name.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_label || LOCAL_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}
