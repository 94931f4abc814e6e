//! Customers whose limit the gate may not have.
//!
//! A top-up is written down first. If the gate then refuses the new limit, or a crash
//! comes between, it goes on with the old one, at which it would shut out somebody who
//! has paid for more.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::net::Mac;

/// See the module.
#[derive(Debug, Default)]
pub struct Unset(Mutex<BTreeSet<Mac>>);

impl Unset {
    /// Notes that the gate may have another limit for these.
    pub fn add(&self, many: impl IntoIterator<Item = Mac>) {
        self.lock().extend(many);
    }

    /// Notes that it has the right one, or that there is none any more.
    pub fn remove(&self, many: &[Mac]) {
        let mut all = self.lock();
        many.iter().for_each(|mac| {
            all.remove(mac);
        });
    }

    /// Whether somebody is here.
    pub fn has(&self, mac: Mac) -> bool {
        self.lock().contains(&mac)
    }

    /// Everybody.
    pub fn all(&self) -> Vec<Mac> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Mac>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
