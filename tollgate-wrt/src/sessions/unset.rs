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
use crate::clock::Moment;
use crate::config::schema::Metric;
use crate::gate::{Gate, Limit};
use crate::journal::When;
use crate::ledger::State;
use crate::ledger::record::Record;
use crate::net::Mac;

/// What may differ at the start, with gates that keep limits by themselves: whose
/// limit is older, and who waits for a gate that may be open, with what they have
/// bought. Who has bought twice may have a limit for the first alone.
pub fn at_start(state: &State, gate: &dyn Gate) -> (Unset, Vec<(Mac, u64)>) {
    let (unset, mut waiting) = (Unset::default(), Vec::new());
    if gate.keeps_limits() {
        for (mac, session) in state.sessions() {
            if session.running.is_some() {
                unset.add([mac]);
            } else if state.is_of_one_payment(mac, session) {
                waiting.push((mac, session.allotment));
            }
        }
    }
    (unset, waiting)
}

/// Whom the gate lets through, what they had bought, what they have left of it, and
/// what the gate has counted.
type Found = (Mac, u64, Limit, u64);

impl Keeper {
    /// Writes down that the gate is open for whom it is: what was used since is used.
    pub(super) async fn take_over(&self) {
        let waiting = || {
            self.unwritten
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let all = std::mem::take(&mut *waiting());
        let mut found: Vec<Found> = Vec::new();
        for (at, &(mac, bought)) in all.iter().enumerate() {
            match self.gate.left(mac).await {
                Ok(left) => found.extend(left.map(|(left, counter)| (mac, bought, left, counter))),
                // The others are asked for at the next look.
                Err(_) => {
                    waiting().extend(&all[at..]);
                    break;
                }
            }
        }
        if found.is_empty() {
            return;
        }
        let now = self.now();
        let records = |state: &State| -> Vec<Record> {
            let records = found.iter().filter_map(|found| opened(state, found, now));
            records.collect()
        };
        let written = self.store.commit(When::Now, |state| {
            let records = records(state);
            (records.clone(), records.len())
        });
        let many = match written.await {
            Ok(many) => many,
            Err(error) => {
                // As with every opening, the next checkpoint writes it.
                warn!(error:%; "cannot write to the journal");
                self.store.update(|state| {
                    let records = records(state);
                    records.iter().for_each(|record| state.apply(record));
                    records.len()
                })
            }
        };
        if many > 0 {
            info!(customers = many; "the gate was open already");
        }
    }
}

/// The session of somebody who was let through. A payment since then is opened as a
/// whole.
fn opened(state: &State, found: &Found, now: Moment) -> Option<Record> {
    let &(mac, bought, left, counter) = found;
    let session = state.session(mac)?;
    if session.running.is_some() || session.allotment != bought {
        return None;
    }
    let left = match (left, session.metric) {
        (Limit::Bytes(bytes), Metric::Bytes) => bytes,
        (Limit::Time(time), Metric::Milliseconds) => u64::try_from(time.as_millis()).ok()?,
        _ => return None,
    };
    let mut session = session.clone();
    session.open_late(left, counter, now);
    Some(Record::Session { mac, session })
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
