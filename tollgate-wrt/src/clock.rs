//! The time of day, and whether somebody has set it.
//!
//! A router has no clock that runs without power: it starts at the time of its
//! newest file and is set, by hours or years, when the network first answers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bitcoin_hashes::{Hash as _, sha256};
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

/// A clock that shows less was never set: the beginning of 2026, before which
/// there was none of this software. One that is some days behind, as after a
/// power cut, shows itself by certificates that are not valid yet.
const FLOOR: Duration = Duration::from_secs(1_767_225_600);

impl Reading {
    /// Whether the time of day can be right.
    pub fn is_plausible(&self) -> bool {
        self.wall >= FLOOR
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
    /// What the system's clock showed at `start`.
    before: Duration,
    start: Instant,
}

impl Uptime {
    /// The clock of the running system. Where the system does not say which
    /// start of it this is, or how long ago it was, each run of the daemon
    /// counts as one.
    ///
    /// # Errors
    /// What the system says when it has no random numbers.
    pub fn new(paths: &Paths) -> std::io::Result<Self> {
        let mut boot = [0; 8];
        let id = files::read_text(&paths.boot_id()).unwrap_or_default();
        let uptime = files::read_text(&paths.uptime()).unwrap_or_default();
        // The file and not the system call: 32-bit systems have two of the
        // latter, for which the libraries in use have one name.
        let before = match (id.trim(), seconds(&uptime)) {
            ("", _) | (_, None) => {
                getrandom::getrandom(&mut boot)?;
                Duration::ZERO
            }
            (id, Some(uptime)) => {
                let digest = sha256::Hash::hash(id.as_bytes());
                boot.copy_from_slice(&digest.as_byte_array()[..8]);
                uptime
            }
        };
        Ok(Self {
            // JSON's numbers are exact up to 2⁵³ in most programs.
            boot: u64::from_be_bytes(boot) >> 11,
            before,
            start: Instant::now(),
        })
    }

    /// What it shows now.
    pub fn now(&self) -> Moment {
        let uptime = self.before.saturating_add(self.start.elapsed());
        Moment {
            boot: self.boot,
            millis: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The first number of `/proc/uptime`: `26689.99 27772.52`.
fn seconds(text: &str) -> Option<Duration> {
    let number = text.split_ascii_whitespace().next()?;
    Duration::try_from_secs_f64(number.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_comparable_within_one_start_of_the_system() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let unknown = Uptime::new(&paths).unwrap().now();
        let write = |path: &std::path::Path, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(&paths.boot_id(), "4a6d0a0e-0001\n");
        write(&paths.uptime(), "26689.99 27772.52\n");
        let first = Uptime::new(&paths).unwrap().now();
        assert!((26_689_990..26_700_000).contains(&first.millis));
        write(&paths.uptime(), "26700.00 27772.52\n");
        let second = Uptime::new(&paths).unwrap().now();
        let passed = second.since(&first).unwrap();
        assert!(passed > Duration::from_secs(9) && passed < Duration::from_secs(20));
        assert_eq!(first.since(&unknown), None);
        write(&paths.boot_id(), "4a6d0a0e-0002\n");
        let third = Uptime::new(&paths).unwrap().now();
        assert_eq!(third.since(&second), None);
        write(&paths.uptime(), "soon");
        let fourth = Uptime::new(&paths).unwrap().now();
        assert_eq!(fourth.since(&third), None);
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
    fn a_clock_that_was_never_set_is_noticed() {
        assert!(!at(0, 10).is_plausible());
        assert!(!at(1_730_000_000, 10).is_plausible());
        assert!(at(1_795_000_000, 10).is_plausible());
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
