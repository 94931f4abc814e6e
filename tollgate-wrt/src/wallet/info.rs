//! What a mint says that it can do (NUT-06).

use serde_json::Value;

/// What not every mint can do, and what matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// It gives back what a Lightning payment did not need (NUT-08).
    pub has_change: bool,
    /// It proves that it signs with the keys that it shows everybody (NUT-12).
    pub has_proofs: bool,
}

impl Abilities {
    /// What is read in a mint's answer.
    pub fn new(info: &Value) -> Self {
        let is_supported = |nut: &str| info["nuts"][nut]["supported"] == true;
        Self {
            has_change: is_supported("8"),
            has_proofs: is_supported("12"),
        }
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
