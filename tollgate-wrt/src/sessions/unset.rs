//! What only one of ledger and gate may know, after a crash between the two.
//!
//! A top-up is written down first. If the gate then refuses the new limit, or a crash
//! comes between, it goes on with the old one, at which it would shut out somebody who
//! has paid for more. The gate is opened before that is written down: after a crash
//! between them it would be opened again for all that was bought.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{info, warn};

use super::Keeper;
use crate::config::schema::Metric;
use crate::gate::{Gate, Limit};
use crate::journal::When;
use crate::ledger::State;
use crate::ledger::record::Record;
use crate::net::Mac;

/// What may differ at the start, with gates that keep limits by themselves: whose
/// limit is older, and who waits for a gate that is open, with what they have bought.
pub fn at_start(state: &State, gate: &dyn Gate) -> (Unset, Vec<(Mac, u64)>) {
    let (unset, mut waiting) = (Unset::default(), Vec::new());
    if gate.keeps_limits() {
        for (mac, session) in state.sessions() {
            match session.running {
                Some(_) => unset.add([mac]),
                None => waiting.push((mac, session.allotment)),
            }
        }
    }
    (unset, waiting)
}

impl Keeper {
    /// Writes down that the gate is open for whom it is: what was used since is used.
    pub(super) async fn take_over(&self) {
        let waiting = || {
            self.unwritten
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let all = std::mem::take(&mut *waiting());
        for (at, &(mac, bought)) in all.iter().enumerate() {
            let found = match self.gate.left(mac).await {
                Ok(found) => found,
                // It is asked at the next look.
                Err(_) => return waiting().extend(&all[at..]),
            };
            let Some((left, counter)) = found else {
                continue;
            };
            let now = self.now();
            let written = self.store.commit(When::Now, |state| {
                // A payment since then is opened as a whole, if it was not already.
                let session = state
                    .session(mac)
                    .filter(|session| session.running.is_none() && session.allotment == bought);
                let left = match (left, session.map(|session| session.metric)) {
                    (Limit::Bytes(bytes), Some(Metric::Bytes)) => Some(bytes),
                    (Limit::Time(time), Some(Metric::Milliseconds)) => {
                        u64::try_from(time.as_millis()).ok()
                    }
                    _ => None,
                };
                let record = session.cloned().zip(left).map(|(mut session, left)| {
                    session.open_late(left, counter, now);
                    Record::Session { mac, session }
                });
                (record.iter().cloned().collect(), record.is_some())
            });
            match written.await {
                Ok(true) => info!(mac:%; "the gate was open already"),
                Ok(false) => {}
                Err(error) => warn!(mac:%, error:%; "cannot write to the journal"),
            }
        }
    }
}

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
