//! What a mint can do, asked as seldom as possible.

use log::debug;
use serde_json::Value;

use super::error::MintError;
use super::info::Abilities;
use super::mint::Mint;

impl Mint {
    /// What it can do. A mint that does not say can nothing of it.
    ///
    /// # Errors
    /// When it cannot be asked, and never could.
    pub async fn abilities(&self) -> Result<Abilities, MintError> {
        if let Some(known) = self.known().await.abilities {
            return Ok(known);
        }
        let found = match self.get::<Value>("/v1/info").await {
            Ok(info) => Abilities::new(&info),
            Err(MintError::Refused { .. }) => Abilities::default(),
            Err(error) => return Err(error),
        };
        self.known().await.abilities = Some(found);
        Ok(found)
    }

    /// Asks it again; what it said before counts until it answers.
    pub(super) async fn learn_abilities(&self) {
        match self.get::<Value>("/v1/info").await {
            Ok(info) => self.known().await.abilities = Some(Abilities::new(&info)),
            Err(error) => debug!(mint:% = self.url(), error:%; "it does not say what it can do"),
        }
    }

    /// Whether its signatures have to come with a proof: if it has said that
    /// they do. Nobody is asked for that now, a payment is waiting.
    pub(super) async fn must_prove(&self) -> bool {
        let known = self.known().await.abilities;
        known.is_some_and(|abilities| abilities.has_proofs)
    }
}
