//! What a customer has bought and used.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::config::schema::Metric;

/// One customer's purchase, with all that was added to it.
///
/// Of what has run out nothing is kept: the next payment begins a new session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// What is counted.
    pub metric: Metric,
    /// The size of one step when it was bought.
    pub step: u64,
    /// All that was bought, in milliseconds or bytes.
    pub allotment: u64,
    /// How much of it was used when it was last counted.
    pub used: u64,
    /// When it began, by the wall clock: for people, never for counting.
    pub started: u64,
    /// Since when the gate is open, or when it was last counted. `None` while
    /// the customer has no access: nothing is used up then.
    pub running: Option<Moment>,
    /// What the gate's own counter showed when it was last counted, in bytes.
    pub counter: u64,
}

/// What one payment buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// What is counted.
    pub metric: Metric,
    /// The size of one step.
    pub step: u64,
    /// How many of them.
    pub steps: u64,
}

impl Purchase {
    /// The amount in milliseconds or bytes. Whoever makes a purchase has
    /// checked that it is a number.
    pub fn allotment(&self) -> u64 {
        self.step.saturating_mul(self.steps)
    }
}

impl Session {
    /// A session that begins with `purchase`; its customer has no access yet.
    pub fn new(purchase: &Purchase, started: u64) -> Self {
        Self {
            metric: purchase.metric,
            step: purchase.step,
            allotment: purchase.allotment(),
            used: 0,
            started,
            running: None,
            counter: 0,
        }
    }

    /// Adds a purchase to what remains.
    ///
    /// If the owner has changed the metric, what remains is counted on in the
    /// new one, step for step: the customer paid for steps. A step that was
    /// begun counts as a whole one.
    pub fn add(&mut self, purchase: &Purchase, now: Moment) {
        // Read again after a start of the system, it may still be that of before.
        self.resume(now);
        // Time beyond the old allotment is not to be taken from the new one.
        self.advance(now);
        if self.metric != purchase.metric {
            let remaining = self.allotment - self.used;
            let steps = remaining.div_ceil(self.step.max(1));
            self.allotment = steps.saturating_mul(purchase.step);
            self.used = 0;
            self.metric = purchase.metric;
        }
        self.step = purchase.step;
        self.allotment = self.allotment.saturating_add(purchase.allotment());
    }

    /// How much is used at a moment. Time passes by itself; bytes have to be
    /// counted ([`Session::count`]).
    pub fn used_at(&self, now: Moment) -> u64 {
        self.passed_at(now).min(self.allotment)
    }

    fn passed_at(&self, now: Moment) -> u64 {
        let passed = match (self.metric, self.running) {
            (Metric::Milliseconds, Some(since)) => now.since(&since),
            _ => None,
        };
        let passed = passed.map_or(0, |passed| {
            u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
        });
        self.used.saturating_add(passed)
    }

    /// What is left at a moment.
    pub fn remaining_at(&self, now: Moment) -> u64 {
        self.allotment - self.used_at(now)
    }

    /// Counts up to a moment. One that was already counted changes nothing:
    /// records are written some time after what they tell.
    fn advance(&mut self, now: Moment) {
        self.used = self.used_at(now);
        let Some(since) = &mut self.running else {
            return;
        };
        if since.boot != now.boot || since.millis < now.millis {
            *since = now;
        }
    }

    /// Brings what is used up to date. `counter` is what the gate shows for
    /// this customer. A counter that shows less than before was set to zero in
    /// between, as gates do when they are restarted. Gives the bytes that passed
    /// beyond what was bought.
    pub fn count(&mut self, counter: Option<u64>, now: Moment) -> u64 {
        if self.running.is_none() {
            return 0;
        }
        self.advance(now);
        let Some(counter) = counter else { return 0 };
        let mut over = 0;
        if self.metric == Metric::Bytes {
            let fresh = counter.checked_sub(self.counter).unwrap_or(counter);
            let used = self.used.saturating_add(fresh);
            self.used = used.min(self.allotment);
            over = used - self.used;
        }
        self.counter = counter;
        over
    }

    /// How long ago the time was over that was bought, in milliseconds. 0 while
    /// it is not, and where bytes are counted.
    pub fn late_at(&self, now: Moment) -> u64 {
        match self.metric {
            Metric::Milliseconds => self.passed_at(now).saturating_sub(self.allotment),
            Metric::Bytes => 0,
        }
    }

    /// Notes that the customer has access from `now` on, and what the gate's
    /// counter showed then: it may have counted for an earlier session.
    pub fn open(&mut self, counter: u64, now: Moment) {
        self.advance(now);
        self.running = self.running.or(Some(now));
        self.counter = counter;
    }

    /// The same for a customer who has had access for a while, and has so much left of
    /// what was bought.
    pub fn open_late(&mut self, left: u64, counter: u64, now: Moment) {
        self.used = self.used.max(self.allotment.saturating_sub(left));
        self.open(counter, now);
    }

    /// Notes that the system was started anew if it was: the gate is closed
    /// then, and nobody knows how long the router was off.
    pub fn resume(&mut self, now: Moment) {
        if self.running.is_some_and(|since| since.boot != now.boot) {
            self.running = None;
            self.counter = 0;
        }
    }
}
