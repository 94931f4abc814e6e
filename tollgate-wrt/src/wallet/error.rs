//! What can go wrong with a mint, sorted by what it means for the money.

use std::fmt;
use std::time::Duration;

use super::http::{Lost, Unreachable};

/// The mint's own numbers (NUT error codes). Its texts are for people, differ
/// from mint to mint, and are never compared.
pub mod code {
    /// The proofs are spent.
    pub const SPENT: u64 = 11001;
    /// The proofs are being spent.
    pub const PENDING: u64 = 11002;
    /// The outputs were signed before.
    pub const SIGNED: u64 = 11003;
    /// The outputs are being signed.
    pub const OUTPUTS_PENDING: u64 = 11004;
    /// The Lightning payment failed, and the ecash is unspent.
    pub const NOT_PAID: u64 = 20004;
    /// The ecash of the invoice was issued before.
    pub const ISSUED: u64 = 20002;
    /// The keyset is not known.
    pub const KEYSET_UNKNOWN: u64 = 12001;
    /// The keyset signs nothing any more.
    pub const KEYSET_INACTIVE: u64 = 12002;
}

/// Why a request to a mint failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MintError {
    /// Nothing was sent.
    Unreachable(String),
    /// The mint wants to be asked less; it has done nothing.
    RateLimited(Option<Duration>),
    /// The mint has understood, and has done nothing.
    Refused {
        /// Its number; mints and what stands before them do not always give one.
        code: Option<u64>,
        /// Its words, for people.
        detail: String,
    },
    /// Nobody knows whether the mint has done it.
    Lost(String),
}

impl MintError {
    /// The mint's number.
    pub fn code(&self) -> Option<u64> {
        match self {
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the mint cannot be reached: {why}"),
            Self::RateLimited(_) => f.write_str("the mint wants to be asked less often"),
            Self::Refused {
                code: Some(code),
                detail,
            } => write!(f, "the mint refuses: {detail} (code {code})"),
            Self::Refused { code: None, detail } => write!(f, "the mint refuses: {detail}"),
            Self::Lost(why) => write!(f, "no usable answer from the mint: {why}"),
        }
    }
}

impl From<Unreachable> for MintError {
    fn from(Unreachable(why): Unreachable) -> Self {
        Self::Unreachable(why)
    }
}

impl From<Lost> for MintError {
    fn from(Lost(why): Lost) -> Self {
        Self::Lost(why)
    }
}
