//! The time of day, and whether somebody has set it.
//!
//! A router has no clock that runs without power: it starts at the time of its
//! newest file and is set, by hours or years, when the network first answers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

#[cfg(test)]
mod tests {
    use super::*;

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
