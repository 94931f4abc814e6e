//! Opening the gate for what sessions have left.

use std::time::Duration;

use log::{info, warn};

use super::Keeper;
use crate::clock::Moment;
use crate::config::schema::Metric;
use crate::gate::{self, Failures, Limit, Open};
use crate::journal::When;
use crate::ledger::State;
use crate::ledger::record::Record;
use crate::ledger::session::Session;
use crate::net::Mac;

/// What is left of a session; none if nothing is.
fn limit(session: &Session, now: Moment) -> Option<Limit> {
    let remaining = session.remaining_at(now);
    let limit = match session.metric {
        Metric::Milliseconds => Limit::Time(Duration::from_millis(remaining)),
        Metric::Bytes => Limit::Bytes(remaining),
    };
    (remaining > 0).then_some(limit)
}

impl Keeper {
    /// Opens the gate for all that sessions have left; gives whom it was not
    /// opened for. Whoever calls it has the turn.
    pub(super) async fn open_now(&self, many: Vec<Mac>) -> Failures {
        if many.is_empty() {
            return Failures::new();
        }
        self.count_running(&many).await;
        let now = self.now();
        let mut failures = Failures::new();
        let mut wanted = Vec::new();
        let mut waiting = Vec::new();
        let mut over = Vec::new();
        self.store.read(|state| {
            for mac in many {
                let session = state.session(mac);
                match session.and_then(|session| Some((session, limit(session, now)?))) {
                    Some((session, limit)) => {
                        wanted.push((mac, limit));
                        if session.running.is_none() {
                            waiting.push((mac, session.metric));
                        }
                    }
                    None => over.push(mac),
                }
            }
        });
        let done: Vec<Mac> = wanted
            .iter()
            .map(|(mac, _)| *mac)
            .chain(over.clone())
            .collect();
        let refused = self.gate.open_all(wanted).await;
        self.unset.remove(&done);
        // Only what shuts customers out by itself has to have the new limit.
        if self.gate.keeps_limits() {
            self.unset.add(refused.iter().map(|(mac, _)| *mac));
        }
        let ended = || gate::Error("the session is over".to_owned());
        failures.extend(over.into_iter().map(|mac| (mac, ended())));
        let refusal = refused.first().map(|(_, error)| error.clone());
        let _ = self.noted(refusal.map_or(Ok(()), Err));
        waiting.retain(|(mac, _)| refused.iter().all(|(refused, _)| refused != mac));
        failures.extend(refused);
        if waiting.is_empty() {
            return failures;
        }
        match self.noted(self.counters(&waiting).await) {
            Ok(counters) => self.write_opened(&counters).await,
            Err(error) => failures.extend(waiting.iter().map(|(mac, _)| (*mac, error.clone()))),
        }
        failures
    }

    /// Honours what was bought while the gate could not be opened, or could not be
    /// told of it.
    pub(super) async fn open_claims(&self) {
        let claims: Vec<Mac> = self.store.read(|state| {
            let waiting = state
                .sessions()
                .filter(|(mac, session)| session.running.is_none() && !self.delay.has(*mac));
            waiting.map(|(mac, _)| mac).collect()
        });
        let mut behind = self.unset.all();
        behind.retain(|mac| !claims.contains(mac) && !self.delay.has(*mac));
        for (mac, error) in self.open_now(behind).await {
            // Whose time has ended by now is owed nothing.
            if self.unset.has(mac) {
                self.complain("somebody who has paid for more waits for the gate", &error);
            }
        }
        let failures = self.open_now(claims.clone()).await;
        for mac in claims {
            match failures.iter().find(|(failed, _)| *failed == mac) {
                None => info!(mac:%; "the gate is open now"),
                Some((_, error)) => {
                    self.complain("somebody who has paid waits for the gate", error);
                }
            }
        }
    }

    /// Counts what passed until now: the gate is opened for what is left, from
    /// what its counters show then. Where it says nothing, the last look counts.
    ///
    /// A gate that keeps limits by itself counts for everybody it knows, so that for
    /// whom it shows nothing it begins at 0.
    async fn count_running(&self, many: &[Mac]) {
        let counted: Vec<Mac> = self.store.read(|state| {
            let is_counted = |mac: &&Mac| {
                let session = state.session(**mac);
                session.is_some_and(|session| {
                    session.metric == Metric::Bytes && session.running.is_some()
                })
            };
            many.iter().filter(is_counted).copied().collect()
        });
        let open = match counted.as_slice() {
            [] => return,
            [mac] => {
                let bytes = self.gate.usage(*mac).await.unwrap_or_default();
                vec![Open { mac: *mac, bytes }]
            }
            _ => match self.gate.list().await {
                Ok(mut open) => {
                    let is_new = |mac: &&Mac| open.iter().all(|open| open.mac != **mac);
                    let fresh: Vec<Mac> = counted.iter().filter(is_new).copied().collect();
                    if self.gate.keeps_limits() {
                        let bytes = Some(0);
                        open.extend(fresh.into_iter().map(|mac| Open { mac, bytes }));
                    }
                    open
                }
                Err(_) => Vec::new(),
            },
        };
        let open = open.iter().filter(|open| counted.contains(&open.mac));
        self.count(&open.collect::<Vec<_>>(), self.now());
    }

    /// Brings a session's counter up to date before a payment changes its metric:
    /// bytes that passed while time was sold are nobody's to pay.
    pub async fn before_change(&self, mac: Mac, metric: Metric) {
        let changes = |state: &State| state.running_otherwise(mac, metric).is_some();
        if self.store.read(changes) {
            let _turn = self.turn.lock().await;
            let bytes = self.gate.usage(mac).await.unwrap_or_default();
            self.count(&[&Open { mac, bytes }], self.now());
        }
    }

    /// What the gate's counters show, for those whose bytes are counted; 0 for
    /// the others.
    async fn counters(&self, of: &[(Mac, Metric)]) -> Result<Vec<(Mac, u64)>, gate::Error> {
        let mut counters = Vec::new();
        match of {
            [(mac, Metric::Bytes)] => {
                counters.push((*mac, self.gate.usage(*mac).await?.unwrap_or(0)));
            }
            _ if of.iter().any(|(_, metric)| *metric == Metric::Bytes) => {
                let open = self.gate.list().await?;
                for (mac, _) in of {
                    let found = open.iter().find(|open| open.mac == *mac);
                    let bytes = found.and_then(|open| open.bytes);
                    counters.push((*mac, bytes.unwrap_or(0)));
                }
            }
            _ => counters.extend(of.iter().map(|(mac, _)| (*mac, 0))),
        }
        Ok(counters)
    }

    async fn write_opened(&self, counters: &[(Mac, u64)]) {
        let now = self.now();
        let records: Vec<Record> = counters
            .iter()
            .map(|&(mac, counter)| Record::Opened { mac, counter, now })
            .collect();
        let written = self.store.commit(When::Now, |_| (records.clone(), ()));
        if let Err(error) = written.await {
            // The customers have paid and are let through. That it was at this
            // moment, the next checkpoint writes.
            warn!(error:%; "cannot write to the journal");
            self.store
                .update(|state| records.iter().for_each(|record| state.apply(record)));
        }
    }
}
