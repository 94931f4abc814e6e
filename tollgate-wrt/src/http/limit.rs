//! How often one customer may do what costs the router something.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::net::Mac;

/// Most customers that are remembered. Who is forgotten is the one that was
/// last seen longest ago.
const MAX_OWNERS: usize = 1_024;

/// So many at once, and then one in each [`PAUSE`]: ten a minute.
const BURST: u32 = 10;

/// See [`BURST`].
const PAUSE: Duration = Duration::from_secs(6);

/// Whose a limit is.
///
/// A device, where it is known: all customers of a LAN have their IPv6 addresses of
/// the same /64, and each of them as many as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// All of a device's addresses.
    Device(Mac),
    /// An IPv4 address, or a /64 of IPv6 from which somebody may have any.
    Network(IpAddr),
}

impl Owner {
    /// Who asks from this address, with this device if it is known.
    pub fn of(device: Option<Mac>, address: IpAddr) -> Self {
        match (device, address) {
            (Some(mac), _) => Self::Device(mac),
            (None, IpAddr::V4(_)) => Self::Network(address),
            (None, IpAddr::V6(v6)) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::Network([a, b, c, d, 0, 0, 0, 0].into())
            }
        }
    }
}

/// A table of customers and of what they have left.
#[derive(Debug, Default)]
pub struct Limiter {
    buckets: Mutex<HashMap<Owner, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u32,
    /// From when on what is left has been growing.
    since: Instant,
}

impl Limiter {
    /// Counts a request.
    ///
    /// # Errors
    /// In how many seconds the next one may be made.
    pub fn admit(&self, owner: Owner, now: Instant) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_OWNERS && !buckets.contains_key(&owner) {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.since);
            if let Some(oldest) = oldest.map(|(owner, _)| *owner) {
                buckets.remove(&oldest);
            }
        }
        let bucket = buckets.entry(owner).or_insert(Bucket {
            left: BURST,
            since: now,
        });
        let grown = now.saturating_duration_since(bucket.since).as_secs() / PAUSE.as_secs();
        let grown = u32::try_from(grown).unwrap_or(BURST);
        if bucket.left.saturating_add(grown) >= BURST {
            *bucket = Bucket {
                left: BURST,
                since: now,
            };
        } else {
            bucket.left += grown;
            bucket.since += PAUSE * grown;
        }
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                Ok(())
            }
            None => {
                let waited = now.saturating_duration_since(bucket.since);
                Err(PAUSE.saturating_sub(waited).as_secs().max(1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Owner {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        Owner::of(None, address.into())
    }

    #[test]
    fn ten_at_once_and_ten_a_minute() {
        let limiter = Limiter::default();
        let start = Instant::now();
        let at = |seconds| limiter.admit(address(1), start + Duration::from_secs(seconds));
        for _ in 0..10 {
            assert_eq!(at(0), Ok(()));
        }
        assert_eq!(at(0), Err(6));
        assert_eq!(at(4), Err(2));
        assert_eq!(limiter.admit(address(2), start), Ok(()));
        assert_eq!(at(7), Ok(()));
        assert_eq!(at(7), Err(5));
        assert_eq!(at(12), Ok(()));
        // Whoever comes back later has all of them again, and no more.
        for _ in 0..10 {
            assert_eq!(at(500), Ok(()));
        }
        assert!(at(500).is_err());
    }

    #[test]
    fn the_table_has_an_end() {
        let limiter = Limiter::default();
        let start = Instant::now();
        for number in 0..5_000 {
            let now = start + Duration::from_millis(number.into());
            assert_eq!(limiter.admit(address(number), now), Ok(()));
        }
        assert_eq!(limiter.buckets.lock().unwrap().len(), MAX_OWNERS);
    }

    #[test]
    fn a_device_is_one_and_so_is_a_network_of_which_no_device_is_known() {
        let limiter = Limiter::default();
        let start = Instant::now();
        let v6 = |device: Option<&str>, text: &str| {
            let device = device.map(|mac| mac.parse().unwrap());
            limiter.admit(Owner::of(device, text.parse().unwrap()), start)
        };
        let (alice, bob) = (Some("02:00:00:00:0a:01"), Some("02:00:00:00:0b:01"));
        for number in 0..10 {
            assert_eq!(v6(None, &format!("fd00::1:{number}")), Ok(()));
            assert_eq!(v6(alice, &format!("fd00::2:{number}")), Ok(()));
        }
        assert!(v6(None, "fd00::ffff").is_err());
        assert_eq!(v6(None, "fd00:0:0:1::1"), Ok(()));
        // By whatever address, and to nobody else's cost.
        assert!(v6(alice, "10.0.0.1").is_err());
        assert_eq!(v6(bob, "fd00::2:0"), Ok(()));
    }
}
