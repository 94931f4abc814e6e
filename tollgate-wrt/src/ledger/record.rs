//! What can happen to money and sessions. These are the journal's records.

use std::fmt;
use std::str::FromStr;

use bitcoin_hashes::hex::{DisplayHex, FromHex};
use bitcoin_hashes::{Hash as _, HashEngine as _, sha256};
use cashu::secret::Secret;
use cashu::{Amount, CurrencyUnit, Id, Proof, SecretKey};
use serde::{Deserialize, Serialize};

use super::session::{Purchase, Session};
use crate::clock::Moment;
use crate::config::MintUrl;
use crate::net::Mac;

/// Names a token by the secrets in it. The text of a token is no name: one
/// token can be written in many ways.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TokenId([u8; 32]);

impl TokenId {
    /// The name of a token with these secrets, whatever their order.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut secrets: Vec<&Secret> = secrets.into_iter().collect();
        secrets.sort_unstable();
        let mut engine = sha256::Hash::engine();
        for secret in secrets {
            engine.input(&(secret.len() as u64).to_be_bytes());
            engine.input(secret.as_bytes());
        }
        Self(sha256::Hash::from_engine(engine).to_byte_array())
    }
}

impl TokenId {
    /// The name of an invoice of a mint.
    pub fn of_quote(mint: &MintUrl, quote: &str) -> Self {
        Self::of([&Secret::new(mint.as_str()), &Secret::new(quote)])
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_lower_hex_string())
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TokenId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = <[u8; 32]>::from_hex(text).map_err(|_| "no name of a token")?;
        Ok(Self(bytes))
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TokenId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

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
    /// Until when it can be paid, by the mint's clock. Some mints do not say.
    pub expiry: Option<u64>,
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
}
