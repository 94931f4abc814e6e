//! Why nothing is paid out.

use std::fmt;

use crate::wallet::MintError;

/// Why a payout cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Who is to be paid cannot be.
    Payee(String),
    /// The mint does not pay.
    Mint(String),
    /// It is too little: later it may be more.
    Small(String),
    /// The wallet does not hold so much.
    Funds(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Payee(why) | Self::Mint(why) | Self::Small(why) | Self::Funds(why)) = self;
        f.write_str(why)
    }
}

impl From<MintError> for Problem {
    fn from(error: MintError) -> Self {
        Self::Mint(error.to_string())
    }
}
