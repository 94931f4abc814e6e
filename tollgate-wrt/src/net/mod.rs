//! The network around the daemon: interfaces, listening sockets, neighbours.

mod arp;
pub mod host;
pub mod interfaces;
pub mod leases;
pub mod listen;
mod mac;
pub mod neighbours;
pub mod netlink;
mod networks;

use std::net::IpAddr;
use std::path::Path;

use log::debug;

use crate::files;
use crate::paths::Paths;
use interfaces::Interface;
pub use mac::Mac;

/// Finds the MAC address behind an IP address. A customer is a MAC address.
///
/// The kernel's neighbour table is asked first: it knows who has the address
/// now. A lease only says who had it, and an old one would credit a stranger;
/// it is the answer where the kernel has none.
#[derive(Debug, Clone)]
pub struct Resolver {
    paths: Paths,
}

impl Resolver {
    /// A resolver for the system that `paths` lead to.
    pub fn new(paths: Paths) -> Self {
        Self { paths }
    }

    /// The MAC address of `address`, looked for on `interface` if that is known.
    ///
    /// `None` when nobody knows it, and when several devices claim the address:
    /// to guess would be to credit a stranger.
    pub fn mac(&self, address: IpAddr, interface: Option<&Interface>) -> Option<Mac> {
        let address = address.to_canonical();
        match neighbours::lookup(address, interface.map(|interface| interface.index)) {
            Ok(Some(mac)) => return Some(mac),
            Ok(None) => {}
            // Not an event: user-mode emulators and containers have no netlink.
            Err(error) => debug!(error:%; "netlink gives no neighbours"),
        }
        let text = read(&self.paths.arp());
        let name = interface.map(|interface| interface.name.as_str());
        arp::lookup(&text, address, name).or_else(|| {
            let text = read(&self.paths.dhcp_leases());
            leases::lookup(&text, address)
        })
    }
}

/// A table's text. One that cannot be read knows nobody; customers ask, so that
/// it is said only to those who look for it.
fn read(table: &Path) -> String {
    files::read_text(table).unwrap_or_else(|error| {
        debug!(file:% = table.display(), error:%; "cannot read");
        String::new()
    })
}

/// The one MAC address of `found`; `None` if there are none or different ones.
fn unambiguous(found: impl IntoIterator<Item = Mac>) -> Option<Mac> {
    let mut found = found.into_iter();
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}
