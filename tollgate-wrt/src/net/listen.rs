//! Listening sockets: on LAN interfaces only, or on the addresses that the
//! owner names.
//!
//! A socket that is bound to an interface (SO_BINDTODEVICE) gets what arrives
//! there and nothing else. That is stronger than binding to the LAN's address:
//! a packet from the WAN that is addressed to the LAN's address would reach
//! such a socket, because Linux takes an address as the host's, not the
//! interface's. It also needs no knowledge of addresses, which come and go.
//!
//! The kernel binds to the interface that has the name at that moment. When
//! the interface is removed and made again (a network restart does so) the
//! socket hears nothing any more, so that it has to be replaced: [`Listeners`]
//! compares interface indexes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use log::{info, warn};
use socket2::{Domain, Protocol, Socket, Type};

use super::interfaces::{Interface, Interfaces};
use super::networks;
use crate::files;
use crate::paths::Paths;

/// Connections that wait to be accepted, for each socket.
const BACKLOG: i32 = 128;

/// The interface of the machine with itself: programs on the router.
const LOOPBACK: &str = "lo";

/// Binds a socket to one interface, for IPv6 and IPv4.
///
/// # Errors
/// What the system says.
pub fn bind_interface(interface: &str, port: u16) -> io::Result<TcpListener> {
    let any6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    match bind(any6, Some(interface), true) {
        // No IPv6 in the kernel.
        Err(error) if is_no_family(&error) => bind(any4, Some(interface), true),
        result => result,
    }
}

/// Binds a socket to each address. `[::]` also takes IPv4, unless an IPv4
/// address with the same port is in the list.
///
/// # Errors
/// The address that cannot be bound, and what the system says.
pub fn bind_addresses(
    addresses: &[SocketAddr],
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let bound = addresses.iter().map(|address| {
        let has_ipv4 = addresses
            .iter()
            .any(|other| other.is_ipv4() && other.port() == address.port() && other.port() != 0);
        bind(*address, None, !has_ipv4).map_err(|error| (*address, error))
    });
    bound.collect()
}

fn bind(address: SocketAddr, interface: Option<&str>, dual_stack: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Lets a restarted daemon bind while old connections linger.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual_stack)?;
    }
    if let Some(name) = interface {
        socket.bind_device(Some(name.as_bytes()))?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn is_no_family(error: &io::Error) -> bool {
    let missing = [
        rustix::io::Errno::AFNOSUPPORT,
        rustix::io::Errno::ADDRNOTAVAIL,
    ];
    missing
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// A socket that is in use: `S` serves it until it is dropped.
struct Active<S> {
    interface: Arc<Interface>,
    _served: S,
}

/// One socket for each LAN interface that exists, and one for the loopback.
pub struct Listeners<S> {
    interfaces: Interfaces,
    names: Vec<String>,
    port: u16,
    active: Vec<Active<S>>,
    /// Names that could not be served at the last look, each with the reason, so
    /// that a trouble is said once, and another one of the same name again.
    failing: Vec<(String, String)>,
    paths: Paths,
}

impl<S> Listeners<S> {
    /// Listeners for the named interfaces; nothing is bound yet. `paths` lead to
    /// the system's networks, to explain a name that is none of an interface.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(names: &[String], port: u16, paths: Paths) -> io::Result<Self> {
        let mut names = names.to_vec();
        names.retain(|name| name != LOOPBACK);
        names.insert(0, LOOPBACK.to_owned());
        Ok(Self {
            interfaces: Interfaces::open()?,
            names,
            port,
            active: Vec::new(),
            failing: Vec::new(),
            paths,
        })
    }

    /// The interfaces and the port of the sockets that are in use.
    pub fn served(&self) -> impl Iterator<Item = (&str, u16)> {
        let active = self.active.iter();
        active.map(|active| (active.interface.name.as_str(), self.port))
    }

    /// How many sockets are in use.
    pub fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether no socket is in use.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Brings the sockets in line with the interfaces that exist now. `serve`
    /// gets each new socket; what it returns is dropped when the interface is
    /// gone or is another one.
    pub fn update(&mut self, mut serve: impl FnMut(TcpListener, Arc<Interface>) -> io::Result<S>) {
        for name in self.names.clone() {
            let found = match self.interfaces.find(&name) {
                Ok(found) => found,
                Err(error) => {
                    self.trouble(&name, &error.to_string());
                    continue;
                }
            };
            self.active.retain(|active| {
                let stays =
                    active.interface.name != name || found.as_ref() == Some(&*active.interface);
                if !stays {
                    info!(interface = name.as_str(); "interface is gone or was made again");
                }
                stays
            });
            let Some(interface) = found else {
                self.trouble(&name, "no such interface yet");
                continue;
            };
            if self
                .active
                .iter()
                .any(|active| active.interface.name == name)
            {
                continue;
            }
            match self.start(interface, &mut serve) {
                Ok(active) => {
                    self.active.push(active);
                    self.failing.retain(|(failing, _)| *failing != name);
                }
                Err(error) => self.trouble(&name, &error.to_string()),
            }
        }
    }

    fn start(
        &mut self,
        interface: Interface,
        serve: &mut impl FnMut(TcpListener, Arc<Interface>) -> io::Result<S>,
    ) -> io::Result<Active<S>> {
        let listener = bind_interface(&interface.name, self.port)?;
        let address = listener.local_addr()?;
        info!(addr:% = address, interface = interface.name.as_str(); "listening");
        let interface = Arc::new(interface);
        Ok(Active {
            _served: serve(listener, Arc::clone(&interface))?,
            interface,
        })
    }

    fn trouble(&mut self, name: &str, error: &str) {
        let known = self.failing.iter_mut().find(|(known, _)| known == name);
        match known {
            Some((_, said)) if said == error => return,
            Some((_, said)) => error.clone_into(said),
            None => self.failing.push((name.to_owned(), error.to_owned())),
        }
        let port = self.port;
        match self.device_of(name) {
            Some(device) => warn!(
                interface = name, port, error;
                "cannot listen: `{name}` is a network; use its device, such as {device}"
            ),
            None => warn!(interface = name, port, error; "cannot listen, will try again"),
        }
    }

    /// The device of a network with this name, if there is such a network and
    /// no interface: the two are easily taken for each other.
    fn device_of(&self, name: &str) -> Option<String> {
        match self.interfaces.find(name) {
            Ok(None) => networks::device(&files::read_text(&self.paths.network()).ok()?, name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter()
            .map(|address| address.parse().unwrap())
            .collect()
    }

    #[test]
    fn binds_the_addresses_that_are_named() {
        let bound = bind_addresses(&addresses(&["127.0.0.1:0", "127.0.0.1:0"])).unwrap();
        let ports: Vec<_> = bound
            .iter()
            .map(|b| b.local_addr().unwrap().port())
            .collect();
        assert_ne!(ports[0], ports[1]);

        let (address, error) = bind_addresses(&[bound[0].local_addr().unwrap()]).unwrap_err();
        assert_eq!(address.port(), ports[0]);
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn another_trouble_of_the_same_name_is_new() {
        let paths = Paths::new("/none");
        let mut listeners = Listeners::<()>::new(&["no-such-if".to_owned()], 0, paths).unwrap();
        let said = |listeners: &Listeners<()>| listeners.failing.clone();
        listeners.trouble("no-such-if", "first");
        listeners.trouble("no-such-if", "first");
        assert_eq!(said(&listeners), [("no-such-if".into(), "first".into())]);
        listeners.trouble("no-such-if", "second");
        assert_eq!(said(&listeners), [("no-such-if".into(), "second".into())]);
    }

    #[test]
    fn any_address_takes_both_families() {
        let Ok(bound) = bind_addresses(&addresses(&["[::]:0"])) else {
            eprintln!("no IPv6 here");
            return;
        };
        let port = bound[0].local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        // Beside a socket for IPv4 on the same port.
        drop(bound);
        let both = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        bind_addresses(&addresses(&[&both[0], &both[1]])).unwrap();
    }
}
