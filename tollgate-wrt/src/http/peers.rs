//! How many connections there are, from whom, and which of them has to go.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Most connections at once. Each costs about 12 kB.
pub const MAX_CONNECTIONS: usize = 256;

/// Most connections of one address at once: a browser opens six to a host.
pub const MAX_PER_PEER: usize = 32;

/// The open connections, oldest first.
///
/// It has a place for every connection that may be open, so that it never
/// grows and never has to forget anybody.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    places: Arc<Mutex<Vec<Arc<Place>>>>,
}

/// One open connection.
#[derive(Debug)]
struct Place {
    address: IpAddr,
    work: Work,
    evicted: Notify,
}

/// Whether a payment or an order is at work on a connection, whole: then its place
/// is safe. Who has only begun to send one has nothing at stake.
#[derive(Debug, Clone, Default)]
pub struct Work(Arc<AtomicBool>);

impl Work {
    /// It begins, or is over.
    pub fn set(&self, is_at_work: bool) {
        self.0.store(is_at_work, Ordering::Relaxed);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// There are [`MAX_CONNECTIONS`], and each of them has a payment at work.
    Total,
    /// The address has [`MAX_PER_PEER`].
    Peer,
}

/// A connection that is counted; it is discounted when this is dropped.
#[derive(Debug)]
pub struct Counted {
    peers: Peers,
    place: Arc<Place>,
}

/// What became of a new connection.
#[derive(Debug)]
pub struct Admitted {
    /// Its place.
    pub counted: Counted,
    /// Whose connection lost its place to it.
    pub instead_of: Option<IpAddr>,
}

impl Peers {
    /// Counts a connection from `address`. The loopback has no limit of its
    /// own: a web server on the router speaks for many.
    ///
    /// Where all places are taken, the address that has most of them gives up
    /// its oldest one on which nothing is at work. So a device that takes hold of
    /// every place, under however many addresses, keeps nobody out.
    ///
    /// # Errors
    /// Why it has to be refused.
    pub fn admit(&self, address: IpAddr) -> Result<Admitted, Full> {
        let mut places = self.lock();
        let held = |of: IpAddr| places.iter().filter(|place| place.address == of).count();
        if held(address) >= MAX_PER_PEER && !address.is_loopback() {
            return Err(Full::Peer);
        }
        let mut instead_of = None;
        if places.len() >= MAX_CONNECTIONS {
            let at = most_held(&places).ok_or(Full::Total)?;
            let place = places.remove(at);
            place.evicted.notify_one();
            instead_of = Some(place.address);
        }
        let place = Arc::new(Place {
            address,
            work: Work::default(),
            evicted: Notify::new(),
        });
        places.push(Arc::clone(&place));
        drop(places);
        let counted = Counted {
            peers: self.clone(),
            place,
        };
        Ok(Admitted {
            counted,
            instead_of,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The oldest idle place of the address that has most idle places.
fn most_held(places: &[Arc<Place>]) -> Option<usize> {
    // Address, places, the first of them.
    let mut holders: Vec<(IpAddr, usize, usize)> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        if place.work.is_on() {
            continue;
        }
        match holders.iter_mut().find(|holder| holder.0 == place.address) {
            Some(holder) => holder.1 += 1,
            None => holders.push((place.address, 1, at)),
        }
    }
    let most = holders
        .into_iter()
        .max_by_key(|(_, count, first)| (*count, std::cmp::Reverse(*first)));
    most.map(|(_, _, first)| first)
}

impl Counted {
    /// Where it is said whether something is at work here.
    pub fn work(&self) -> Work {
        self.place.work.clone()
    }

    /// Ends when the place was given to somebody else.
    pub async fn evicted(&self) {
        self.place.evicted.notified().await;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut places = self.peers.lock();
        places.retain(|place| !Arc::ptr_eq(place, &self.place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from([192, 0, 2, u8::try_from(number).unwrap()])
    }

    fn admit(peers: &Peers, number: usize) -> Counted {
        let admitted = peers.admit(address(number)).unwrap();
        assert_eq!(admitted.instead_of, None);
        admitted.counted
    }

    #[test]
    fn one_address_has_a_limit() {
        let peers = Peers::default();
        let mut open: Vec<_> = (0..MAX_PER_PEER).map(|_| admit(&peers, 1)).collect();
        assert_eq!(peers.admit(address(1)).unwrap_err(), Full::Peer);
        drop(admit(&peers, 2));
        open.pop();
        drop(admit(&peers, 1));
        drop(open);
        assert!(peers.lock().is_empty());
    }

    #[tokio::test]
    async fn who_holds_most_gives_up_the_oldest() {
        let peers = Peers::default();
        let customer = admit(&peers, 200);
        let mut open: Vec<_> = (0..MAX_CONNECTIONS - 1)
            .map(|number| admit(&peers, number / 31))
            .collect();
        // The oldest of all is the customer's; the next has a payment at work.
        open[0].work().set(true);
        let admitted = peers.admit(address(201)).unwrap();
        assert_eq!(admitted.instead_of, Some(address(1)));
        open[31].evicted().await;
        assert_eq!(peers.lock().len(), MAX_CONNECTIONS);
        // The evicted one's end frees no second place.
        drop(open.remove(31));
        assert_eq!(peers.lock().len(), MAX_CONNECTIONS);
        drop((customer, admitted));
        assert_eq!(peers.lock().len(), MAX_CONNECTIONS - 2);
    }

    #[test]
    fn a_payment_at_work_keeps_its_place() {
        let peers = Peers::default();
        let open: Vec<_> = (0..MAX_CONNECTIONS)
            .map(|number| admit(&peers, number / 2))
            .collect();
        for counted in &open {
            counted.work().set(true);
        }
        assert_eq!(peers.admit(address(250)).unwrap_err(), Full::Total);
        open[7].work().set(false);
        let admitted = peers.admit(address(250)).unwrap();
        assert_eq!(admitted.instead_of, Some(address(3)));
    }

    #[test]
    fn the_loopback_has_only_the_common_limit() {
        let peers = Peers::default();
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let open: Vec<_> = (0..MAX_CONNECTIONS)
            .map(|_| peers.admit(localhost).unwrap())
            .collect();
        assert_eq!(open.len(), MAX_CONNECTIONS);
        assert_eq!(peers.admit(localhost).unwrap().instead_of, Some(localhost));
    }
}
