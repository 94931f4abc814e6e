//! Everything of a payout that can be done before anything is at stake: the
//! invoice, what the mint asks for it, and the ecash that pays.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cashu::{CurrencyUnit, KeySetInfo, Proof};

use super::pieces::{exact, fee, pick};
use super::problem::Problem;
use crate::ledger::record::{Intent, Payout, Purpose, TokenId};
use crate::ledger::{Purse, sum};
use crate::lnurl::{self, Lnurl, Payee, Way};
use crate::payment::Till;
use crate::wallet::bolt11::Bolt11;
use crate::wallet::{Connection, MeltQuote, Mint, keysets, make_blank};

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

/// Finds the way to pay somebody out of one mint's ecash. `share` is whose share
/// it is, if it is one. With `is_dry` nothing is swapped for it: what is found can
/// be shown then, not done.
pub async fn prepare(
    till: &Arc<Till>,
    lnurl: &Lnurl,
    purse: &Purse,
    payee: &Payee,
    share: Option<String>,
    want: Want,
    is_dry: bool,
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
    if !abilities.has_change && !is_dry {
        inputs = exact(till, &mint, purse, need, target, &known).await?;
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

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
