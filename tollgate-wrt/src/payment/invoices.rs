//! What is known of a customer's invoices.
//!
//! Customers call an invoice by a name of the router's own. The mint's name for it,
//! the quote, stays here: who knows that of a paid invoice can have the ecash for it
//! in the router's place (NUT-04), and what customers send goes through the air in
//! clear.

use cashu::secret::Secret;

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
    /// Gives its name.
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
                    let is_good =
                        invoice.amount == amount && invoice.end().is_none_or(|end| end > soon);
                    is_good.then(|| invoice_name(mint, intent.id))
                }
                _ => None,
            })
        })
    }

    /// The name of the invoice that this customer was last given, if it is not
    /// paid.
    pub fn open_invoice(&self, mac: Mac) -> Option<String> {
        self.store.read(|state| {
            let pending = state.all_pending().filter(|intent| {
                matches!(intent.purpose, Purpose::Payment { mac: payer, .. } if payer == mac)
            });
            let invoices = pending.filter(|intent| intent.invoice.is_some());
            let last = invoices.max_by_key(|intent| intent.time)?;
            Some(invoice_name(&last.mint, last.id))
        })
    }

    /// An invoice of this customer. `None` for one of another, or none.
    pub fn invoice_state(&self, name: &str, mac: Mac) -> Option<InvoiceState> {
        let id: TokenId = name.split_once('-')?.0.parse().ok()?;
        self.store.read(|state| {
            let mut pending = state.all_pending().filter(|intent| {
                matches!(intent.purpose, Purpose::Payment { mac: payer, .. } if payer == mac)
            });
            let found =
                pending.find(|intent| intent.id == id && invoice_name(&intent.mint, id) == name);
            if let Some(intent) = found {
                return Some(InvoiceState {
                    name: name.to_owned(),
                    mint: intent.mint.clone(),
                    invoice: intent.invoice.clone()?,
                    receipt: None,
                });
            }
            // Of one that was credited the receipt is left.
            let receipt = state.receipt(id).filter(|receipt| receipt.mac == mac)?;
            let mut mints = self.mints.iter();
            let (mint, (_, terms)) = mints.find(|(mint, _)| invoice_name(mint, id) == name)?;
            Some(InvoiceState {
                name: name.to_owned(),
                mint: mint.clone(),
                invoice: Invoice {
                    quote: String::new(),
                    request: String::new(),
                    amount: receipt.purchase.steps.saturating_mul(terms.price),
                    expiry: None,
                },
                receipt: Some(*receipt),
            })
        })
    }
}

/// What customers call an invoice by: its intent's name, which tells nobody the
/// quote, and a few digits by which its mint is found again.
pub(super) fn invoice_name(mint: &MintUrl, id: TokenId) -> String {
    let mint = TokenId::of([&Secret::new(mint.as_str())]).to_string();
    format!("{id}-{}", &mint[..8])
}
