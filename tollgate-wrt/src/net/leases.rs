//! `/tmp/dhcp.leases`: what dnsmasq has given out.
//!
//! ```text
//! 1700000000 02:00:5e:10:00:ff 192.168.1.117 phone 01:02:00:5e:10:00:ff
//! ```
//!
//! The first column is not looked at. dnsmasq removes leases that are over;
//! built for routers without a clock it writes how long a lease is instead of
//! when it ends, and the router's own clock may be wrong.

use std::net::IpAddr;

use super::{Mac, unambiguous};

/// The MAC address that `address` was given to. IPv6 leases have another
/// number in the place of a MAC address and are never found.
pub fn lookup(text: &str, address: IpAddr) -> Option<Mac> {
    let found = text.lines().filter_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let mac = columns.next()?.parse().ok()?;
        (columns.next()?.parse() == Ok(address)).then_some(mac)
    });
    unambiguous(found)
}

/// The addresses that `mac` was given.
pub fn addresses(text: &str, mac: Mac) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(move |line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let found: Mac = columns.next()?.parse().ok()?;
        let address = columns.next()?.parse().ok()?;
        (found == mac).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_leases() {
        let text = "\
0 02:00:5E:10:00:FF 192.0.2.1 phone 01:02:00:5e:10:00:ff
0 02:00:00:00:00:02 192.0.2.2 * *
0 02:00:00:00:00:22 192.0.2.2 * *
duid 00:01:00:01
0 1234567 2001:db8::1 phone 00:01:00:01
0 02:00:00:00:00:03
";
        let find =
            |address: &str| lookup(text, address.parse().unwrap()).map(|mac| mac.to_string());
        assert_eq!(find("192.0.2.1").as_deref(), Some("02:00:5e:10:00:ff"));
        assert_eq!(find("192.0.2.2"), None);
        assert_eq!(find("192.0.2.3"), None);
        assert_eq!(find("2001:db8::1"), None);
    }
}
