//! Where a connection was meant to go, and where it has come to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use socket2::{SockAddr, SockRef};

/// The daemon's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrival {
    /// Address and port there; never an IPv4 address in the form of IPv6.
    pub local: Option<SocketAddr>,
    /// Whether its beginner meant another machine's address, and the kernel has
    /// led it here.
    pub is_diverted: bool,
}

impl Arrival {
    /// Asks the kernel about an accepted connection.
    pub fn of(stream: &impl AsFd) -> Self {
        let socket = SockRef::from(stream);
        let local = canonical(socket.local_addr());
        // Of a connection that nobody has changed the kernel says the same again,
        // or that it knows nothing.
        let meant = match local {
            Some(SocketAddr::V4(_)) => canonical(socket.original_dst_v4()),
            Some(SocketAddr::V6(_)) => canonical(socket.original_dst_v6()),
            None => None,
        };
        // Another port of the router is still the router.
        let is_diverted =
            matches!((local, meant), (Some(local), Some(meant)) if local.ip() != meant.ip());
        Self { local, is_diverted }
    }

    /// The portal's address for `peer`, which came in on `interface`; `None`
    /// where the router has no address that can stand in one.
    pub fn portal(&self, peer: IpAddr, interface: Option<&str>) -> Option<String> {
        let local = self.local?;
        let address = Some(local.ip())
            .filter(|address| can_be_named(*address))
            // The connection came to an address of the link alone.
            .or_else(|| towards(peer, interface))
            .or_else(|| towards(IpAddr::V4(ALL_HOSTS), interface))?;
        let place = SocketAddr::new(address, local.port());
        Some(format!("http://{place}/portal/"))
    }
}

/// A multicast address: whoever sends to it uses an address of the interface.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// The router's address in the eyes of `peer`. Nothing is sent.
fn towards(peer: IpAddr, interface: Option<&str>) -> Option<IpAddr> {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    SockRef::from(&socket)
        .bind_device(interface.map(str::as_bytes))
        .ok()?;
    // Any port: 9 throws away what it gets.
    socket.connect((peer, 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    Some(address).filter(|address| can_be_named(*address))
}

/// Whether an address in a URL leads there. One of a link is of no use without
/// the link's name, which URLs do not have.
fn can_be_named(address: IpAddr) -> bool {
    let is_of_link = match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !is_of_link && !address.is_unspecified()
}

fn canonical(found: io::Result<SockAddr>) -> Option<SocketAddr> {
    let found = found.ok()?.as_socket()?;
    Some(SocketAddr::new(found.ip().to_canonical(), found.port()))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn arrival(local: &str) -> Arrival {
        Arrival {
            local: Some(local.parse().unwrap()),
            is_diverted: true,
        }
    }

    #[test]
    fn a_direct_connection_is_not_diverted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let expected = Arrival {
            local: Some(address),
            is_diverted: false,
        };
        assert_eq!(Arrival::of(&stream), expected);
    }

    #[test]
    fn the_portal_is_where_the_connection_came_to() {
        let portal = |local| arrival(local).portal("192.0.2.1".parse().unwrap(), None);
        assert_eq!(
            portal("10.0.0.1:2121").unwrap(),
            "http://10.0.0.1:2121/portal/"
        );
        assert_eq!(
            portal("[2001:db8::1]:80").unwrap(),
            "http://[2001:db8::1]:80/portal/"
        );
        assert_eq!(
            Arrival::default().portal("192.0.2.1".parse().unwrap(), None),
            None
        );
    }

    #[test]
    fn an_address_of_the_link_is_replaced() {
        // Whoever is on the loopback reaches the router there.
        let portal =
            |peer: &str| arrival("[fe80::1]:2121").portal(peer.parse().unwrap(), Some("lo"));
        assert_eq!(
            portal("127.0.0.1").unwrap(),
            "http://127.0.0.1:2121/portal/"
        );
        assert_eq!(portal("::1").unwrap(), "http://[::1]:2121/portal/");
    }
}
