//! What can happen to money and sessions. These are the journal's records.

use std::collections::BTreeMap;

use cashu::secret::Secret;
use cashu::{Amount, CurrencyUnit, Id, Proof, SecretKey};
use serde::{Deserialize, Serialize};

pub use super::name::TokenId;
use super::session::{Purchase, Session};
use crate::clock::Moment;
use crate::config::MintUrl;
use crate::net::Mac;

/// Ecash that a mint is asked for: enough to ask again for the same, and to
/// make it spendable once the mint has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its value.
    pub amount: Amount,
    /// The keys that are to sign it.
    pub keyset: Id,
    /// The secret that spends it.
    pub secret: Secret,
    /// The number that hides the secret from the mint.
    pub r: SecretKey,
}

/// What a swap is made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A customer pays.
    Payment {
        /// Who.
        mac: Mac,
        /// For what.
        purchase: Purchase,
    },
    /// The owner puts ecash into the wallet.
    Receive,
    /// The owner takes an exact amount out. The inputs are the wallet's own;
    /// the first outputs, of this amount together, are what leaves it.
    Send {
        /// How much.
        amount: u64,
    },
    /// The wallet's own ecash is swapped for other ecash of the same mint: of
    /// keys that last, or of other sizes.
    Renew,
    /// The wallet's own ecash pays a Lightning invoice; the outputs are blank,
    /// for what was paid too much.
    Payout(Payout),
}

impl Purpose {
    /// Whether the inputs are the wallet's own: they leave it with the intent,
    /// and come back if nothing comes of it.
    pub fn is_own(&self) -> bool {
        match self {
            Self::Payment { .. } | Self::Receive => false,
            Self::Send { .. } | Self::Renew | Self::Payout(_) => true,
        }
    }
}

/// A Lightning invoice that the mint is to pay (NUT-05).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// Whose share it is, by the name in `identities.json`; none for a payment
    /// that the owner has ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// Where it goes: a Lightning address, or the invoice's own beginning.
    pub address: String,
    /// The mint's name for the payment.
    pub quote: String,
    /// The invoice.
    pub request: String,
    /// What arrives, in the intent's unit.
    pub amount: u64,
    /// The most that Lightning costs.
    pub fee_reserve: u64,
    /// When the invoice ends, in seconds since 1970.
    pub expiry: u64,
}

/// A payout that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The ecash that paid.
    pub id: TokenId,
    /// Whose share it was, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// Where it went.
    pub address: String,
    /// The mint that paid.
    pub mint: MintUrl,
    /// What the amounts count.
    pub unit: CurrencyUnit,
    /// What arrived.
    pub amount: u64,
    /// What it cost beside that: Lightning's fees and the mint's own.
    pub fee: u64,
    /// When, by the wall clock.
    pub time: u64,
}

/// A Lightning invoice of a mint, which is paid in place of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// The mint's name for it.
    pub quote: String,
    /// What a Lightning wallet pays.
    pub request: String,
    /// Its amount, in the intent's unit.
    pub amount: u64,
    /// Until when it can be paid, by the mint's clock. See [`Invoice::end`].
    pub expiry: Option<u64>,
}

impl Invoice {
    /// Until when it can be paid, by the mint's clock. Some mints do not say, and
    /// some say so with a 0.
    pub fn end(&self) -> Option<u64> {
        self.expiry.filter(|end| *end > 0)
    }
}

/// A swap that is about to be asked for, or an invoice that waits to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The token that is swapped.
    pub id: TokenId,
    /// What for.
    pub purpose: Purpose,
    /// The mint of the token.
    pub mint: MintUrl,
    /// What its amounts count.
    pub unit: CurrencyUnit,
    /// The token's ecash; none for an invoice.
    pub inputs: Vec<Proof>,
    /// The invoice, if it is not a token that pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Invoice>,
    /// The ecash in exchange.
    pub outputs: Vec<Output>,
    /// When, by the wall clock: for people.
    pub time: u64,
    /// Whether it is from a backup, so that what comes of it may be spent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
}

/// A payment that was credited. The same token again gets the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The token.
    pub id: TokenId,
    /// Who paid.
    pub mac: Mac,
    /// The session's total after this payment.
    pub allotment: u64,
    /// What was bought.
    pub purchase: Purchase,
    /// When the session began, by the wall clock.
    pub started: u64,
}

/// Ecash that was taken out of the wallet as a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The token.
    pub id: TokenId,
    /// Its mint.
    pub mint: MintUrl,
    /// What its amounts count.
    pub unit: CurrencyUnit,
    /// Its ecash, until somebody has it.
    pub proofs: Vec<Proof>,
    /// When, by the wall clock: for people.
    pub time: u64,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Record {
    /// A swap is about to be asked for.
    Intent(Intent),
    /// The mint has done the swap. Credits the session, too: money and access
    /// stand in one record, so that no crash can part them.
    Settled {
        /// The token that was swapped.
        id: TokenId,
        /// The ecash in exchange.
        proofs: Vec<Proof>,
        /// When, by the wall clock and by the system's own.
        time: u64,
        /// See `time`.
        now: Moment,
    },
    /// The mint has not done the swap, and never will.
    Refused {
        /// The token.
        id: TokenId,
    },
    /// A customer has access from now on.
    Opened {
        /// Who.
        mac: Mac,
        /// What the gate's counter shows at this moment.
        counter: u64,
        /// Since when.
        now: Moment,
    },
    /// A session as it is now: a usage that was counted, or one of all that
    /// there is when the journal is rewritten.
    Session {
        /// Whose.
        mac: Mac,
        /// All of it.
        session: Session,
    },
    /// A session has ended.
    Closed {
        /// Whose.
        mac: Mac,
    },
    /// A payment that was credited, when the journal is rewritten.
    Receipt(Receipt),
    /// Ecash in the wallet, when the journal is rewritten.
    Proofs {
        /// Its mint.
        mint: MintUrl,
        /// What its amounts count.
        unit: CurrencyUnit,
        /// The ecash.
        proofs: Vec<Proof>,
    },
    /// Ecash that leaves the wallet.
    Sent(Sent),
    /// Ecash from a backup. It may have been spent since that was made.
    Restored {
        /// Its mint.
        mint: MintUrl,
        /// What its amounts count.
        unit: CurrencyUnit,
        /// The ecash.
        proofs: Vec<Proof>,
    },
    /// What the mint says of ecash from a backup (NUT-07).
    Checked {
        /// Its mint.
        mint: MintUrl,
        /// What its amounts count.
        unit: CurrencyUnit,
        /// What belongs to the wallet.
        unspent: Vec<Secret>,
        /// What is worth nothing any more.
        spent: Vec<Secret>,
    },
    /// Sent ecash that has arrived, so that nobody has to be shown it again.
    Claimed {
        /// The token.
        id: TokenId,
    },
    /// What of a mint's ecash in the wallet is whose, from now on; the rest is
    /// not shared out yet.
    Owed {
        /// The mint.
        mint: MintUrl,
        /// What the amounts count.
        unit: CurrencyUnit,
        /// How much each has to get, by the names in `identities.json`.
        owed: BTreeMap<String, u64>,
    },
    /// A payout that was made, when the journal is rewritten.
    Paid(Paid),
    /// Ecash of the wallet that somebody else has spent: a copy of the wallet.
    Gone {
        /// Its mint.
        mint: MintUrl,
        /// What its amounts count.
        unit: CurrencyUnit,
        /// Its secrets.
        secrets: Vec<Secret>,
    },
}
