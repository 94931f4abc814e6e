//! What passed beyond what was bought, by the gate's own counters and the clock.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use log::info;
use serde::Serialize;

use super::Keeper;
use crate::clock::Moment;
use crate::gate::Open;
use crate::ledger::session::Session;
use crate::net::Mac;

/// The most that passed beyond what was bought, of one session each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Overshoot {
    /// In bytes.
    pub bytes: u64,
    /// In milliseconds.
    pub milliseconds: u64,
}

/// What is known since the start.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Of sessions that are not closed yet, in bytes.
    open: BTreeMap<Mac, u64>,
    most: Overshoot,
}

impl Keeper {
    /// The most of all sessions that have ended since the start.
    pub fn overshoot(&self) -> Overshoot {
        let account = self.overshoot.lock();
        account.unwrap_or_else(PoisonError::into_inner).most
    }

    /// Takes over what the gate has counted.
    pub(super) fn count(&self, open: &[&Open], now: Moment) {
        let over: Vec<(Mac, u64)> = self.store.update(|state| {
            let counted = open
                .iter()
                .map(|open| (open.mac, state.count(open.mac, open.bytes, now)));
            counted.filter(|(_, over)| *over > 0).collect()
        });
        let account = self.overshoot.lock();
        let mut account = account.unwrap_or_else(PoisonError::into_inner);
        for (mac, over) in over {
            *account.open.entry(mac).or_default() += over;
        }
    }

    /// Says that a session has ended, and how much passed beyond its end.
    pub(super) fn tell_end(&self, mac: Mac, session: &Session) {
        let milliseconds = match self.gate.keeps_limits() {
            true => 0,
            false => session.late_at(self.now()),
        };
        let account = self.overshoot.lock();
        let mut account = account.unwrap_or_else(PoisonError::into_inner);
        let bytes = account.open.remove(&mac).unwrap_or(0);
        account.most.bytes = account.most.bytes.max(bytes);
        account.most.milliseconds = account.most.milliseconds.max(milliseconds);
        let over = bytes.max(milliseconds);
        info!(mac:%, metric = session.metric.as_str(), bought = session.allotment, over; "session ended");
    }
}
