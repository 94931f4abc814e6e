//! How often one address may do what costs the router something.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most addresses that are remembered. Who is forgotten is the one that was
/// last seen longest ago.
const MAX_ADDRESSES: usize = 1_024;

/// So many at once, and then one in each [`PAUSE`]: ten a minute.
const BURST: u32 = 10;

/// See [`BURST`].
const PAUSE: Duration = Duration::from_secs(6);

/// A table of addresses and of what they have left.
#[derive(Debug, Default)]
pub struct Limiter {
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
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
    pub fn admit(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        let address = owner(address);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_ADDRESSES && !buckets.contains_key(&address) {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.since);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                buckets.remove(&oldest);
            }
        }
        let bucket = buckets.entry(address).or_insert(Bucket {
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

/// A customer has a whole /64 of IPv6 to choose addresses from.
pub(super) fn owner(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number))
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
        assert_eq!(limiter.buckets.lock().unwrap().len(), MAX_ADDRESSES);
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let limiter = Limiter::default();
        let start = Instant::now();
        let v6 = |text: &str| limiter.admit(text.parse().unwrap(), start);
        for number in 0..10 {
            assert_eq!(v6(&format!("fd00::1:{number}")), Ok(()));
        }
        assert!(v6("fd00::ffff").is_err());
        assert_eq!(v6("fd00:0:0:1::1"), Ok(()));
    }
}
