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
pub use store::{Damage, Store, lines, read};

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
    /// Ecash from a backup, of which the mint has not said yet what it is worth.
    unchecked: BTreeMap<Purse, BTreeMap<Secret, Held>>,
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
        self.purses
            .iter()
            .map(|(purse, held)| (purse, worth(held.values())))
    }

    /// The wallet's ecash of a mint.
    pub fn proofs(&self, purse: &Purse) -> Vec<Proof> {
        proofs(self.purses.get(purse).into_iter().flatten())
    }

    /// What came out of a backup and may be spent: none of [`State::balances`].
    pub fn unchecked(&self) -> impl Iterator<Item = (&Purse, u64)> {
        self.unchecked
            .iter()
            .map(|(purse, held)| (purse, worth(held.values())))
    }

    /// At most `most` pieces of the ecash of [`State::unchecked`].
    pub fn unchecked_proofs(&self, purse: &Purse, most: usize) -> Vec<Proof> {
        proofs(self.unchecked.get(purse).into_iter().flatten().take(most))
    }

    /// Whether there is nothing that could be lost: no money, no session, no
    /// payment at work.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.pending.is_empty()
            && self.purses.is_empty()
            && self.unchecked.is_empty()
            && self.sent.is_empty()
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
                    self.put_for(&intent, &intent.inputs);
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
            Record::Restored { mint, unit, proofs } => self.put_unchecked(mint, unit, proofs),
            Record::Checked {
                mint,
                unit,
                unspent,
                spent,
            } => self.check(&(mint.clone(), unit.clone()), unspent, spent),
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
            Purpose::Receive => return self.put_for(&intent, proofs),
            Purpose::Send { amount } => return self.send(intent, proofs, amount, time),
        };
        self.put_for(&intent, proofs);
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
        self.put_for(&intent, change);
        let sent = Sent {
            id: TokenId::of(leaving.iter().map(|proof| &proof.secret)),
            mint: intent.mint,
            unit: intent.unit,
            proofs: leaving.to_vec(),
            time,
        };
        self.sent.insert(sent.id, sent);
    }

    /// Puts what came of an intent where it belongs.
    fn put_for(&mut self, intent: &Intent, proofs: &[Proof]) {
        match intent.restored {
            true => self.put_unchecked(&intent.mint, &intent.unit, proofs),
            false => self.put(&intent.mint, &intent.unit, proofs),
        }
    }

    /// Keeps ecash that may be spent, unless it is known here.
    fn put_unchecked(&mut self, mint: &MintUrl, unit: &CurrencyUnit, proofs: &[Proof]) {
        let purse = (mint.clone(), unit.clone());
        let has = |known: &[Proof], proof: &Proof| known.iter().any(|k| k.secret == proof.secret);
        let fresh = proofs.iter().filter(|proof| {
            let is_held = self
                .purses
                .get(&purse)
                .is_some_and(|held| held.contains_key(&proof.secret));
            let is_sent = self.sent.values().any(|sent| has(&sent.proofs, proof));
            let is_used = self
                .pending
                .values()
                .any(|intent| has(&intent.inputs, proof));
            !(is_held || is_sent || is_used)
        });
        let fresh: Vec<(Secret, Held)> = fresh.map(held).collect();
        if !fresh.is_empty() {
            self.unchecked.entry(purse).or_default().extend(fresh);
        }
    }

    /// Takes what the mint has told of out of what is unchecked.
    fn check(&mut self, purse: &Purse, unspent: &[Secret], spent: &[Secret]) {
        let Some(unchecked) = self.unchecked.get_mut(purse) else {
            return;
        };
        for secret in spent {
            unchecked.remove(secret);
        }
        let good = unspent
            .iter()
            .filter_map(|secret| unchecked.remove_entry(secret));
        let good: Vec<(Secret, Held)> = good.collect();
        if !good.is_empty() {
            self.purses.entry(purse.clone()).or_default().extend(good);
        }
        self.unchecked.retain(|_, held| !held.is_empty());
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
        purse.extend(proofs.iter().map(held));
    }
}

fn held(proof: &Proof) -> (Secret, Held) {
    let held = Held {
        amount: proof.amount,
        keyset: proof.keyset_id,
        c: proof.c,
    };
    (proof.secret.clone(), held)
}

fn proofs<'a>(held: impl Iterator<Item = (&'a Secret, &'a Held)>) -> Vec<Proof> {
    held.map(|(secret, held)| Proof::new(held.amount, held.keyset, secret.clone(), held.c))
        .collect()
}

fn worth<'a>(held: impl Iterator<Item = &'a Held>) -> u64 {
    let amounts = held.map(|held| u64::from(held.amount));
    amounts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
