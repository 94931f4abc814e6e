//! Connections to the public internet only.
//!
//! Where an LNURL leads is chosen by whoever gets money, and by the servers on
//! the way. None of them may use the router to reach what stands behind it. So
//! a name is looked up here, every address is judged, and exactly the address
//! that was judged is connected to: looked up twice, a name could lead
//! elsewhere the second time. There is no switch to turn this off.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::net::{TcpStream, lookup_host};

/// Connects to a host, if it is in the public internet.
///
/// # Errors
/// `PermissionDenied` if none of its addresses is, else what the system says.
pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut last = None;
    for address in lookup_host((host, port)).await? {
        if !is_public(address.ip()) {
            let what = format!(
                "{host} leads to {}, which is not in the public internet",
                address.ip()
            );
            error = io::Error::new(io::ErrorKind::PermissionDenied, what);
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or(error))
}

/// Whether an address is one of the public internet's.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By IANA's registry of special addresses, and RFC 5771 for multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u32); 16] = [
        ([0, 0, 0, 0], 8),       // this network
        ([10, 0, 0, 0], 8),      // private
        ([100, 64, 0, 0], 10),   // behind a provider's NAT
        ([127, 0, 0, 0], 8),     // loopback
        ([169, 254, 0, 0], 16),  // link
        ([172, 16, 0, 0], 12),   // private
        ([192, 0, 0, 0], 24),    // protocols
        ([192, 0, 2, 0], 24),    // documentation
        ([192, 31, 196, 0], 24), // AS112
        ([192, 52, 193, 0], 24), // AMT
        ([192, 88, 99, 0], 24),  // 6to4 relays
        ([192, 168, 0, 0], 16),  // private
        ([198, 18, 0, 0], 15),   // benchmarks
        ([198, 51, 100, 0], 24), // documentation
        ([203, 0, 113, 0], 24),  // documentation
        ([224, 0, 0, 0], 3),     // multicast, reserved, broadcast
    ];
    let bits = u32::from(address);
    !SPECIAL.iter().any(|(network, length)| {
        let shift = 32 - length;
        bits >> shift == u32::from(Ipv4Addr::from(*network)) >> shift
    })
}

/// Global unicast without what is special in it. Loopback, `::ffff:0:0/96`,
/// ULA, link-local and multicast are not in 2000::/3.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        // NAT64 (RFC 6052): an IPv4 address, for networks that have IPv6 only.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        // Protocols and Teredo; documentation; 6to4; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            false
        }
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_or_not() {
        for public in [
            "1.1.1.1",
            "11.22.33.44",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2a00::1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_to_the_router_itself() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Names, and numbers as C libraries read them.
        for host in [
            "127.0.0.1",
            "localhost",
            "2130706433",
            "::1",
            "::ffff:127.0.0.1",
        ] {
            let error = connect(host, port).await.unwrap_err();
            // Not every system knows every spelling.
            if error.kind() == io::ErrorKind::PermissionDenied {
                assert!(error.to_string().contains("public internet"), "{error}");
            } else {
                assert!(["2130706433", "::1"].contains(&host), "{host}: {error}");
            }
        }
        let waiting = listener.accept();
        let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), waiting).await;
        assert!(nobody.is_err());
    }
}
