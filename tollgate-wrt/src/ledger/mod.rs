//! Who has bought what, and whose money it is: the state that the journal's
//! records add up to.
//!
//! [`State::apply`] depends on the records only, never on a clock or a file.
//! So a state that is read after a crash is the one that was there before.

mod name;
mod purse;
pub mod record;
mod restored;
pub mod session;
mod snapshot;
mod store;

use std::collections::{BTreeMap, VecDeque};

use cashu::secret::Secret;
use cashu::{Amount, CurrencyUnit, Id, Proof, PublicKey};

use crate::clock::Moment;
use crate::config::MintUrl;
use crate::config::schema::Metric;
use crate::net::Mac;
pub use purse::sum;
use record::{Intent, Paid, Purpose, Receipt, Record, Sent, TokenId};
use session::Session;
pub use store::{Damage, Store, lines, read};

/// Most receipts that are kept. A token whose receipt was forgotten is one that
/// its mint calls spent.
const MAX_RECEIPTS: usize = 1_000;

/// Most payouts that are kept, for the owner to look at.
const MAX_PAID: usize = 100;

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
    owed: BTreeMap<Purse, BTreeMap<String, u64>>,
    paid: VecDeque<Paid>,
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
    /// Gives what [`Session::count`] does.
    pub fn count(&mut self, mac: Mac, counter: Option<u64>, now: Moment) -> u64 {
        let session = self.sessions.get_mut(&mac);
        session.map_or(0, |session| session.count(counter, now))
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

    /// The session of a customer who has access, if it counts something else.
    pub fn running_otherwise(&self, mac: Mac, metric: Metric) -> Option<&Session> {
        let session = self.session(mac)?;
        (session.running.is_some() && session.metric != metric).then_some(session)
    }

    /// Whether a session is of one payment alone, as far as is known.
    pub fn is_of_one_payment(&self, mac: Mac, session: &Session) -> bool {
        let last = self.receipts.iter().rfind(|receipt| receipt.mac == mac);
        last.is_some_and(|receipt| {
            receipt.started == session.started && receipt.purchase.allotment() == session.allotment
        })
    }

    /// The receipt of a token, among the last ones.
    pub fn receipt(&self, id: TokenId) -> Option<&Receipt> {
        self.receipts.iter().rfind(|receipt| receipt.id == id)
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

    /// Adds what happened. What is already there, or was never begun, changes
    /// nothing: a record that a damaged file repeats counts once.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Intent(intent) => {
                if self.receipt(intent.id).is_none() && !self.is_paid(intent.id) {
                    if intent.purpose.is_own() {
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
                if let Some(intent) = refused.filter(|intent| intent.purpose.is_own()) {
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
            Record::Owed { mint, unit, owed } => {
                self.owed.insert((mint.clone(), unit.clone()), owed.clone());
            }
            Record::Paid(paid) => {
                if !self.is_paid(paid.id) {
                    self.add_paid(paid.clone());
                }
            }
            Record::Gone {
                mint,
                unit,
                secrets,
            } => self.remove(mint, unit, secrets.iter()),
        }
    }

    fn settle(&mut self, intent: Intent, proofs: &[Proof], time: u64, now: Moment) {
        let (mac, purchase) = match intent.purpose {
            Purpose::Payment { mac, purchase } => (mac, purchase),
            Purpose::Receive => return self.put_for(&intent, proofs),
            Purpose::Send { amount } => return self.send(intent, proofs, amount, time),
            Purpose::Renew => return self.put_for(&intent, proofs),
            Purpose::Payout(ref payout) => return self.pay_out(&intent, payout, proofs, time),
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

    fn add_receipt(&mut self, receipt: Receipt) {
        if self.receipts.len() == MAX_RECEIPTS {
            self.receipts.pop_front();
        }
        self.receipts.push_back(receipt);
    }
}

#[cfg(test)]
mod tests;
