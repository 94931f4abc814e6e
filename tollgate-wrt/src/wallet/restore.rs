//! What a mint has signed before (NUT-09).

use std::collections::BTreeMap;

use cashu::{BlindSignature, RestoreRequest, RestoreResponse};

use super::error::MintError;
use super::mint::Mint;
use super::outputs;
use crate::ledger::record::Output;

impl Mint {
    /// Asks for the signatures of a swap that may have been done, in the order
    /// of the outputs. `None` if the mint has signed none of them.
    ///
    /// # Errors
    /// [`MintError`], also for a mint that has signed only some of them.
    pub async fn restore(
        &self,
        wanted: &[Output],
    ) -> Result<Option<Vec<BlindSignature>>, MintError> {
        let found = self.restore_some(wanted).await?;
        let signatures: Vec<_> = found.into_iter().flatten().collect();
        match signatures.len() {
            0 => Ok(None),
            all if all == wanted.len() => Ok(Some(signatures)),
            _ => Err(MintError::Lost(
                "signatures for a part of the outputs".into(),
            )),
        }
    }

    /// Asks for the signatures that there are, in the order of the outputs.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn restore_some(
        &self,
        wanted: &[Output],
    ) -> Result<Vec<Option<BlindSignature>>, MintError> {
        let outputs =
            outputs::blind(wanted).map_err(|garbage| MintError::Lost(garbage.to_string()))?;
        let request = RestoreRequest {
            outputs: outputs.clone(),
        };
        let response: RestoreResponse = self.post("/v1/restore", &request).await?;
        if response.signatures.len() != response.outputs.len() {
            return Err(MintError::Lost("signatures that fit no outputs".into()));
        }
        let mut signed: BTreeMap<_, _> = (response.outputs.iter())
            .map(|output| output.blinded_secret)
            .zip(response.signatures)
            .collect();
        let found = outputs
            .iter()
            .map(|output| signed.remove(&output.blinded_secret));
        Ok(found.collect())
    }
}
