//! Commands that pay out, and show what was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::wire::Answer;
use crate::calendar::rfc3339;
use crate::config::MintUrl;
use crate::lnurl::Payee;
use crate::payout::{Fate, Mode, Paymaster, Report};

/// `wallet payout [AMOUNT]`, with `--to`, `--mint` and `--dry-run`.
pub async fn payout(
    paymaster: &Paymaster,
    amount: Option<&str>,
    flags: &BTreeMap<String, String>,
) -> Answer {
    let is_dry = flags.contains_key("dry-run");
    let mint = match flags.get("mint").map(|url| url.parse::<MintUrl>()) {
        Some(Ok(mint)) => Some(mint),
        Some(Err(error)) => return Answer::failed(format!("--mint: {error}")),
        None => None,
    };
    let Some(to) = flags.get("to") else {
        return match amount {
            Some(_) => Answer::failed("an amount is for `--to` only: shares are what is due"),
            None => shares(paymaster, mint.as_ref(), is_dry).await,
        };
    };
    let amount = match amount.map(str::parse) {
        Some(Ok(amount)) => Some(amount),
        Some(Err(_)) => return Answer::failed("the amount is no number of sat"),
        None => None,
    };
    let payee: Payee = match to.parse() {
        Ok(payee) => payee,
        Err(error) => return Answer::failed(format!("--to: {error}")),
    };
    match paymaster
        .pay_to(&payee, amount, mint.as_ref(), is_dry)
        .await
    {
        Ok(report) => answer(&[report]),
        Err(error) => Answer::failed(error),
    }
}

async fn shares(paymaster: &Paymaster, mint: Option<&MintUrl>, is_dry: bool) -> Answer {
    if let Some(mint) = mint.filter(|mint| !paymaster.has(mint)) {
        return Answer::failed(format!("{mint} is none of accepted_mints"));
    }
    let mode = if is_dry { Mode::Dry } else { Mode::Ordered };
    answer(&paymaster.pay_shares(mint, mode).await)
}

/// It was done if nothing of it failed.
fn answer(reports: &[Report]) -> Answer {
    let mut text = String::new();
    for report in reports {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{report}");
    }
    if text.is_empty() {
        text.push_str("no mint is configured\n");
    }
    let data = Value::Array(reports.iter().map(Report::json).collect());
    match reports.iter().any(|report| report.fate == Fate::Failed) {
        false => Answer::done(text, data),
        true => Answer {
            data,
            ..Answer::failed(text.trim_end())
        },
    }
}

/// `wallet payouts`.
pub fn payouts(paymaster: &Paymaster) -> Answer {
    let mut text = String::new();
    let mut data = Vec::new();
    for paid in paymaster.paid() {
        let who = paid.share.as_deref().map(|name| format!(" ({name})"));
        let _ = writeln!(
            text,
            "{} {} {} to {}{}, fees {}, {}",
            rfc3339(paid.time),
            paid.amount,
            paid.unit,
            paid.address,
            who.unwrap_or_default(),
            paid.fee,
            paid.mint
        );
        data.push(json!({
            "time": paid.time,
            "mint": paid.mint,
            "unit": paid.unit,
            "identity": paid.share,
            "to": paid.address,
            "amount": paid.amount,
            "fee": paid.fee,
            "state": Fate::Paid.as_str(),
        }));
    }
    for (intent, payout) in paymaster.under_way() {
        let _ = writeln!(
            text,
            "pending: {} {} to {}, {}",
            payout.amount, intent.unit, payout.address, intent.mint
        );
        data.push(json!({
            "time": intent.time,
            "mint": intent.mint,
            "unit": intent.unit,
            "identity": payout.share,
            "to": payout.address,
            "amount": payout.amount,
            "fee": payout.fee_reserve,
            "state": Fate::Pending.as_str(),
        }));
    }
    if text.is_empty() {
        text.push_str("nothing was paid out yet\n");
    }
    Answer::done(text, Value::Array(data))
}
