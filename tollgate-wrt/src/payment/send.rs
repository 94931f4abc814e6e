//! Exact amounts out of the wallet: a swap of its own ecash, of which a part
//! leaves it.

use std::sync::Arc;

use cashu::Proof;

use super::work::wall_time;
use super::{Done, Refusal, Till};
use crate::ledger::Purse;
use crate::ledger::record::{Intent, Purpose, TokenId};
use crate::wallet::{keysets, make};

impl Till {
    /// Has `amount` of a purse put together, as ecash that was sent; gives its
    /// name.
    ///
    /// # Errors
    /// Why not, or not yet.
    pub async fn send(self: &Arc<Self>, purse: &Purse, amount: u64) -> Result<TokenId, Refusal> {
        let (url, unit) = purse;
        let mint = self.mint(url);
        let unusable = || Refusal::unavailable("The mint cannot make that amount now.");
        let known = mint
            .keysets()
            .await
            .map_err(|error| Refusal::from(&error))?;
        let keyset = keysets::choose(&known, unit).ok_or_else(unusable)?.id;
        let keys = mint
            .keys(keyset)
            .await
            .map_err(|error| Refusal::from(&error))?;

        let held = self.spendable(purse, &known);
        let fee = |proofs: &[Proof]| keysets::fee(proofs, &known);
        let Some((inputs, change)) = select(held, amount, fee) else {
            let text = "The wallet does not hold that much, with the mint's fee.";
            return Err(Refusal::token("session-error", text));
        };
        let make = |amount| make(amount, keyset, &keys).ok().flatten();
        let mut outputs = make(amount).ok_or_else(unusable)?;
        let sent = TokenId::of(outputs.iter().map(|output| &output.secret));
        outputs.extend(make(change).ok_or_else(unusable)?);
        let connection = mint
            .connect()
            .await
            .map_err(|error| Refusal::from(&error))?;
        let intent = Intent {
            id: TokenId::of(inputs.iter().map(|proof| &proof.secret)),
            purpose: Purpose::Send { amount },
            mint: url.clone(),
            unit: unit.clone(),
            inputs,
            invoice: None,
            outputs,
            time: wall_time(),
            restored: false,
        };
        match self.swap(mint, connection, intent).await? {
            Done::Sent => Ok(sent),
            _ => Err(Refusal::pending()),
        }
    }
}

/// Pieces that are enough for an amount and the fee for spending them, the
/// large ones first, and what comes back as change.
fn select(
    mut held: Vec<Proof>,
    amount: u64,
    fee: impl Fn(&[Proof]) -> Option<u64>,
) -> Option<(Vec<Proof>, u64)> {
    if amount == 0 {
        return None;
    }
    held.sort_by_key(|proof| std::cmp::Reverse(proof.amount));
    let mut total = 0u64;
    for count in 1..=held.len() {
        total = total.checked_add(held[count - 1].amount.into())?;
        let needed = amount.checked_add(fee(&held[..count])?)?;
        if let Some(change) = total.checked_sub(needed) {
            held.truncate(count);
            return Some((held, change));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use cashu::secret::Secret;
    use cashu::{Amount, SecretKey};
    use proptest::prelude::*;

    use super::*;

    fn held(amounts: &[u64]) -> Vec<Proof> {
        let c = SecretKey::from_slice(&[1; 32]).unwrap().public_key();
        let id = "009a1f293253e41e".parse().unwrap();
        let proof = |&amount| Proof::new(Amount::from(amount), id, Secret::generate(), c);
        amounts.iter().map(proof).collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_change(
            amounts in prop::collection::vec(0u64..600, 0..12),
            amount in 0u64..2_000,
            ppk in 0u64..2_000,
        ) {
            let fee = |proofs: &[Proof]| Some((proofs.len() as u64 * ppk).div_ceil(1_000));
            let total: u64 = amounts.iter().sum();
            match select(held(&amounts), amount, fee) {
                Some((inputs, change)) => {
                    let sum: u64 = inputs.iter().map(|proof| u64::from(proof.amount)).sum();
                    prop_assert_eq!(sum, amount + change + fee(&inputs).unwrap());
                }
                // Only if all of it together is too little, after its fees.
                None => prop_assert!(amount == 0 || total < amount + fee(&held(&amounts)).unwrap()
                    || ppk > 1_000 || amounts.contains(&0)),
            }
        }
    }
}
