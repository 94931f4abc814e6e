//! What is sold, as the page shows it and as its forms order it.

use super::form::Form;
use crate::config::MintUrl;
use crate::config::schema::{File, Metric, Mint};
use crate::payment::Refusal;

/// Amounts that people know, of which there are buttons: in bytes, and in
/// milliseconds.
const BYTES: [u64; 4] = [100_000_000, 500_000_000, 1_000_000_000, 5_000_000_000];
const MILLISECONDS: [u64; 4] = [900_000, 3_600_000, 10_800_000, 86_400_000];

/// What is sold, and for which ecash.
#[derive(Debug)]
pub struct Offer {
    pub metric: Metric,
    pub step: u64,
    pub mints: Vec<Mint>,
    /// Where customers go on to, if the owner says so.
    pub site: Option<String>,
}

impl Offer {
    pub fn new(file: &File) -> Self {
        let site = Some(file.redirect_url.as_str()).filter(|site| {
            ["http://", "https://"]
                .iter()
                .any(|scheme| site.starts_with(scheme))
        });
        Self {
            metric: file.metric,
            step: file.step().get(),
            mints: file.accepted_mints.clone(),
            site: site.map(str::to_owned),
        }
    }

    /// How much so many steps are.
    pub fn amount(&self, steps: u64) -> u64 {
        self.step.saturating_mul(steps)
    }

    /// The price and the unit of a step, if all mints have the same.
    pub fn price(&self) -> Option<(u64, &str)> {
        let price = |mint: &Mint| mint.price_per_step.get();
        let (first, others) = self.mints.split_first()?;
        let is_same =
            |mint: &Mint| price(mint) == price(first) && mint.price_unit == first.price_unit;
        others
            .iter()
            .all(is_same)
            .then(|| (price(first), &*first.price_unit))
    }

    /// Numbers of steps that there are buttons for, from few to many.
    pub fn choices(&self) -> Vec<u64> {
        let least = self.mints.iter().map(|mint| mint.purchase_min_steps.get());
        let least = least.min().unwrap_or(1);
        let wanted = match self.metric {
            Metric::Bytes => BYTES,
            Metric::Milliseconds => MILLISECONDS,
        };
        let mut choices: Vec<u64> = wanted
            .iter()
            .map(|amount| amount.div_ceil(self.step).max(least))
            .collect();
        choices.dedup();
        // Large steps.
        while let (0..3, Some(last)) = (choices.len(), choices.last()) {
            choices.push(last.saturating_mul(2));
        }
        choices
    }

    /// What a form orders: the mint, and the amount that it is to be paid. More
    /// than whole steps is not taken.
    ///
    /// # Errors
    /// If the form says neither.
    pub fn order(&self, form: &Form) -> Result<(&MintUrl, u64), Refusal> {
        let wanted = form.get("mint");
        let mint = match self.mints.as_slice() {
            [only] if wanted.is_empty() => Some(only),
            mints => mints.iter().find(|mint| mint.url.as_str() == wanted),
        };
        let mint = mint.ok_or_else(|| {
            let text = "Choose one of the mints that are accepted here.";
            Refusal::token("payment-error-mint-not-accepted", text).named("no-mint")
        })?;
        let price = mint.price_per_step.get();
        let amount = match (form.number("amount"), form.number("steps")) {
            (Some(amount), _) => match amount / price {
                // Too little, as will be said.
                0 => amount,
                steps => steps.saturating_mul(price),
            },
            (None, Some(steps)) if form.get("amount").trim().is_empty() => {
                steps.saturating_mul(price)
            }
            _ => {
                let text = "Say how much you want to buy.";
                return Err(Refusal::request("invalid-request", text).named("no-amount"));
            }
        };
        Ok((&mint.url, amount))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    fn mint(url: &str, price: u64, least: u64) -> Mint {
        let number = |number| NonZeroU64::new(number).unwrap();
        Mint {
            purchase_min_steps: number(least),
            ..Mint::new(url.parse().unwrap(), number(price), "sat".to_owned())
        }
    }

    fn offer(metric: Metric, step: u64, mints: Vec<Mint>) -> Offer {
        Offer {
            metric,
            step,
            mints,
            site: None,
        }
    }

    #[test]
    fn buttons_for_amounts_that_people_know() {
        let choices = |metric, step, least| {
            offer(metric, step, vec![mint("https://a.example", 1, least)]).choices()
        };
        assert_eq!(choices(Metric::Bytes, 22_020_096, 1), [5, 23, 46, 228]);
        assert_eq!(
            choices(Metric::Milliseconds, 60_000, 1),
            [15, 60, 180, 1_440]
        );
        assert_eq!(
            choices(Metric::Milliseconds, 60_000, 100),
            [100, 180, 1_440]
        );
        assert_eq!(choices(Metric::Bytes, 10_000_000_000, 1), [1, 2, 4]);
        assert_eq!(choices(Metric::Bytes, u64::MAX, u64::MAX), [u64::MAX; 3]);
        assert_eq!(offer(Metric::Bytes, 1, Vec::new()).choices()[0], BYTES[0]);
    }

    #[test]
    fn orders() {
        let one = offer(Metric::Bytes, 1_000, vec![mint("https://a.example", 3, 1)]);
        let order = |offer: &Offer, form: &str| {
            let order = offer.order(&Form::parse(form.as_bytes()));
            order
                .map(|(mint, amount)| (mint.to_string(), amount))
                .map_err(|refusal| refusal.key)
        };
        let a = |amount| Ok(("https://a.example".to_owned(), amount));
        assert_eq!(order(&one, "steps=5"), a(15));
        assert_eq!(order(&one, "steps=5&amount=+"), a(15));
        assert_eq!(order(&one, "steps=5&amount=1+000"), a(999));
        assert_eq!(order(&one, "amount=2&mint=https%3A%2F%2Fa.example"), a(2));
        assert_eq!(order(&one, "steps=18446744073709551615"), a(u64::MAX));
        assert_eq!(order(&one, "steps=5&amount=x"), Err("no-amount"));
        assert_eq!(order(&one, "steps=-1"), Err("no-amount"));
        assert_eq!(
            order(&one, "steps=5&mint=https://b.example"),
            Err("no-mint")
        );
        let two = vec![
            mint("https://a.example", 3, 1),
            mint("https://b.example", 1, 1),
        ];
        let two = offer(Metric::Bytes, 1_000, two);
        assert_eq!(order(&two, "steps=5"), Err("no-mint"));
        assert_eq!(order(&two, "steps=5&mint=https://a.example"), a(15));
        assert_eq!((one.price(), two.price()), (Some((3, "sat")), None));
    }
}
