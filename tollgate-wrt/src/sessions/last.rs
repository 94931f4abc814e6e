//! What is done now and then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Moment;

/// When things were last done.
#[derive(Debug, Default)]
pub struct Last(Mutex<Times>);

/// The things.
#[derive(Debug, Default)]
pub struct Times {
    pub checkpoint: Option<Moment>,
    pub reconciled: Option<Moment>,
    pub retried: Option<Moment>,
    pub complained: Option<Moment>,
}

impl Last {
    /// Whether one of them was not done for so long; then it is now.
    pub fn is_due(
        &self,
        now: Moment,
        pause: Duration,
        which: impl FnOnce(&mut Times) -> &mut Option<Moment>,
    ) -> bool {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = which(&mut times);
        let is_due = last.is_none_or(|last| now.since(&last).is_none_or(|passed| passed >= pause));
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    /// Has one of them done again as soon as it is asked for: it has failed.
    pub fn forget(&self, which: impl FnOnce(&mut Times) -> &mut Option<Moment>) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *which(&mut times) = None;
    }
}
