//! Sessions as they pass: opened, counted, checked and closed.
//!
//! The ledger says who has bought what; the gate lets through. This keeps the
//! two in step, whichever of them was restarted.

mod close;
mod delay;
mod last;
mod open;
mod overshoot;
mod trouble;
mod unset;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use log::{info, warn};
use tokio::sync::Mutex as Turn;

use crate::clock::{Moment, Uptime};
use crate::config::schema::Metric;
use crate::gate::{self, Gate, Open};
use crate::journal::When;
use crate::ledger::Store;
use crate::ledger::record::Record;
use crate::ledger::session::Session;
use crate::net::Mac;
use delay::Delay;
use last::Last;
pub use overshoot::Overshoot;
use unset::Unset;

/// How often usage is written down. A power cut costs the owner at most so much
/// of each session, and the flash one write in so long.
const CHECKPOINT: Duration = Duration::from_secs(300);

/// How often it is looked whether the gate lets through whom it should, if
/// nothing else calls for a look.
const RECONCILE: Duration = Duration::from_secs(30);

/// How often a gate that did not open is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// How often the same trouble is told.
const COMPLAINT: Duration = Duration::from_secs(60);

/// Keeps ledger and gate in step.
#[derive(Debug)]
pub struct Keeper {
    store: Arc<Store>,
    gate: Arc<dyn Gate>,
    uptime: Uptime,
    /// Whoever has it may work the gate.
    turn: Turn<()>,
    last: Last,
    delay: Delay,
    unset: Unset,
    /// Who waited for the gate at the start, and what they had bought.
    unwritten: Mutex<Vec<(Mac, u64)>>,
    /// Why the gate did not do what it was last asked for.
    trouble: Mutex<Option<String>>,
    /// What passed beyond what was bought.
    overshoot: Mutex<overshoot::Account>,
}

impl Keeper {
    /// A keeper of a ledger that was just read.
    pub fn new(store: Arc<Store>, gate: Arc<dyn Gate>, uptime: Uptime) -> Self {
        let (unset, unwritten) = store.update(|state| {
            state.resume(uptime.now());
            unset::at_start(state, gate.as_ref())
        });
        Self {
            store,
            gate,
            uptime,
            turn: Turn::new(()),
            last: Last::default(),
            delay: Delay::default(),
            unset,
            unwritten: Mutex::new(unwritten),
            trouble: Mutex::default(),
            overshoot: Mutex::default(),
        }
    }

    /// The same, whose gate opens so long after a payment.
    #[must_use]
    pub fn with_delay(mut self, time: Duration) -> Self {
        self.delay.time = time;
        self
    }

    /// The system's own time.
    pub fn now(&self) -> Moment {
        self.uptime.now()
    }

    /// Whether the gate could be opened.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self, mac: Mac) -> Result<(), gate::Error> {
        self.noted(self.gate.ready(mac).await)
    }

    /// Keeps the gate right until it is dropped.
    pub async fn tend(&self) {
        if let Err(error) = self.gate.tend().await {
            warn!(error:%; "the gate is not looked after any more");
        }
    }

    /// Opens the gate for all that the customer's session has left; a gate that
    /// is shut, once the delay is over.
    ///
    /// # Errors
    /// Why the customer has no access yet. It is tried again, by itself.
    pub async fn open(&self, mac: Mac) -> Result<(), gate::Error> {
        let _turn = self.turn.lock().await;
        let is_shut = self.store.read(|state| {
            let session = state.session(mac);
            session.is_some_and(|session| session.running.is_none())
        });
        if is_shut && self.delay.puts_off(mac, self.now()) {
            return Ok(());
        }
        let failures = self.open_now(vec![mac]).await;
        let failure = failures.into_iter().next();
        failure.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Whether the gate may not have what this customer has bought: it is shut, or
    /// has an older limit.
    pub fn is_behind(&self, mac: Mac) -> bool {
        let is_shut = self.store.read(|state| {
            let session = state.session(mac);
            session.is_some_and(|session| session.running.is_none())
        });
        is_shut || self.unset.has(mac)
    }

    /// What a customer has used and bought, if there is a session.
    pub fn session(&self, mac: Mac) -> Option<(Session, u64)> {
        let now = self.now();
        self.store.read(|state| {
            let session = state.session(mac)?;
            let used = session.used_at(now);
            Some((session.clone(), used)).filter(|(session, used)| *used < session.allotment)
        })
    }

    /// All sessions, and what is used of them.
    pub fn sessions(&self) -> Vec<(Mac, Session, u64)> {
        let now = self.now();
        self.store.read(|state| {
            let sessions = state.sessions();
            let sessions =
                sessions.map(|(mac, session)| (mac, session.clone(), session.used_at(now)));
            sessions.collect()
        })
    }

    /// Does what is due. Meant to be called every few seconds.
    pub async fn tick(&self) {
        let _turn = self.turn.lock().await;
        self.take_over().await;
        let now = self.now();
        let sessions: Vec<(Mac, Session)> = self.store.read(|state| {
            let sessions = state.sessions();
            sessions
                .map(|(mac, session)| (mac, session.clone()))
                .collect()
        });
        let is_counted =
            |session: &Session| session.metric == Metric::Bytes && session.running.is_some();
        let must_count = sessions.iter().any(|(_, session)| is_counted(session));
        if must_count
            || self
                .last
                .is_due(now, RECONCILE, |last| &mut last.reconciled)
        {
            match self.noted(self.gate.list().await) {
                Ok(open) => self.reconcile(&sessions, &open).await,
                Err(error) => {
                    self.last.forget(|last| &mut last.reconciled);
                    self.complain("the gate does not say whom it lets through", &error);
                }
            }
        }
        self.close_ended().await;
        for (mac, error) in self.open_now(self.delay.take_over(now)).await {
            warn!(mac:%, error:%; "paid, but the gate cannot be opened; it is tried again");
        }
        let is_waiting = sessions
            .iter()
            .any(|(mac, session)| session.running.is_none() || self.unset.has(*mac));
        if is_waiting && self.last.is_due(now, RETRY, |last| &mut last.retried) {
            self.open_claims().await;
        }
        if self
            .last
            .is_due(now, CHECKPOINT, |last| &mut last.checkpoint)
        {
            self.checkpoint().await;
            self.store.tidy().await;
        }
    }

    /// Says what would else be said every few seconds.
    fn complain(&self, what: &str, error: &gate::Error) {
        if self
            .last
            .is_due(self.now(), COMPLAINT, |last| &mut last.complained)
        {
            warn!(error:%; "{what}");
        }
    }

    /// Counts, opens again what the gate has forgotten, and closes what it
    /// should not let through.
    async fn reconcile(&self, sessions: &[(Mac, Session)], open: &[Open]) {
        let now = self.now();
        let known: BTreeSet<Mac> = sessions.iter().map(|(mac, _)| *mac).collect();
        let (counted, strangers): (Vec<_>, Vec<_>) =
            open.iter().partition(|open| known.contains(&open.mac));
        self.count(&counted, now);
        let strangers = strangers.into_iter().map(|open| open.mac);
        self.close(strangers.collect()).await;
        let open: BTreeSet<Mac> = open.iter().map(|open| open.mac).collect();
        let mut closed = Vec::new();
        for (mac, session) in sessions {
            let is_closed = session.running.is_some() && !open.contains(mac);
            if is_closed && session.remaining_at(now) > 0 {
                info!(mac:%; "the gate was closed, it is opened again");
                closed.push(*mac);
            }
        }
        for (mac, error) in self.open_now(closed).await {
            warn!(mac:%, error:%; "cannot open the gate");
        }
    }

    /// Writes down what was used.
    pub async fn checkpoint(&self) {
        let now = self.now();
        let running = self.store.update(|state| {
            let running: Vec<Mac> = (state.sessions())
                .filter(|(_, session)| session.running.is_some())
                .map(|(mac, _)| mac)
                .collect();
            for mac in &running {
                state.count(*mac, None, now);
            }
            running
        });
        let written = self.store.commit(When::Now, |state| {
            let sessions = running.iter().filter_map(|&mac| {
                let session = state.session(mac)?.clone();
                Some(Record::Session { mac, session })
            });
            (sessions.collect(), ())
        });
        if let Err(error) = written.await {
            warn!(error:%; "cannot write down what was used");
        }
    }
}

#[cfg(test)]
mod tests;
