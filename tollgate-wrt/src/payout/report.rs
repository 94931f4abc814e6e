//! What became of a payout, for people and programs.

use log::{debug, info};
use serde_json::{Value, json};

use super::prepare::Prepared;
use crate::ledger::Purse;
use crate::ledger::record::{Paid, Purpose};

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Paid,
    /// It is under way.
    Pending,
    /// It would be made.
    Planned,
    /// There was nothing to do, or nobody to pay.
    Skipped,
    /// It failed before, and is not tried now.
    Resting,
    /// It could not be made.
    Failed,
}

impl Fate {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Pending => "pending",
            Self::Planned => "planned",
            Self::Skipped => "skipped",
            Self::Resting => "resting",
            Self::Failed => "failed",
        }
    }
}

/// A payout that was made, or was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    purse: Purse,
    share: Option<String>,
    address: Option<String>,
    amount: u64,
    fee: u64,
    /// How far it came.
    pub fate: Fate,
    why: String,
}

impl Report {
    /// One of a payout that there is not.
    pub fn new(purse: &Purse, share: Option<&str>, fate: Fate, why: String) -> Self {
        Self {
            purse: purse.clone(),
            share: share.map(str::to_owned),
            address: None,
            amount: 0,
            fee: 0,
            fate,
            why,
        }
    }

    /// One of a payout that could be made.
    pub(super) fn prepared(prepared: &Prepared) -> Self {
        let intent = &prepared.intent;
        let payout = match &intent.purpose {
            Purpose::Payout(payout) => Some(payout),
            _ => None,
        };
        Self {
            purse: (intent.mint.clone(), intent.unit.clone()),
            share: payout.and_then(|payout| payout.share.clone()),
            address: payout.map(|payout| payout.address.clone()),
            amount: prepared.amount,
            fee: prepared.fee,
            fate: Fate::Planned,
            why: String::new(),
        }
    }

    pub(super) fn to(mut self, address: &str) -> Self {
        self.address = Some(address.to_owned());
        self
    }

    pub(super) fn paid(mut self, paid: &Paid) -> Self {
        (self.fate, self.amount, self.fee) = (Fate::Paid, paid.amount, paid.fee);
        self
    }

    pub(super) fn pending(mut self) -> Self {
        self.fate = Fate::Pending;
        self
    }

    pub(super) fn failed(mut self, why: String) -> Self {
        (self.fate, self.why) = (Fate::Failed, why);
        self
    }

    /// Writes it to the log: only what is news.
    pub(super) fn log(&self) {
        let text = self.to_string();
        match self.fate {
            Fate::Failed => info!(payout = text.as_str(); "not paid out"),
            _ => debug!(payout = text.as_str(); "payout"),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "mint": self.purse.0,
            "unit": self.purse.1,
            "identity": self.share,
            "to": self.address,
            "amount": self.amount,
            "fee": self.fee,
            "state": self.fate.as_str(),
            "reason": self.why,
        })
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mint, unit) = &self.purse;
        let (amount, fee) = (self.amount, self.fee);
        let who = match (&self.share, &self.address) {
            (Some(name), Some(address)) => format!(" to {name} ({address})"),
            (Some(name), None) => format!(" to {name}"),
            (None, Some(address)) => format!(" to {address}"),
            (None, None) => String::new(),
        };
        match self.fate {
            Fate::Paid => write!(f, "paid {amount} {unit}{who}, fees {fee} {unit}, {mint}"),
            Fate::Planned => write!(
                f,
                "would pay {amount} {unit}{who}, fees at most {fee} {unit}, {mint}"
            ),
            Fate::Pending if amount == 0 => write!(f, "pending{who}, {mint}: {}", self.why),
            Fate::Pending => write!(
                f,
                "pending: {amount} {unit}{who}, {mint}; it is settled as soon as the mint says how"
            ),
            Fate::Skipped | Fate::Resting => write!(f, "not paid{who}, {mint}: {}", self.why),
            Fate::Failed => write!(f, "not paid{who}, {mint}: {}", self.why),
        }
    }
}
