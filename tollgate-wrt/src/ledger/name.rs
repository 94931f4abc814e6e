//! Names of tokens, by which nothing is done twice.

use std::fmt;
use std::str::FromStr;

use bitcoin_hashes::hex::{DisplayHex, FromHex};
use bitcoin_hashes::{Hash as _, HashEngine as _, sha256};
use cashu::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::config::MintUrl;

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
