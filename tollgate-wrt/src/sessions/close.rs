//! Closing the gate: for sessions that have ended, and for whoever has none.

use log::warn;

use super::Keeper;
use crate::journal::When;
use crate::ledger::record::Record;
use crate::ledger::session::Session;
use crate::net::Mac;

impl Keeper {
    /// Shuts out; gives whom it could not. They are found among those without a
    /// session, and it is tried again.
    pub(super) async fn close(&self, many: Vec<Mac>) -> Vec<Mac> {
        if many.is_empty() {
            return many;
        }
        let failures = self.gate.close_all(many).await;
        let failure = failures.first().map(|(_, error)| error.clone());
        let _ = self.noted(failure.map_or(Ok(()), Err));
        let failed = failures.into_iter().map(|(mac, error)| {
            warn!(mac:%, error:%; "cannot close the gate");
            mac
        });
        failed.collect()
    }

    /// Closes the sessions that have nothing left.
    pub(super) async fn close_ended(&self) {
        let now = self.now();
        let is_over = |session: &Session| session.remaining_at(now) == 0;
        let ended = self.store.commit(When::Now, |state| {
            let ended = state.sessions().filter(|(_, session)| is_over(session));
            let ended: Vec<(Mac, Session)> =
                ended.map(|(mac, session)| (mac, session.clone())).collect();
            let records = ended.iter().map(|&(mac, _)| Record::Closed { mac });
            (records.collect(), ended)
        });
        let ended = match ended.await {
            Ok(ended) => ended,
            // Nobody gets more than was bought: the gate is closed all the same.
            Err(error) => {
                warn!(error:%; "cannot write to the journal");
                self.store.read(|state| {
                    let ended = state.sessions().filter(|(_, session)| is_over(session));
                    ended.map(|(mac, session)| (mac, session.clone())).collect()
                })
            }
        };
        let macs: Vec<Mac> = ended.iter().map(|(mac, _)| *mac).collect();
        self.unset.remove(&macs);
        let failed = self.close(macs).await;
        for (mac, session) in ended {
            if !failed.contains(&mac) {
                self.tell_end(mac, &session);
            }
        }
    }
}
