//! The ecash that pays: little more than is needed, or exactly as much.

use std::sync::Arc;

use cashu::{KeySetInfo, Proof};

use super::problem::Problem;
use crate::ledger::{Purse, sum};
use crate::payment::Till;
use crate::wallet::token::MAX_PROOFS;
use crate::wallet::{Mint, keysets, make};

/// Pieces for `need` and the fee for spending them, with little more: what is
/// too much is set aside until the payment is settled.
pub fn pick(held: &[Proof], need: u64, fee: impl Fn(&[Proof]) -> u64) -> Option<Vec<Proof>> {
    let mut left: Vec<&Proof> = held.iter().collect();
    left.sort_by_key(|proof| std::cmp::Reverse(proof.amount));
    let mut taken: Vec<Proof> = Vec::new();
    // The large ones first, as far as they fit.
    left.retain(|proof| {
        let with = sum(&taken).saturating_add(proof.amount.into());
        let fits = with <= need.saturating_add(fee(&taken)) && taken.len() < MAX_PROOFS;
        if fits {
            taken.push((*proof).clone());
        }
        !fits
    });
    loop {
        let missing = need.saturating_add(fee(&taken)).saturating_sub(sum(&taken));
        if missing == 0 {
            break;
        }
        // The smallest that is enough, else the largest.
        let enough = left
            .iter()
            .rposition(|proof| u64::from(proof.amount) >= missing);
        let next = enough.or_else(|| (!left.is_empty()).then_some(0))?;
        taken.push(left.remove(next).clone());
        if taken.len() > MAX_PROOFS {
            return None;
        }
    }
    // Beside a large one that came last, the small ones may not be needed.
    taken.sort_by_key(|proof| std::cmp::Reverse(proof.amount));
    for index in (0..taken.len()).rev() {
        let spare = taken.remove(index);
        if sum(&taken) < need.saturating_add(fee(&taken)) {
            taken.insert(index, spare);
        }
    }
    Some(taken)
}

/// For a mint that gives no change: pieces of exactly `need` and the fee for
/// them, by a swap where that is needed.
pub async fn exact(
    till: &Arc<Till>,
    mint: &Mint,
    purse: &Purse,
    need: u64,
    target: &KeySetInfo,
    known: &[KeySetInfo],
) -> Result<Vec<Proof>, Problem> {
    let keys = mint.keys(target.id).await?;
    // What the pieces cost depends on how many there are, and they on that.
    let mut total = need;
    loop {
        let pieces = make(total, target.id, &keys).ok().flatten();
        let pieces = pieces.map_or(u64::MAX, |pieces| pieces.len() as u64);
        let fee = pieces.saturating_mul(target.input_fee_ppk).div_ceil(1_000);
        let with = need.saturating_add(fee);
        if with <= total {
            break;
        }
        total = with;
    }
    let held = till.spendable(purse, known);
    let too_little = || Problem::Funds("the wallet does not hold that much".to_owned());
    let costs = |proofs: &[Proof]| fee(proofs, known).unwrap_or(u64::MAX);
    let inputs = pick(&held, total, costs).ok_or_else(too_little)?;
    let left = sum(&inputs).checked_sub(costs(&inputs));
    let rest = left.and_then(|left| left.checked_sub(total));
    let rest = rest.ok_or_else(too_little)?;
    let names = till
        .renew(purse, inputs, &[total, rest], target.id)
        .await
        .map_err(|refusal| Problem::Mint(refusal.text))?;
    let mut held = till.spendable(purse, known);
    held.retain(|proof| names[0].contains(&proof.secret));
    Ok(held)
}

/// The mint's fee for spending ecash.
pub fn fee(proofs: &[Proof], known: &[KeySetInfo]) -> Result<u64, Problem> {
    let unknown = || Problem::Mint("the mint does not know the wallet's keysets".to_owned());
    keysets::fee(proofs, known).ok_or_else(unknown)
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

    fn picked(amounts: &[u64], need: u64) -> Option<Vec<u64>> {
        let picked = pick(&held(amounts), need, |_| 0)?;
        Some(picked.iter().map(|proof| proof.amount.into()).collect())
    }

    #[test]
    fn little_more_than_is_needed() {
        assert_eq!(picked(&[1, 2, 4, 8, 64], 7), Some(vec![4, 2, 1]));
        assert_eq!(picked(&[8, 64, 16], 7), Some(vec![8]));
        assert_eq!(picked(&[64, 16, 4], 21), Some(vec![64]));
        assert_eq!(picked(&[4, 4], 9), None);
        assert_eq!(picked(&[], 1), None);
    }

    proptest! {
        #[test]
        fn what_there_is_is_found(
            amounts in prop::collection::vec(0u32..12, 0..40),
            need in 1u64..6_000,
            ppk in 0u64..900,
        ) {
            let amounts: Vec<u64> = amounts.iter().map(|power| 1 << power).collect();
            let fee = |proofs: &[Proof]| (proofs.len() as u64 * ppk).div_ceil(1_000);
            let held = held(&amounts);
            match pick(&held, need, fee) {
                Some(taken) => {
                    prop_assert!(sum(&taken) >= need + fee(&taken));
                    let mut secrets: Vec<_> = taken.iter().map(|proof| &proof.secret).collect();
                    secrets.sort_unstable();
                    secrets.dedup();
                    prop_assert_eq!(secrets.len(), taken.len());
                }
                None => prop_assert!(sum(&held) < need + fee(&held)),
            }
        }
    }
}
