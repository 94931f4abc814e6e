//! A swap and its outcome, of which there is only one, however often one asks.

use cashu::{BlindSignature, Proof, State};
use log::debug;

use super::error::{MintError, code};
use super::http::Connection;
use super::mint::Mint;
use super::outputs;
use crate::ledger::record::{Intent, Purpose};

/// What became of a swap.
#[derive(Debug)]
pub enum Outcome {
    /// The mint has done it; this is the ecash.
    Done(Vec<Proof>),
    /// The mint has not done it, and what was sent to it never will be.
    Refused(MintError),
    /// Nobody knows yet.
    Unknown(MintError),
}

impl Mint {
    /// Asks for a swap that was never asked for before.
    pub async fn swap_first(&self, mut connection: Connection, intent: &Intent) -> Outcome {
        let mut tried = 0;
        let error = loop {
            let error = match self.swap(connection, &intent.inputs, &intent.outputs).await {
                Ok(signatures) => return self.finish(intent, &signatures).await,
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
            MintError::Unreachable(_) | MintError::RateLimited(_) => Outcome::Refused(error),
            MintError::Refused {
                code: Some(number), ..
            } if !is_about_outputs(number) => Outcome::Refused(error),
            _ => Outcome::Unknown(error),
        }
    }

    /// Finds out what became of a swap that may have been done, and has it done
    /// if it was not.
    ///
    /// The inputs are looked at first, then the outputs: a mint spends the ones
    /// and signs the others in one step, so that spent inputs without
    /// signatures were spent by somebody else.
    pub async fn resolve(&self, intent: &Intent) -> Outcome {
        match self.states(&intent.inputs).await {
            Ok(states) if states.contains(&State::Spent) => {
                return match self.restore(&intent.outputs).await {
                    Ok(Some(signatures)) => self.finish(intent, &signatures).await,
                    Ok(None) => Outcome::Refused(MintError::Refused {
                        code: Some(code::SPENT),
                        detail: "the token is spent".to_owned(),
                    }),
                    Err(error) => Outcome::Unknown(error),
                };
            }
            Ok(states) if states.iter().all(|state| *state == State::Unspent) => {}
            Ok(_) => {
                return Outcome::Unknown(MintError::Lost("the token is being spent".to_owned()));
            }
            // A mint without NUT-07 can still tell by NUT-09, or by the swap.
            Err(MintError::Refused { .. }) => match self.restore(&intent.outputs).await {
                Ok(Some(signatures)) => return self.finish(intent, &signatures).await,
                Ok(None) | Err(MintError::Refused { .. }) => {}
                Err(error) => return Outcome::Unknown(error),
            },
            Err(error) => return Outcome::Unknown(error),
        }
        // A backup is for finding what was done, not for doing it: whoever has
        // the token still has it.
        if intent.restored && !matches!(intent.purpose, Purpose::Payment { .. }) {
            return Outcome::Refused(MintError::Refused {
                code: None,
                detail: "it was not swapped before the backup was restored".to_owned(),
            });
        }
        let connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => return Outcome::Unknown(error),
        };
        match self.swap(connection, &intent.inputs, &intent.outputs).await {
            Ok(signatures) => self.finish(intent, &signatures).await,
            Err(MintError::Refused {
                // An earlier request for the same may have come between.
                code: Some(number),
                detail,
            }) if number == code::SPENT || number == code::PENDING || is_about_outputs(number) => {
                let code = Some(number);
                Outcome::Unknown(MintError::Refused { code, detail })
            }
            Err(error @ MintError::Refused { .. }) => self.look_again(intent, error).await,
            Err(error) => Outcome::Unknown(error),
        }
    }

    /// Judges the refusal of a swap that was asked for before. The first request
    /// may be what is in the way, and not every mint has a number for that: it
    /// is final only if the inputs are still unspent, and the mint will not swap
    /// them.
    async fn look_again(&self, intent: &Intent, error: MintError) -> Outcome {
        match self.states(&intent.inputs).await {
            Ok(states) if states.iter().all(|state| *state == State::Unspent) => {
                Outcome::Refused(error)
            }
            // It has no NUT-07; the outputs were looked for before.
            Err(MintError::Refused { .. }) => Outcome::Refused(error),
            Ok(_) | Err(_) => Outcome::Unknown(error),
        }
    }

    /// Makes ecash of signatures. What is wrong with them may be wrong with
    /// this one answer only, so that it is no reason to give up.
    pub(super) async fn finish(&self, intent: &Intent, signatures: &[BlindSignature]) -> Outcome {
        let Some(first) = intent.outputs.first() else {
            return Outcome::Unknown(MintError::Lost("a swap for nothing".to_owned()));
        };
        let keys = match self.keys(first.keyset).await {
            Ok(keys) => keys,
            Err(error) => return Outcome::Unknown(error),
        };
        let must_prove = self.must_prove().await;
        match outputs::unblind(&intent.outputs, signatures, &keys, must_prove) {
            Ok(proofs) => Outcome::Done(proofs),
            Err(garbage) => {
                debug!(mint:% = self.url(), token:% = intent.id, garbage:%; "unusable signatures");
                Outcome::Unknown(MintError::Lost(garbage.to_string()))
            }
        }
    }
}

/// Whether the mint says that it knows the outputs: it was asked for them
/// before, whatever this request's answer is.
fn is_about_outputs(number: u64) -> bool {
    matches!(number, code::SIGNED | code::OUTPUTS_PENDING)
}
