//! Payments that the owner orders.

use std::sync::Arc;

use super::prepare::{Want, prepare};
use super::{Paymaster, Report};
use crate::config::MintUrl;
use crate::ledger::Purse;
use crate::lnurl::{Payee, Way};

impl Paymaster {
    /// Pays `amount` to somebody, out of one mint's ecash; an invoice that has
    /// an amount needs none. With `is_dry` it is only seen whether it could.
    ///
    /// # Errors
    /// What is wrong with the order.
    pub async fn pay_to(
        &self,
        payee: &Payee,
        amount: Option<u64>,
        mint: Option<&MintUrl>,
        is_dry: bool,
    ) -> Result<Report, String> {
        let amount = match (&payee.way, amount) {
            (Way::Ask(_), None) => return Err("say how much: an AMOUNT is missing".to_owned()),
            (Way::Ask(_), Some(0)) => return Err("the amount is 0".to_owned()),
            (Way::Ask(_), Some(amount)) => amount,
            (Way::Invoice(invoice), given) => {
                let own = invoice.millisats.filter(|own| *own > 0);
                let own = own.ok_or("the invoice has no amount of its own")?;
                if own % 1_000 != 0 {
                    return Err("the invoice's amount is no whole number of sat".to_owned());
                }
                if given.is_some_and(|given| given != own / 1_000) {
                    return Err(format!("the invoice is for {} sat", own / 1_000));
                }
                own / 1_000
            }
        };
        if let Way::Invoice(invoice) = &payee.way {
            let mut at_work = self.under_way().into_iter();
            if at_work.any(|(_, payout)| payout.request == invoice.text) {
                return Err("this invoice is being paid already (`wallet payouts`)".to_owned());
            }
        }
        let purse = self.purse(amount, mint)?;
        let want = Want::Exactly(amount);
        let till = Arc::clone(&self.till);
        let prepared = prepare(&till, &self.lnurl, &purse, payee, None, want, is_dry)
            .await
            .map_err(|problem| problem.to_string())?;
        let report = Report::prepared(&prepared);
        if is_dry {
            return Ok(report);
        }
        let id = prepared.intent.id;
        let made = till
            .pay_out(prepared.mint, prepared.connection, prepared.intent, |_| {
                Vec::new()
            })
            .await;
        Ok(self.finished(report, id, made))
    }

    /// The one purse of sat that has so much.
    fn purse(&self, amount: u64, mint: Option<&MintUrl>) -> Result<Purse, String> {
        let balances: Vec<(Purse, u64)> = self.store.read(|state| {
            let balances = state.balances();
            balances
                .map(|(purse, held)| (purse.clone(), held))
                .collect()
        });
        let mut fitting = balances.into_iter().filter(|((url, unit), held)| {
            let is_sat = *unit == cashu::CurrencyUnit::Sat;
            is_sat && *held >= amount && mint.is_none_or(|mint| url == mint)
        });
        let Some((purse, _)) = fitting.next() else {
            return Err("the wallet holds so much of no mint".to_owned());
        };
        match fitting.next() {
            Some(_) => Err("several mints have so much; name one with --mint".to_owned()),
            None => Ok(purse),
        }
    }
}
