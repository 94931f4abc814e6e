//! Gates that open some time after the payment (`auth_delay_seconds`).
//!
//! A phone closes the window of its portal as soon as there is internet, and
//! with it what the portal has to say. Nothing is used up while it is shut. What
//! waits here is not written down: after a crash the gate opens at the start.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::net::Mac;

/// Customers who have paid, and since when they wait.
#[derive(Debug, Default)]
pub struct Delay {
    /// How long everybody waits.
    pub time: Duration,
    waiting: Mutex<Vec<(Mac, Moment)>>,
}

impl Delay {
    /// Whether the gate of somebody who has paid stays shut for now. Who asks
    /// for the first time begins to wait.
    pub fn puts_off(&self, mac: Mac, now: Moment) -> bool {
        if self.time.is_zero() {
            return false;
        }
        let mut waiting = self.waiting();
        match waiting.iter().find(|(known, _)| *known == mac) {
            Some((_, since)) => !self.is_over(since, now),
            None => {
                waiting.push((mac, now));
                true
            }
        }
    }

    /// Whether somebody waits here.
    pub fn has(&self, mac: Mac) -> bool {
        self.waiting().iter().any(|(known, _)| *known == mac)
    }

    /// Those who have waited long enough; they are not here any more.
    pub fn take_over(&self, now: Moment) -> Vec<Mac> {
        let mut over = Vec::new();
        self.waiting().retain(|(mac, since)| {
            let is_over = self.is_over(since, now);
            if is_over {
                over.push(*mac);
            }
            !is_over
        });
        over
    }

    fn is_over(&self, since: &Moment, now: Moment) -> bool {
        now.since(since).is_none_or(|passed| passed >= self.time)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Mac, Moment)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_waits_once() {
        let mac = |last| Mac::new([2, 0, 0, 0, 0, last]).unwrap();
        let at = |millis| Moment { boot: 1, millis };
        let delay = Delay {
            time: Duration::from_secs(8),
            ..Delay::default()
        };
        assert!(delay.puts_off(mac(1), at(0)));
        assert!(delay.puts_off(mac(2), at(5_000)));
        // The same again, or a top-up: the first payment counts.
        assert!(delay.puts_off(mac(1), at(7_999)));
        assert!(!delay.puts_off(mac(1), at(8_000)));
        assert!(delay.has(mac(1)) && !delay.has(mac(3)));
        assert_eq!(delay.take_over(at(8_000)), [mac(1)]);
        assert_eq!(delay.take_over(at(8_000)), []);
        assert!(!delay.has(mac(1)) && delay.has(mac(2)));
        // Nobody knows how long the system was off.
        assert_eq!(delay.take_over(Moment { boot: 2, millis: 0 }), [mac(2)]);
        assert!(!Delay::default().puts_off(mac(1), at(0)));
    }
}
