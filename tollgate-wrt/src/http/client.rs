//! Who asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::HeaderMap;

use super::peers::Work;
use crate::captive::Arrival;
use crate::net::interfaces::Interface;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address; never an IPv4 address in the form of IPv6.
    pub address: IpAddr,
    /// The interface that the connection came in on, where it is known.
    pub interface: Option<Arc<Interface>>,
    /// How it came here.
    pub arrival: Arrival,
    /// Where the connection keeps whether something is at work on it.
    pub work: Work,
}

impl Client {
    /// The other end of an accepted connection.
    pub fn new(peer: SocketAddr, interface: Option<Arc<Interface>>) -> Self {
        Self {
            address: peer.ip().to_canonical(),
            interface,
            arrival: Arrival::default(),
            work: Work::default(),
        }
    }

    /// The portal's address for this client, if the router has one.
    pub fn portal(&self) -> Option<String> {
        // A web server on the router asks for somebody who is elsewhere.
        let is_direct = !self.address.is_loopback();
        let interface = self.interface.as_deref();
        let interface = interface.map(|interface| interface.name.as_str());
        is_direct.then(|| self.arrival.portal(self.address, interface))?
    }

    /// The client behind a request. A web server on the router names in
    /// `X-Real-Ip` or `X-Forwarded-For` whom it asks for; from anybody else
    /// those headers would be a way to spend another customer's allotment.
    pub fn behind(&self, headers: &HeaderMap) -> Self {
        if !self.address.is_loopback() {
            return self.clone();
        }
        // Each proxy adds an address behind those that it was told, which
        // anybody can write: the last that is not a proxy of ours counts.
        let header = |name| -> Option<IpAddr> {
            let value = headers.get(name)?.to_str().ok()?;
            let addresses = value.rsplit(',').map(|word| word.trim().parse::<IpAddr>());
            let mut foreign =
                addresses.skip_while(|address| matches!(address, Ok(own) if own.is_loopback()));
            foreign.next()?.ok().map(|address| address.to_canonical())
        };
        match header("x-real-ip").or_else(|| header("x-forwarded-for")) {
            // The interface is the proxy's.
            Some(address) => Self {
                address,
                interface: None,
                arrival: self.arrival,
                work: self.work.clone(),
            },
            None => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let client = Client::new(peer.parse().unwrap(), None);
        client.behind(&map).address.to_string()
    }

    #[test]
    fn only_the_router_itself_speaks_for_others() {
        let real = ("x-real-ip", "192.0.2.7");
        let forwarded = ("x-forwarded-for", "10.0.0.1, 192.0.2.8, 127.0.0.1");
        assert_eq!(behind("127.0.0.1:1", &[real, forwarded]), "192.0.2.7");
        assert_eq!(behind("[::1]:1", &[forwarded]), "192.0.2.8");
        assert_eq!(behind("[::ffff:127.0.0.1]:1", &[real]), "192.0.2.7");
        assert_eq!(behind("192.0.2.1:1", &[real, forwarded]), "192.0.2.1");
    }

    #[test]
    fn nonsense_is_ignored() {
        let wrong = ("x-real-ip", "example.org");
        assert_eq!(behind("127.0.0.1:1", &[wrong]), "127.0.0.1");
        assert_eq!(
            behind("127.0.0.1:1", &[wrong, ("x-forwarded-for", " 192.0.2.8")]),
            "192.0.2.8"
        );
        assert_eq!(
            behind("127.0.0.1:1", &[("x-forwarded-for", "")]),
            "127.0.0.1"
        );
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(behind("[::ffff:192.0.2.1]:1", &[]), "192.0.2.1");
        assert_eq!(
            behind("127.0.0.1:1", &[("x-real-ip", "::ffff:192.0.2.1")]),
            "192.0.2.1"
        );
        assert_eq!(behind("[2001:db8::1]:1", &[]), "2001:db8::1");
    }
}
