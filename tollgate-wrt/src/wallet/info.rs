//! What a mint says that it can do (NUT-06).

use log::debug;
use serde_json::Value;

use super::error::MintError;
use super::mint::Mint;

/// What not every mint can do, and what matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// It gives back what a Lightning payment did not need (NUT-08).
    pub has_change: bool,
    /// It proves that it signs with the keys that it shows everybody (NUT-12).
    pub has_proofs: bool,
}

impl Abilities {
    fn new(info: &Value) -> Self {
        let is_supported = |nut: &str| info["nuts"][nut]["supported"] == true;
        Self {
            has_change: is_supported("8"),
            has_proofs: is_supported("12"),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_said_counts() {
        let read = |nuts: Value| Abilities::new(&json!({"name": "x", "nuts": nuts}));
        let all = read(json!({"8": {"supported": true}, "12": {"supported": true}}));
        assert!(all.has_change && all.has_proofs);
        for nothing in [
            json!({}),
            json!({"8": {"supported": false}, "12": {}}),
            json!(7),
        ] {
            assert_eq!(read(nothing), Abilities::default());
        }
    }
}
