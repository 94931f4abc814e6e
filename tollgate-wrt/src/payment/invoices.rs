//! What is known of a customer's invoices.

use super::work::wall_time;
use super::{InvoiceState, Till};
use crate::config::MintUrl;
use crate::ledger::record::{Invoice, Purpose, TokenId};
use crate::net::Mac;

/// How long an invoice has to be payable still, in seconds, to be shown once more to
/// who asks for the same.
const LEFT: u64 = 60;

impl Till {
    /// The unpaid invoice of this customer for just this. Who presses a button twice,
    /// or comes back and presses it again, needs no second one, and there are few.
    pub fn same_invoice(&self, mint: &MintUrl, amount: u64, mac: Mac) -> Option<String> {
        let wanted = self.mints.get(mint)?.1.purchase(amount).ok()?;
        let soon = wall_time().saturating_add(LEFT);
        self.store.read(|state| {
            state.all_pending().find_map(|intent| match intent.purpose {
                Purpose::Payment {
                    mac: payer,
                    purchase,
                } if payer == mac && purchase == wanted && intent.mint == *mint => {
                    let invoice = intent.invoice.as_ref()?;
                    let is_good = invoice.amount == amount
                        && invoice.expiry.is_none_or(|expiry| expiry > soon);
                    is_good.then(|| invoice.quote.clone())
                }
                _ => None,
            })
        })
    }

    /// The quote of the invoice that this customer was last given, if it is not
    /// paid.
    pub fn open_invoice(&self, mac: Mac) -> Option<String> {
        self.store.read(|state| {
            let pending = state.all_pending().filter(|intent| {
                matches!(intent.purpose, Purpose::Payment { mac: payer, .. } if payer == mac)
            });
            let invoices = pending.filter(|intent| intent.invoice.is_some());
            let last = invoices.max_by_key(|intent| intent.time)?;
            last.invoice.as_ref().map(|invoice| invoice.quote.clone())
        })
    }

    /// An invoice of this customer. `None` for one of another, or none.
    pub fn invoice_state(&self, quote: &str, mac: Mac) -> Option<InvoiceState> {
        self.store.read(|state| {
            let mut pending = state.all_pending().filter(|intent| {
                matches!(intent.purpose, Purpose::Payment { mac: payer, .. } if payer == mac)
            });
            let found = pending.find_map(|intent| {
                let invoice = intent.invoice.as_ref()?;
                (invoice.quote == quote).then(|| InvoiceState {
                    mint: intent.mint.clone(),
                    invoice: invoice.clone(),
                    receipt: None,
                })
            });
            // Of one that was credited the receipt is left, by the quote's name.
            found.or_else(|| {
                let mut mints = self.mints.iter();
                mints.find_map(|(mint, (_, terms))| {
                    let id = TokenId::of_quote(mint, quote);
                    let receipt = state.receipt(id).filter(|receipt| receipt.mac == mac)?;
                    Some(InvoiceState {
                        mint: mint.clone(),
                        invoice: Invoice {
                            quote: quote.to_owned(),
                            request: String::new(),
                            amount: receipt.purchase.steps.saturating_mul(terms.price),
                            expiry: None,
                        },
                        receipt: Some(*receipt),
                    })
                })
            })
        })
    }
}
