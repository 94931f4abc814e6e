//! Ecash for Lightning (NUT-04, NUT-23).

use cashu::{CurrencyUnit, MintRequest, MintResponse, Proof};
use serde::Deserialize;
use serde_json::json;

use super::error::{MintError, code};
use super::mint::{Mint, check_name};
use super::outputs;
use super::swap::Outcome;
use crate::ledger::record::Intent;

/// An invoice of a mint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Quote {
    /// The mint's name for it.
    pub quote: String,
    /// What a Lightning wallet pays.
    pub request: String,
    /// `UNPAID`, `PAID` or `ISSUED`.
    #[serde(default)]
    pub state: String,
    /// What older mints have in its place.
    #[serde(default)]
    pub paid: Option<bool>,
    /// Until when it can be paid.
    #[serde(default)]
    pub expiry: Option<u64>,
}

/// What became of an invoice.
#[derive(Debug)]
pub enum Minted {
    /// It was paid; this is the ecash.
    Done(Vec<Proof>),
    /// Not yet.
    Unpaid,
    /// The mint has issued the ecash, and none of it to this router.
    Taken,
    /// The mint signs with other keys by now.
    Stale,
    /// Nobody knows.
    Unknown(MintError),
}

impl Mint {
    /// Has the mint make an invoice.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn quote(&self, amount: u64, unit: &CurrencyUnit) -> Result<Quote, MintError> {
        let request = json!({"amount": amount, "unit": unit});
        let found: Quote = self.post("/v1/mint/quote/bolt11", &request).await?;
        check_name(&found.quote)?;
        Ok(found)
    }

    /// Gets the ecash of an invoice, if it was paid: now, or before a crash.
    pub async fn mint_paid(&self, intent: &Intent, quote: &str) -> Minted {
        let path = format!("/v1/mint/quote/bolt11/{quote}");
        let found = match self.get::<Quote>(&path).await {
            Ok(found) => found,
            Err(error) => return Minted::Unknown(error),
        };
        match (found.state.as_str(), found.paid) {
            ("UNPAID", _) | ("", Some(false)) => return Minted::Unpaid,
            ("PAID", _) | ("", Some(true)) => {}
            ("ISSUED", _) => return self.mint_again(intent).await,
            (state, _) => return Minted::Unknown(MintError::Lost(format!("state {state:?}"))),
        }
        let blinded = match outputs::blind(&intent.outputs) {
            Ok(outputs) => outputs,
            Err(garbage) => return Minted::Unknown(MintError::Lost(garbage.to_string())),
        };
        let request = MintRequest {
            quote: quote.to_owned(),
            outputs: blinded,
            signature: None,
        };
        match self.post::<MintResponse>("/v1/mint/bolt11", &request).await {
            Ok(response) => self.minted(intent, &response.signatures).await,
            Err(error) => match error.code() {
                Some(code::ISSUED | code::SIGNED) => self.mint_again(intent).await,
                Some(code::KEYSET_INACTIVE | code::KEYSET_UNKNOWN) => Minted::Stale,
                _ => Minted::Unknown(error),
            },
        }
    }

    async fn mint_again(&self, intent: &Intent) -> Minted {
        match self.restore(&intent.outputs).await {
            Ok(Some(signatures)) => self.minted(intent, &signatures).await,
            Ok(None) => Minted::Taken,
            Err(error) => Minted::Unknown(error),
        }
    }

    async fn minted(&self, intent: &Intent, signatures: &[cashu::BlindSignature]) -> Minted {
        match self.finish(intent, signatures).await {
            Outcome::Done(proofs) => Minted::Done(proofs),
            Outcome::Refused(error) | Outcome::Unknown(error) => Minted::Unknown(error),
        }
    }
}
