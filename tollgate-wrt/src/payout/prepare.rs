//! Everything of a payout that can be done before anything is at stake: the
//! invoice, what the mint asks for it, and the ecash that pays.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cashu::{CurrencyUnit, KeySetInfo, Proof};

use crate::ledger::record::{Intent, Payout, Purpose, TokenId};
use crate::ledger::{Purse, sum};
use crate::lnurl::{self, Lnurl, Payee, Way};
use crate::payment::Till;
use crate::wallet::bolt11::Bolt11;
use crate::wallet::token::MAX_PROOFS;
use crate::wallet::{Connection, MeltQuote, Mint, MintError, keysets, make, make_blank};

/// How often an amount is tried; the mint's fee is known only for an invoice.
const TRIES: usize = 4;

/// How much is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// This much is to arrive, whatever it costs.
    Exactly(u64),
    /// Not more than `budget` may be spent, and fees may be so many percent of
    /// what arrives.
    Within {
        /// All that there is for it.
        budget: u64,
        /// The most that it may cost.
        percent: u64,
    },
}

/// A payout that can be made.
#[derive(Debug)]
pub struct Prepared {
    pub mint: Arc<Mint>,
    pub connection: Connection,
    pub intent: Intent,
    /// What arrives.
    pub amount: u64,
    /// The most that it costs beside that.
    pub fee: u64,
}

/// Why a payout cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Who is to be paid cannot be.
    Payee(String),
    /// The mint does not pay.
    Mint(String),
    /// It is too little: later it may be more.
    Small(String),
    /// The wallet does not hold so much.
    Funds(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Payee(why) | Self::Mint(why) | Self::Small(why) | Self::Funds(why)) = self;
        f.write_str(why)
    }
}

impl From<MintError> for Problem {
    fn from(error: MintError) -> Self {
        Self::Mint(error.to_string())
    }
}

/// Finds the way to pay somebody out of one mint's ecash. `share` is whose share
/// it is, if it is one.
pub async fn prepare(
    till: &Arc<Till>,
    lnurl: &Lnurl,
    purse: &Purse,
    payee: &Payee,
    share: Option<String>,
    want: Want,
) -> Result<Prepared, Problem> {
    let (url, unit) = purse;
    let mint = till.mint(url);
    let known = mint.keysets().await?;
    let abilities = mint.abilities().await?;
    let target = keysets::choose(&known, unit)
        .ok_or_else(|| Problem::Mint("the mint signs nothing now".to_owned()))?;
    let held = till.spendable(purse, &known);
    let (invoice, quote, mut inputs) =
        agree(&mint, lnurl, unit, payee, want, &held, &known).await?;
    let need = quote.amount.saturating_add(quote.fee_reserve);
    if !abilities.has_change {
        inputs = exact(till, &mint, purse, inputs, need, target, &known).await?;
    }
    let fee = fee(&inputs, &known)?;
    let most = sum(&inputs)
        .saturating_sub(fee)
        .saturating_sub(quote.amount);
    // As many as the most that can come back has binary digits (NUT-08).
    let blank = match abilities.has_change {
        true => u64::BITS - most.leading_zeros(),
        false => 0,
    };
    let outputs = make_blank(blank as usize, target.id)
        .map_err(|error| Problem::Funds(format!("no random numbers: {error}")))?;
    let connection = mint.connect().await?;
    let amount = quote.amount;
    let intent = Intent {
        id: TokenId::of(inputs.iter().map(|proof| &proof.secret)),
        purpose: Purpose::Payout(Payout {
            share,
            address: payee.text.clone(),
            quote: quote.quote,
            request: invoice.text,
            amount,
            fee_reserve: quote.fee_reserve,
            expiry: invoice.expiry,
        }),
        mint: url.clone(),
        unit: unit.clone(),
        inputs,
        invoice: None,
        outputs,
        time: now(),
        restored: false,
    };
    Ok(Prepared {
        mint,
        connection,
        intent,
        amount,
        fee: quote.fee_reserve.saturating_add(fee),
    })
}

/// An invoice and the mint's terms for it that keep to what is wanted, and the
/// ecash that pays them.
async fn agree(
    mint: &Mint,
    lnurl: &Lnurl,
    unit: &CurrencyUnit,
    payee: &Payee,
    want: Want,
    held: &[Proof],
    known: &[KeySetInfo],
) -> Result<(Bolt11, MeltQuote, Vec<Proof>), Problem> {
    let mut amount = match want {
        Want::Exactly(amount) => amount,
        // What mints commonly keep for Lightning's fees.
        Want::Within { budget, .. } => budget.saturating_sub((budget / 100).max(2)),
    };
    for _ in 0..TRIES {
        if amount == 0 {
            return Err(Problem::Small("the fees would eat it".to_owned()));
        }
        let invoice = ask(lnurl, unit, payee, amount).await?;
        let quote = mint.melt_quote(&invoice.text, unit).await?;
        if quote.amount != amount {
            let what = format!(
                "the mint asks {} {unit} for an invoice of {amount}",
                quote.amount
            );
            return Err(Problem::Mint(what));
        }
        let need = amount.saturating_add(quote.fee_reserve);
        let Some(inputs) = pick(held, need, |proofs| fee(proofs, known).unwrap_or(u64::MAX)) else {
            let what = format!("the wallet does not hold {need} {unit} and the mint's fee");
            return Err(Problem::Funds(what));
        };
        let fees = quote.fee_reserve.saturating_add(fee(&inputs, known)?);
        let Want::Within { budget, percent } = want else {
            return Ok((invoice, quote, inputs));
        };
        if amount.saturating_add(fees) > budget {
            amount = budget.saturating_sub(fees);
            continue;
        }
        let allowed = u128::from(amount) * u128::from(percent) / 100;
        if u128::from(fees) > allowed {
            let what = format!(
                "the fees for {amount} {unit} are up to {fees} {unit}, more than {percent} percent"
            );
            return Err(Problem::Small(what));
        }
        return Ok((invoice, quote, inputs));
    }
    Err(Problem::Mint("the mint's fees do not settle".to_owned()))
}

/// An invoice of exactly `amount`.
async fn ask(
    lnurl: &Lnurl,
    unit: &CurrencyUnit,
    payee: &Payee,
    amount: u64,
) -> Result<Bolt11, Problem> {
    let millisats = match unit {
        CurrencyUnit::Sat => amount.checked_mul(1_000),
        CurrencyUnit::Msat => Some(amount),
        _ => None,
    };
    let millisats =
        millisats.ok_or_else(|| Problem::Payee(format!("Lightning does not pay in {unit}")))?;
    let invoice = match &payee.way {
        Way::Ask(url) => lnurl
            .invoice(url, millisats)
            .await
            .map_err(|error| match error {
                lnurl::Error::Amount(least, _) if millisats < least => {
                    Problem::Small(error.to_string())
                }
                error => Problem::Payee(error.to_string()),
            })?,
        Way::Invoice(invoice) => invoice.clone(),
    };
    if invoice.millisats != Some(millisats) {
        return Err(Problem::Payee("the invoice has another amount".to_owned()));
    }
    if invoice.expiry <= now() {
        return Err(Problem::Payee(
            "the invoice is over, by the router's clock".to_owned(),
        ));
    }
    Ok(invoice)
}

/// For a mint that gives no change: pieces of exactly `need` and the fee for
/// them, by a swap of `inputs` where that is needed.
async fn exact(
    till: &Arc<Till>,
    mint: &Mint,
    purse: &Purse,
    inputs: Vec<Proof>,
    need: u64,
    target: &KeySetInfo,
    known: &[KeySetInfo],
) -> Result<Vec<Proof>, Problem> {
    let own = fee(&inputs, known)?;
    if sum(&inputs) == need.saturating_add(own) {
        return Ok(inputs);
    }
    let keys = mint.keys(target.id).await?;
    // What the new pieces cost depends on how many there are.
    let most = target.input_fee_ppk.saturating_mul(64).div_ceil(1_000);
    let Some(rest) = sum(&inputs)
        .checked_sub(own)
        .and_then(|left| left.checked_sub(need))
    else {
        return Err(Problem::Funds(
            "the wallet does not hold that much".to_owned(),
        ));
    };
    for spare in 0..=most.min(rest) {
        let Ok(Some(pieces)) = make(need + spare, target.id, &keys) else {
            continue;
        };
        let pieces = pieces.len() as u64;
        if pieces.saturating_mul(target.input_fee_ppk).div_ceil(1_000) != spare {
            continue;
        }
        let amounts = [need + spare, rest - spare];
        let names = till
            .renew(purse, inputs, &amounts, target.id)
            .await
            .map_err(|refusal| Problem::Mint(refusal.text))?;
        let mut held = till.spendable(purse, known);
        held.retain(|proof| names[0].contains(&proof.secret));
        return Ok(held);
    }
    let what = "the mint gives no change, and the wallet's ecash does not fit";
    Err(Problem::Funds(what.to_owned()))
}

fn fee(proofs: &[Proof], known: &[KeySetInfo]) -> Result<u64, Problem> {
    let unknown = || Problem::Mint("the mint does not know the wallet's keysets".to_owned());
    keysets::fee(proofs, known).ok_or_else(unknown)
}

/// Pieces for `need` and the fee for spending them, with little more: what is
/// too much is set aside until the payment is settled.
fn pick(held: &[Proof], need: u64, fee: impl Fn(&[Proof]) -> u64) -> Option<Vec<Proof>> {
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

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
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
