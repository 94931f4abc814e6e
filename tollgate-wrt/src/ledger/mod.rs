//! Who has bought what, and whose money it is: the state that the journal's
//! records add up to.
//!
//! [`State::apply`] depends on the records only, never on a clock or a file.
//! So a state that is read after a crash is the one that was there before.

pub mod record;
pub mod session;
mod snapshot;
mod store;

use std::collections::{BTreeMap, VecDeque};

use cashu::secret::Secret;
use cashu::{Amount, CurrencyUnit, Id, Proof, PublicKey};

use crate::clock::Moment;
use crate::config::MintUrl;
use crate::net::Mac;
use record::{Intent, Purpose, Receipt, Record, Sent, TokenId};
use session::Session;
pub use store::{Damage, Store};

/// Most receipts that are kept. A token whose receipt was forgotten is one that
/// its mint calls spent.
const MAX_RECEIPTS: usize = 1_000;

/// Ecash in the wallet, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    amount: Amount,
    keyset: Id,
    c: PublicKey,
}

/// Ecash that can be spent together: a mint, and what is counted.
pub type Purse = (MintUrl, CurrencyUnit);

/// Everything that must survive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    sessions: BTreeMap<Mac, Session>,
    pending: BTreeMap<TokenId, Intent>,
    receipts: VecDeque<Receipt>,
    purses: BTreeMap<Purse, BTreeMap<Secret, Held>>,
    sent: BTreeMap<TokenId, Sent>,
}

impl State {
    /// The session of a customer.
    pub fn session(&self, mac: Mac) -> Option<&Session> {
        self.sessions.get(&mac)
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = (Mac, &Session)> {
        self.sessions.iter().map(|(mac, session)| (*mac, session))
    }

    /// Brings a session up to date in memory; the journal hears of it later.
    pub fn count(&mut self, mac: Mac, counter: Option<u64>, now: Moment) {
        if let Some(session) = self.sessions.get_mut(&mac) {
            session.count(counter, now);
        }
    }

    /// Notes whether the system was started anew since the records were written.
    pub fn resume(&mut self, now: Moment) {
        for session in self.sessions.values_mut() {
            session.resume(now);
        }
    }

    /// The swap of a token whose outcome is not known yet.
    pub fn pending(&self, id: TokenId) -> Option<&Intent> {
        self.pending.get(&id)
    }

    /// All swaps whose outcome is not known yet.
    pub fn all_pending(&self) -> impl Iterator<Item = &Intent> {
        self.pending.values()
    }

    /// The receipt of a token, among the last ones.
    pub fn receipt(&self, id: TokenId) -> Option<&Receipt> {
        self.receipts.iter().rfind(|receipt| receipt.id == id)
    }

    /// What the wallet holds.
    pub fn balances(&self) -> impl Iterator<Item = (&Purse, u64)> {
        self.purses.iter().map(|(purse, held)| {
            let amounts = held.values().map(|held| u64::from(held.amount));
            (purse, amounts.fold(0, u64::saturating_add))
        })
    }

    /// The wallet's ecash of a mint.
    pub fn proofs(&self, purse: &Purse) -> Vec<Proof> {
        let held = self.purses.get(purse).into_iter().flatten();
        held.map(|(secret, held)| Proof::new(held.amount, held.keyset, secret.clone(), held.c))
            .collect()
    }

    /// Ecash that was taken out and may still be in nobody's hands.
    pub fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.values()
    }

    /// Adds what happened. What is already there, or was never begun, changes
    /// nothing: a record that a damaged file repeats counts once.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Intent(intent) => {
                if self.receipt(intent.id).is_none() {
                    if matches!(intent.purpose, Purpose::Send { .. }) {
                        self.take(&intent.mint, &intent.unit, &intent.inputs);
                    }
                    self.pending.insert(intent.id, intent.clone());
                }
            }
            Record::Settled {
                id,
                proofs,
                time,
                now,
            } => {
                if let Some(intent) = self.pending.remove(id) {
                    self.settle(intent, proofs, *time, *now);
                }
            }
            Record::Refused { id } => {
                let refused = self.pending.remove(id);
                if let Some(intent) =
                    refused.filter(|intent| matches!(intent.purpose, Purpose::Send { .. }))
                {
                    self.put(&intent.mint, &intent.unit, &intent.inputs);
                }
            }
            Record::Opened { mac, counter, now } => {
                if let Some(session) = self.sessions.get_mut(mac) {
                    session.open(*counter, *now);
                }
            }
            Record::Session { mac, session } => {
                self.sessions.insert(*mac, session.clone());
            }
            Record::Closed { mac } => {
                self.sessions.remove(mac);
            }
            Record::Receipt(receipt) => {
                if self.receipt(receipt.id).is_none() {
                    self.add_receipt(*receipt);
                }
            }
            Record::Proofs { mint, unit, proofs } => self.put(mint, unit, proofs),
            Record::Sent(sent) => {
                self.take(&sent.mint, &sent.unit, &sent.proofs);
                self.sent.insert(sent.id, sent.clone());
            }
            Record::Claimed { id } => {
                self.sent.remove(id);
            }
        }
    }

    fn settle(&mut self, intent: Intent, proofs: &[Proof], time: u64, now: Moment) {
        let (mac, purchase) = match intent.purpose {
            Purpose::Payment { mac, purchase } => (mac, purchase),
            Purpose::Receive => return self.put(&intent.mint, &intent.unit, proofs),
            Purpose::Send { amount } => return self.send(intent, proofs, amount, time),
        };
        self.put(&intent.mint, &intent.unit, proofs);
        let session = match self.sessions.entry(mac) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(Session::new(&purchase, time))
            }
            std::collections::btree_map::Entry::Occupied(entry) => {
                let session = entry.into_mut();
                session.add(&purchase, now);
                session
            }
        };
        let receipt = Receipt {
            id: intent.id,
            mac,
            allotment: session.allotment,
            purchase,
            started: session.started,
        };
        self.add_receipt(receipt);
    }

    /// Parts what leaves the wallet from the change.
    fn send(&mut self, intent: Intent, proofs: &[Proof], amount: u64, time: u64) {
        let mut left = amount;
        let end = proofs.iter().position(|proof| {
            let is_change = left == 0;
            left = left.saturating_sub(proof.amount.into());
            is_change
        });
        let (leaving, change) = proofs.split_at(end.unwrap_or(proofs.len()));
        self.put(&intent.mint, &intent.unit, change);
        let sent = Sent {
            id: TokenId::of(leaving.iter().map(|proof| &proof.secret)),
            mint: intent.mint,
            unit: intent.unit,
            proofs: leaving.to_vec(),
            time,
        };
        self.sent.insert(sent.id, sent);
    }

    fn take(&mut self, mint: &MintUrl, unit: &CurrencyUnit, proofs: &[Proof]) {
        if let Some(held) = self.purses.get_mut(&(mint.clone(), unit.clone())) {
            for proof in proofs {
                held.remove(&proof.secret);
            }
        }
        self.purses.retain(|_, held| !held.is_empty());
    }

    fn add_receipt(&mut self, receipt: Receipt) {
        if self.receipts.len() == MAX_RECEIPTS {
            self.receipts.pop_front();
        }
        self.receipts.push_back(receipt);
    }

    fn put(&mut self, mint: &MintUrl, unit: &CurrencyUnit, proofs: &[Proof]) {
        if proofs.is_empty() {
            return;
        }
        let purse = self.purses.entry((mint.clone(), unit.clone())).or_default();
        for proof in proofs {
            let held = Held {
                amount: proof.amount,
                keyset: proof.keyset_id,
                c: proof.c,
            };
            purse.insert(proof.secret.clone(), held);
        }
    }
}

#[cfg(test)]
mod tests;
