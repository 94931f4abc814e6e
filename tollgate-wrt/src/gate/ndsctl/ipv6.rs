//! The way around: NoDogSplash and openNDS gate IPv4 alone.

use std::net::{IpAddr, Ipv6Addr};

use crate::files;
use crate::net::neighbours;
use crate::paths::Paths;

/// What the owner has to know: customers on these interfaces get past the gate
/// by IPv6.
pub(super) fn leak(paths: &Paths, interfaces: &[String]) -> Option<String> {
    let forwards = files::read_text(&paths.ipv6_forwarding()).ok()?;
    if forwards.trim() == "0" {
        return None;
    }
    let addresses = files::read_text(&paths.ipv6_addresses()).unwrap_or_default();
    let interface = own(&addresses, interfaces).or_else(|| {
        // A router that relays has no address there, but its customers have.
        let neighbours = neighbours::all().unwrap_or_default();
        let with = neighbours.iter().filter(
            |neighbour| matches!(neighbour.address, IpAddr::V6(address) if is_public(address)),
        );
        let indexes: Vec<u32> = with.map(|neighbour| neighbour.index).collect();
        addresses.lines().find_map(|line| {
            let (_, index, name) = entry(line)?;
            let is_ours = interfaces.iter().any(|interface| interface == name);
            (is_ours && indexes.contains(&index)).then_some(name)
        })
    })?;
    Some(format!(
        "there is IPv6 on {interface}, and NoDogSplash and openNDS gate only IPv4: customers get past it unpaid and uncounted; turn it off: uci -q delete network.lan.ip6assign; uci set network.lan.ipv6=0; uci set dhcp.lan.ra=disabled; uci set dhcp.lan.dhcpv6=disabled; uci commit; /etc/init.d/network restart; or use `option gate 'nftables'`"
    ))
}

/// The first of these interfaces with an address that the internet answers.
fn own<'a>(addresses: &'a str, interfaces: &[String]) -> Option<&'a str> {
    addresses.lines().find_map(|line| {
        let (address, _, name) = entry(line)?;
        let is_ours = interfaces.iter().any(|interface| interface == name);
        (is_ours && is_public(address)).then_some(name)
    })
}

/// A line of /proc/net/if_inet6: address, index, length, scope, flags, name.
fn entry(line: &str) -> Option<(Ipv6Addr, u32, &str)> {
    let mut words = line.split_whitespace();
    let address = u128::from_str_radix(words.next()?, 16).ok()?;
    let index = u32::from_str_radix(words.next()?, 16).ok()?;
    Some((Ipv6Addr::from(address), index, words.nth(3)?))
}

/// Global unicast, 2000::/3; not those that are for a site alone.
fn is_public(address: Ipv6Addr) -> bool {
    address.octets()[0] >> 5 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_on_the_lan() {
        let text = "\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000000000fffe000001 05 40 20 80   br-lan
fd000000000000000000000000000001 05 40 00 80   br-lan
20010db8000000000000000000000001 03 40 00 80      wan
nonsense
";
        let lan = ["br-lan".to_owned()];
        assert_eq!(own(text, &lan), None);
        assert_eq!(own(text, &["wan".to_owned()]), Some("wan"));
        let more = format!("{text}20010db8007700000000000000000001 05 40 00 80   br-lan\n");
        assert_eq!(own(&more, &lan), Some("br-lan"));
    }

    #[test]
    fn only_where_it_is_forwarded() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::new(directory.path());
        let lan = ["br-lan".to_owned()];
        assert_eq!(leak(&paths, &lan), None);
        let write = |path: std::path::PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let address = "20010db8007700000000000000000001 05 40 00 80   br-lan\n";
        write(paths.ipv6_addresses(), address);
        write(paths.ipv6_forwarding(), "0\n");
        assert_eq!(leak(&paths, &lan), None);
        write(paths.ipv6_forwarding(), "1\n");
        assert!(leak(&paths, &lan).unwrap().contains("br-lan"));
        assert_eq!(leak(&paths, &["br-guest".to_owned()]), None);
    }
}
