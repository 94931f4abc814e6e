//! The time of day, and whether somebody has set it.
//!
//! A router has no clock that runs without power: it starts at the time of its
//! newest file and is set, by hours or years, when the network first answers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bitcoin_hashes::{Hash as _, sha256};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::paths::Paths;

/// How far the time of day may come away from the time that has passed. A clock
/// that is only regulated stays well below.
const TOLERANCE: Duration = Duration::from_secs(5);

/// One look at both clocks of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Since 1970, UTC: what can be set. 0 for a clock that is before that.
    pub wall: Duration,
    /// Since some fixed moment: what only passes.
    pub monotonic: Duration,
}

impl Reading {
    /// Whether the time of day was set since `earlier`.
    pub fn has_jumped_since(&self, earlier: &Self) -> bool {
        let passed = self.monotonic.saturating_sub(earlier.monotonic);
        let expected = earlier.wall.saturating_add(passed);
        self.wall.abs_diff(expected) > TOLERANCE
    }
}

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Clocks of which the second counts from now.
    #[expect(clippy::new_without_default, reason = "no two are alike")]
    pub fn new() -> Self {
        let start = Instant::now();
        Self { start }
    }

    /// What they show now.
    pub fn read(&self) -> Reading {
        Reading {
            wall: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            monotonic: self.start.elapsed(),
        }
    }
}

/// A moment that another run of the daemon can compare with its own, as long as
/// the system was not started anew between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Which start of the system it belongs to.
    pub boot: u64,
    /// Milliseconds since that start, sleep included.
    pub millis: u64,
}

impl Moment {
    /// How long ago `earlier` was. `None` if the system was started anew since,
    /// for nobody knows how long it was off.
    pub fn since(&self, earlier: &Self) -> Option<Duration> {
        let passed = Duration::from_millis(self.millis.saturating_sub(earlier.millis));
        (self.boot == earlier.boot).then_some(passed)
    }
}

/// A clock that nobody can set, and that a restart of the daemon does not stop.
#[derive(Debug, Clone, Copy)]
pub struct Uptime {
    boot: u64,
}

impl Uptime {
    /// The clock of the running system. Where the system does not say which
    /// start of it this is, each run of the daemon counts as one.
    ///
    /// # Errors
    /// What the system says when it has no random numbers.
    pub fn new(paths: &Paths) -> std::io::Result<Self> {
        let mut boot = [0; 8];
        match files::read_text(&paths.boot_id()) {
            Ok(id) if !id.trim().is_empty() => {
                let digest = sha256::Hash::hash(id.trim().as_bytes());
                boot.copy_from_slice(&digest.as_byte_array()[..8]);
            }
            _ => getrandom::getrandom(&mut boot)?,
        }
        // JSON's numbers are exact up to 2⁵³ in most programs.
        let boot = u64::from_be_bytes(boot) >> 11;
        Ok(Self { boot })
    }

    /// What it shows now.
    pub fn now(&self) -> Moment {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let millis = u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000;
        Moment {
            boot: self.boot,
            millis: seconds.saturating_mul(1_000).saturating_add(millis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_comparable_within_one_start_of_the_system() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let unknown = Uptime::new(&paths).unwrap().now();
        let path = paths.boot_id();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "4a6d0a0e-0001\n").unwrap();
        let first = Uptime::new(&paths).unwrap().now();
        let second = Uptime::new(&paths).unwrap().now();
        assert!(second.since(&first).unwrap() < Duration::from_secs(60));
        assert_eq!(first.since(&unknown), None);
        std::fs::write(&path, "4a6d0a0e-0002\n").unwrap();
        let third = Uptime::new(&paths).unwrap().now();
        assert_eq!(third.since(&second), None);
    }

    fn at(wall: u64, monotonic: u64) -> Reading {
        Reading {
            wall: Duration::from_secs(wall),
            monotonic: Duration::from_secs(monotonic),
        }
    }

    #[test]
    fn only_a_clock_that_was_set_has_jumped() {
        let boot = at(1_700_000_000, 10);
        let jumped = |wall, monotonic| at(wall, monotonic).has_jumped_since(&boot);
        assert!(!jumped(1_700_000_000, 10));
        assert!(!jumped(1_700_086_400, 86_410));
        // Regulated, or read at moments that differ.
        assert!(!jumped(1_700_000_105, 110));
        assert!(!jumped(1_700_000_095, 110));
        assert!(jumped(1_700_000_106, 110));
        assert!(jumped(1_700_000_094, 110));
        assert!(jumped(1_790_000_000, 12));
        assert!(jumped(0, 12));
    }

    #[test]
    fn the_real_clocks_go_together() {
        let clock = Clock::new();
        let first = clock.read();
        let second = clock.read();
        assert!(second.monotonic >= first.monotonic);
        assert!(!second.has_jumped_since(&first));
    }
}
