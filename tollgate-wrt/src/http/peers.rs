//! How many connections there are, and from whom.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most connections at once. Each costs about 12 kB.
pub const MAX_CONNECTIONS: usize = 256;

/// Most connections of one address at once: a browser opens six to a host.
pub const MAX_PER_PEER: u16 = 32;

/// A table of addresses with open connections.
///
/// It has a place for every connection that may be open, so that it never
/// grows and never has to forget anybody.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    table: Arc<Mutex<Vec<(IpAddr, u16)>>>,
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// There are [`MAX_CONNECTIONS`].
    Total,
    /// The address has [`MAX_PER_PEER`].
    Peer,
}

/// A connection that is counted; it is discounted when this is dropped.
#[derive(Debug)]
pub struct Counted {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// Counts a connection from `address`. The loopback has no limit of its
    /// own: a web server on the router speaks for many.
    ///
    /// # Errors
    /// Why it has to be refused.
    pub fn admit(&self, address: IpAddr) -> Result<Counted, Full> {
        let mut table = self.lock();
        let total: usize = table.iter().map(|(_, count)| usize::from(*count)).sum();
        if total >= MAX_CONNECTIONS {
            return Err(Full::Total);
        }
        match table.iter_mut().find(|(known, _)| *known == address) {
            Some((_, count)) if *count >= MAX_PER_PEER && !address.is_loopback() => {
                return Err(Full::Peer);
            }
            Some((_, count)) => *count += 1,
            None => table.push((address, 1)),
        }
        drop(table);
        Ok(Counted {
            peers: self.clone(),
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(IpAddr, u16)>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut table = self.peers.lock();
        let Some(at) = table.iter().position(|(known, _)| *known == self.address) else {
            return;
        };
        table[at].1 -= 1;
        if table[at].1 == 0 {
            table.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from([192, 0, 2, u8::try_from(number).unwrap()])
    }

    #[test]
    fn one_address_has_a_limit() {
        let peers = Peers::default();
        let mut open: Vec<_> = (0..MAX_PER_PEER)
            .map(|_| peers.admit(address(1)).unwrap())
            .collect();
        assert_eq!(peers.admit(address(1)).unwrap_err(), Full::Peer);
        drop(peers.admit(address(2)).unwrap());
        open.pop();
        peers.admit(address(1)).unwrap();
        drop(open);
        assert!(peers.lock().is_empty());
    }

    #[test]
    fn all_together_have_a_limit() {
        let peers = Peers::default();
        let mut open = Vec::new();
        for number in 0..MAX_CONNECTIONS {
            open.push(peers.admit(address(number / 2)).unwrap());
        }
        assert_eq!(peers.admit(address(250)).unwrap_err(), Full::Total);
        open.pop();
        peers.admit(address(250)).unwrap();
    }

    #[test]
    fn the_loopback_has_only_the_common_limit() {
        let peers = Peers::default();
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let open: Vec<_> = (0..MAX_CONNECTIONS)
            .map(|_| peers.admit(localhost).unwrap())
            .collect();
        assert_eq!(peers.admit(localhost).unwrap_err(), Full::Total);
        assert_eq!(open.len(), MAX_CONNECTIONS);
    }
}
