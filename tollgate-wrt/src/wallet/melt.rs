//! Lightning for ecash: the mint pays an invoice (NUT-05, NUT-08).

use cashu::{BlindSignature, CurrencyUnit, Proof, State};
use log::debug;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{MintError, code};
use super::http::Connection;
use super::mint::{Mint, check_name, encode, read};
use super::outputs;
use crate::ledger::record::{Intent, Payout};

/// What a mint asks for paying an invoice, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MeltQuote {
    /// The mint's name for it.
    pub quote: String,
    /// The invoice's amount, in the unit that was asked for.
    pub amount: u64,
    /// The most that Lightning may cost; what is not needed comes back.
    pub fee_reserve: u64,
    /// `UNPAID`, `PENDING` or `PAID`.
    #[serde(default)]
    state: Option<String>,
    /// What older mints have in its place.
    #[serde(default)]
    paid: Option<bool>,
    /// What was paid too much, signed.
    #[serde(default)]
    change: Option<Vec<BlindSignature>>,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Unpaid,
    Pending,
    Paid,
}

impl MeltQuote {
    fn progress(&self) -> Result<Progress, MintError> {
        match (self.state.as_deref().unwrap_or_default(), self.paid) {
            ("UNPAID", _) | ("", Some(false)) => Ok(Progress::Unpaid),
            ("PENDING", _) => Ok(Progress::Pending),
            ("PAID", _) | ("", Some(true)) => Ok(Progress::Paid),
            (state, _) => Err(MintError::Lost(format!("state {state:?}"))),
        }
    }
}

/// What became of a payment.
#[derive(Debug)]
pub enum Melted {
    /// The invoice is paid; this is what was too much.
    Done(Vec<Proof>),
    /// It is not, and with this ecash it never will be.
    Refused(MintError),
    /// It is not, but somebody else has spent the ecash.
    Gone(MintError),
    /// Nobody knows yet.
    Unknown(MintError),
}

impl Mint {
    /// Asks what it costs to have an invoice paid.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn melt_quote(
        &self,
        invoice: &str,
        unit: &CurrencyUnit,
    ) -> Result<MeltQuote, MintError> {
        let request = json!({"request": invoice, "unit": unit});
        let found: MeltQuote = self.post("/v1/melt/quote/bolt11", &request).await?;
        check_name(&found.quote)?;
        Ok(found)
    }

    /// Has an invoice paid that it was never asked to pay before.
    pub async fn melt_first(
        &self,
        mut connection: Connection,
        intent: &Intent,
        payout: &Payout,
    ) -> Melted {
        let mut tried = 0;
        let error = loop {
            let error = match self.melt(connection, intent, payout).await {
                Ok(answer) => return self.judge(intent, &answer).await,
                Err(error) => error,
            };
            tried += 1;
            connection = match self.once_more(error, tried).await {
                Ok(connection) => connection,
                Err(error) => break error,
            };
        };
        match error {
            // Nothing was done, by what these say.
            MintError::Unreachable(_) | MintError::RateLimited(_) => Melted::Refused(error),
            // The only request that there ever was is answered. Mints differ in
            // what they answer while a payment is under way, so it is looked.
            MintError::Refused { .. } => match self.look(intent, payout).await {
                Ok((Some(State::Unspent), Progress::Unpaid)) => Melted::Refused(error),
                _ => Melted::Unknown(error),
            },
            MintError::Lost(_) => Melted::Unknown(error),
        }
    }

    /// Finds out what became of a payment that may have been made, and has it
    /// made if it was not. A request may still be under way to the mint: as
    /// long as the invoice can be paid (`is_over` is false) no refusal counts.
    ///
    /// The ecash is looked at first: a mint spends it when the invoice is paid
    /// for good, so that what is seen after it is final.
    pub async fn melt_again(&self, intent: &Intent, payout: &Payout, is_over: bool) -> Melted {
        let (spent, progress) = match self.look(intent, payout).await {
            Ok(found) => found,
            Err(error) => return Melted::Unknown(error),
        };
        match (spent, progress) {
            (Some(State::Spent) | None, Progress::Paid) => self.change(intent, payout).await,
            (Some(State::Spent), Progress::Unpaid) => Melted::Gone(MintError::Refused {
                code: Some(code::SPENT),
                detail: "somebody else has spent the wallet's ecash".to_owned(),
            }),
            (Some(State::Unspent) | None, Progress::Unpaid) if is_over => {
                Melted::Refused(MintError::Refused {
                    code: None,
                    detail: "the invoice was not paid in its time".to_owned(),
                })
            }
            (Some(State::Unspent) | None, Progress::Unpaid) => {
                let connection = match self.connect().await {
                    Ok(connection) => connection,
                    Err(error) => return Melted::Unknown(error),
                };
                match self.melt(connection, intent, payout).await {
                    Ok(answer) => self.judge(intent, &answer).await,
                    Err(error) => Melted::Unknown(error),
                }
            }
            // Paid by somebody else: the wallet's ecash was not needed.
            (Some(State::Unspent), Progress::Paid) if is_over => {
                Melted::Refused(MintError::Refused {
                    code: None,
                    detail: "somebody else has paid the invoice".to_owned(),
                })
            }
            _ => Melted::Unknown(MintError::Lost("the payment is under way".to_owned())),
        }
    }

    async fn melt(
        &self,
        connection: Connection,
        intent: &Intent,
        payout: &Payout,
    ) -> Result<MeltQuote, MintError> {
        let outputs = outputs::blind(&intent.outputs)
            .map_err(|garbage| MintError::Lost(garbage.to_string()))?;
        let mut request = json!({"quote": payout.quote, "inputs": intent.inputs});
        if !outputs.is_empty() {
            request["outputs"] = serde_json::to_value(outputs)
                .map_err(|error| MintError::Lost(error.to_string()))?;
        }
        let answer = connection
            .request("/v1/melt/bolt11", Some(encode(&request)?))
            .await?;
        read_melted(read(&answer)?, payout)
    }

    /// From the answer to a request for payment.
    async fn judge(&self, intent: &Intent, answer: &MeltQuote) -> Melted {
        match answer.progress() {
            Ok(Progress::Paid) => self.take_change(intent, answer.change.as_deref()).await,
            Ok(_) => Melted::Unknown(MintError::Lost("the payment is under way".to_owned())),
            Err(error) => Melted::Unknown(error),
        }
    }

    /// The state of the ecash (all of it; `None` where a mint does not say), and
    /// of the payment, in this order.
    async fn look(
        &self,
        intent: &Intent,
        payout: &Payout,
    ) -> Result<(Option<State>, Progress), MintError> {
        let spent = match self.states(&intent.inputs).await {
            Ok(states) if states.iter().all(|state| *state == State::Unspent) => {
                Some(State::Unspent)
            }
            Ok(states) if states.contains(&State::Spent) => Some(State::Spent),
            Ok(_) => Some(State::Pending),
            Err(MintError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        match self.melt_state(payout).await {
            Ok(quote) => Ok((spent, quote.progress()?)),
            // It has forgotten the quote; unspent ecash has paid nothing.
            Err(MintError::Refused { .. }) if spent == Some(State::Unspent) => {
                Ok((spent, Progress::Unpaid))
            }
            Err(error) => Err(error),
        }
    }

    async fn melt_state(&self, payout: &Payout) -> Result<MeltQuote, MintError> {
        let path = format!("/v1/melt/quote/bolt11/{}", payout.quote);
        self.get::<MeltQuote>(&path).await
    }

    /// What a payment that was made before has left.
    async fn change(&self, intent: &Intent, payout: &Payout) -> Melted {
        match self.melt_state(payout).await {
            Ok(quote) => self.take_change(intent, quote.change.as_deref()).await,
            Err(error) => Melted::Unknown(error),
        }
    }

    /// Makes ecash of what was paid too much: of what the mint shows, in the
    /// order of the outputs, else of what it has signed by its own books.
    async fn take_change(&self, intent: &Intent, shown: Option<&[BlindSignature]>) -> Melted {
        let Some(first) = intent.outputs.first() else {
            return Melted::Done(Vec::new());
        };
        let keys = match self.keys(first.keyset).await {
            Ok(keys) => keys,
            Err(error) => return Melted::Unknown(error),
        };
        let must_prove = self.must_prove().await;
        let unblind = |pairs: &mut dyn Iterator<Item = (_, _)>| {
            pairs
                .map(|(output, signature)| {
                    outputs::unblind_one(output, signature, &keys, must_prove)
                })
                .collect::<Result<Vec<Proof>, _>>()
        };
        let shown = shown.unwrap_or_default();
        if !shown.is_empty() && shown.len() <= intent.outputs.len() {
            match unblind(&mut intent.outputs.iter().zip(shown)) {
                Ok(proofs) => return Melted::Done(proofs),
                Err(garbage) => {
                    debug!(mint:% = self.url(), garbage:%; "unusable change");
                }
            }
        }
        let found = match self.restore_some(&intent.outputs).await {
            Ok(found) => found,
            // A mint without NUT-09 shows all that it has signed.
            Err(MintError::Refused { .. }) if shown.is_empty() => {
                return Melted::Done(Vec::new());
            }
            Err(error) => return Melted::Unknown(error),
        };
        let pairs = intent.outputs.iter().zip(&found);
        let mut pairs = pairs.filter_map(|(output, found)| Some((output, found.as_ref()?)));
        match unblind(&mut pairs) {
            Ok(proofs) => Melted::Done(proofs),
            Err(garbage) => Melted::Unknown(MintError::Lost(garbage.to_string())),
        }
    }
}

/// The answer to a request for payment; mints of the first days tell less there
/// than in a quote.
fn read_melted(mut answer: Value, payout: &Payout) -> Result<MeltQuote, MintError> {
    if let Some(fields) = answer.as_object_mut() {
        for (key, value) in [
            ("quote", json!(payout.quote)),
            ("amount", json!(payout.amount)),
            ("fee_reserve", json!(payout.fee_reserve)),
        ] {
            fields.entry(key).or_insert(value);
        }
    }
    serde_json::from_value(answer)
        .map_err(|error| MintError::Lost(format!("it cannot be read: {error}")))
}
