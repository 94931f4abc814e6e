//! What a token buys.

use cashu::{CurrencyUnit, KeySetInfo, Proof};

use super::refusal::Refusal;
use crate::config::schema::{Metric, Mint};
use crate::ledger::session::Purchase;
use crate::wallet::keysets::{fee, is_expired};

/// What is sold, and what one mint's ecash has to be for it.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What is counted.
    pub metric: Metric,
    /// The size of one step.
    pub step: u64,
    /// The price of one step.
    pub price: u64,
    /// The fewest steps.
    pub least: u64,
    /// The unit of the price.
    pub unit: CurrencyUnit,
}

impl Terms {
    /// The terms that the settings have for a mint.
    pub fn new(mint: &Mint, metric: Metric, step: u64) -> Self {
        Self {
            metric,
            step,
            price: mint.price_per_step.get(),
            least: mint.purchase_min_steps.get(),
            unit: match mint.price_unit.parse() {
                Ok(unit) => unit,
                Err(_) => CurrencyUnit::custom(&mint.price_unit),
            },
        }
    }

    /// What the ecash is worth once it is swapped, and what it buys. All of it
    /// is computed before the mint is asked for anything: ecash that buys
    /// nothing is not swapped.
    ///
    /// # Errors
    /// If it cannot be paid with.
    pub fn quote(
        &self,
        proofs: &[Proof],
        keysets: &[KeySetInfo],
    ) -> Result<(u64, Purchase), Refusal> {
        let value = value(proofs, keysets, &self.unit)?;
        Ok((value, self.purchase(value)?))
    }

    /// What an amount buys.
    ///
    /// # Errors
    /// If it is too little, or too much.
    pub fn purchase(&self, value: u64) -> Result<Purchase, Refusal> {
        let steps = value / self.price;
        if steps < self.least.max(1) {
            let least = self.least.max(1).saturating_mul(self.price);
            let text = format!(
                "Too little: after the mint's fee it is {value} {unit}. The least is {least} {unit}.",
                unit = self.unit
            );
            return Err(Refusal::token("session-error", text)
                .named("too-small")
                .with("value", format_args!("{value} {}", self.unit))
                .with("least", format_args!("{least} {}", self.unit)));
        }
        match self.step.checked_mul(steps) {
            Some(_) => Ok(Purchase {
                metric: self.metric,
                step: self.step,
                steps,
            }),
            None => {
                let text = "That is more than there is.";
                Err(Refusal::token("session-error", text).named("too-much"))
            }
        }
    }
}

/// What ecash is worth once it is swapped.
///
/// # Errors
/// If it cannot be.
pub fn value(
    proofs: &[Proof],
    keysets: &[KeySetInfo],
    unit: &CurrencyUnit,
) -> Result<u64, Refusal> {
    let invalid = |key, text: &str| Refusal::token("payment-error-invalid-token", text).named(key);
    for proof in proofs {
        let info = keysets.iter().find(|info| info.id == proof.keyset_id);
        let info =
            info.ok_or_else(|| invalid("keyset", "The mint does not know this token's keyset."))?;
        if info.unit != *unit {
            let text = format!("Pay in {unit}, not in {}.", info.unit);
            return Err(invalid("other-unit", &text).with("unit", unit));
        }
        if is_expired(info) {
            return Err(invalid(
                "expired",
                "This token has expired: its mint takes it no more.",
            ));
        }
    }
    let mut amounts = proofs.iter().map(|proof| u64::from(proof.amount));
    let total = amounts.try_fold(0u64, u64::checked_add);
    match (total, fee(proofs, keysets)) {
        (Some(total), Some(fee)) => Ok(total.saturating_sub(fee)),
        _ => Err(invalid("contents", "This token's amounts are no numbers.")),
    }
}

#[cfg(test)]
mod tests {
    use cashu::secret::Secret;
    use cashu::{Amount, SecretKey};
    use proptest::prelude::*;

    use super::*;

    fn terms(price: u64, least: u64) -> Terms {
        Terms {
            metric: Metric::Milliseconds,
            step: 60_000,
            price,
            least,
            unit: CurrencyUnit::Sat,
        }
    }

    fn keysets(extra: &str) -> Vec<KeySetInfo> {
        let json = format!(r#"[{{"id":"009a1f293253e41e","unit":"sat","active":false{extra}}}]"#);
        serde_json::from_str(&json).unwrap()
    }

    fn proofs(amounts: &[u64]) -> Vec<Proof> {
        let c = SecretKey::from_slice(&[1; 32]).unwrap().public_key();
        let id = "009a1f293253e41e".parse().unwrap();
        let proof = |&amount| Proof::new(Amount::from(amount), id, Secret::new("x"), c);
        amounts.iter().map(proof).collect()
    }

    #[test]
    fn whole_steps_of_what_is_left_after_the_fee() {
        let quote = |amounts: &[u64], extra: &str| {
            let quote = terms(2, 1).quote(&proofs(amounts), &keysets(extra));
            quote.map(|(value, purchase)| (value, purchase.steps))
        };
        assert_eq!(quote(&[4, 1], ""), Ok((5, 2)));
        assert_eq!(quote(&[4, 1], r#","input_fee_ppk":100"#), Ok((4, 2)));
        let small = quote(&[2], r#","input_fee_ppk":1000"#).unwrap_err();
        assert_eq!((small.status, small.code), (402, "session-error"));
        assert!(
            small.text.contains("it is 1 sat. The least is 2 sat"),
            "{}",
            small.text
        );
        // A fee above the value is no negative number.
        assert_eq!(
            quote(&[1, 1], r#","input_fee_ppk":9000"#)
                .unwrap_err()
                .status,
            402
        );
        assert_eq!(quote(&[u64::MAX, 1], "").unwrap_err().status, 402);
        assert_eq!(
            quote(&[u64::MAX], "").unwrap_err().text,
            "That is more than there is."
        );
        assert!(
            quote(&[8], r#","final_expiry":1000"#)
                .unwrap_err()
                .text
                .contains("expired")
        );
        assert_eq!(quote(&[8], r#","final_expiry":0"#), Ok((8, 4)));
        assert_eq!(
            terms(2, 3)
                .quote(&proofs(&[4]), &keysets(""))
                .unwrap_err()
                .status,
            402
        );
        assert_eq!(
            terms(2, 1).quote(&proofs(&[4]), &[]).unwrap_err().status,
            402
        );
        let usd = Terms {
            unit: CurrencyUnit::Usd,
            ..terms(2, 1)
        };
        assert!(
            usd.quote(&proofs(&[4]), &keysets(""))
                .unwrap_err()
                .text
                .contains("Pay in usd")
        );
    }

    proptest! {
        #[test]
        fn never_more_than_was_paid(amounts in prop::collection::vec(any::<u64>(), 1..4), price in 1u64.., least: u64) {
            if let Ok((value, purchase)) = terms(price, least).quote(&proofs(&amounts), &keysets("")) {
                let total: u128 = amounts.iter().map(|&amount| u128::from(amount)).sum();
                prop_assert_eq!(u128::from(value), total);
                prop_assert!(u128::from(purchase.steps) * u128::from(price) <= total);
                prop_assert!(purchase.steps >= least.max(1));
                prop_assert_eq!(Some(purchase.allotment()), purchase.step.checked_mul(purchase.steps));
            }
        }
    }
}
