//! Payments over Lightning: a mint's invoice is paid, and the mint's ecash
//! for it is what a token's would be (NUT-04).
//!
//! The intent is written before the customer sees the invoice. So whatever
//! comes between, what is paid is credited.

use std::sync::Arc;
use std::time::Duration;

use cashu::CurrencyUnit;
use log::{debug, error, info, warn};
use tokio::time::{Instant, sleep, timeout};

use super::invoices::invoice_name;
use super::work::wall_time;
use super::{Answer, Kind, PATIENCE, Refusal, Till, admit};
use crate::config::MintUrl;
use crate::journal::When;
use crate::ledger::record::{Intent, Invoice, Output, Purpose, Receipt, Record, TokenId};
use crate::net::Mac;
use crate::wallet::bolt11::Bolt11;
use crate::wallet::{Mint, MintError, Minted, Quote, keysets, make};

/// How often it is looked whether an invoice is paid: first, and later.
const QUICK: Duration = Duration::from_secs(3);
const SLOW: Duration = Duration::from_secs(60);

/// How long it is looked quickly.
const EAGER: Duration = Duration::from_secs(600);

/// How long after its end an unpaid invoice is given up, in seconds. Clocks
/// differ, and a payment may be under way.
const GRACE: u64 = 600;

/// The same for a mint that does not say when an invoice ends, from when it is
/// watched. Mints that say so have a day at most.
const LIFE: Duration = Duration::from_secs(2 * 86_400);

/// An invoice, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceState {
    /// What the customer calls it by: a name of the router's own.
    pub name: String,
    /// The mint.
    pub mint: MintUrl,
    /// The invoice.
    pub invoice: Invoice,
    /// What was credited, once it is.
    pub receipt: Option<Receipt>,
}

impl Till {
    /// Has a mint make an invoice for a customer.
    ///
    /// # Errors
    /// What to tell the customer.
    pub async fn invoice(
        self: &Arc<Self>,
        url: &MintUrl,
        amount: u64,
        mac: Mac,
    ) -> Result<InvoiceState, Refusal> {
        let (mint, terms) = self.mints.get(url).ok_or_else(|| {
            let text = format!("Ecash of {url} is not accepted here.");
            Refusal::token("payment-error-mint-not-accepted", text)
                .named("other-mint")
                .with("mint", url)
        })?;
        let purchase = terms.purchase(amount)?;
        admit(&self.busy(), Kind::Invoice, Some(mac), url)?;
        // Nothing is at stake yet: what takes too long can be dropped.
        let asked = timeout(PATIENCE, self.ask(mint, &terms.unit, amount, mac));
        let late = |_| {
            Refusal::no_invoice("The mint does not answer in time. Try again later.")
                .named("no-invoice")
        };
        let (quote, outputs) = asked.await.map_err(late)??;
        // Others may have been faster.
        admit(&self.busy(), Kind::Invoice, Some(mac), url)?;
        let invoice = Invoice {
            quote: quote.quote,
            request: quote.request,
            amount,
            expiry: quote.expiry,
        };
        let id = TokenId::of_quote(url, &invoice.quote);
        let name = invoice_name(url, id);
        let intent = Intent {
            id,
            purpose: Purpose::Payment { mac, purchase },
            mint: url.clone(),
            unit: terms.unit.clone(),
            inputs: Vec::new(),
            invoice: Some(invoice.clone()),
            outputs,
            time: wall_time(),
            restored: false,
        };
        // A request ends when its customer goes away; what is written is watched.
        let (till, mint) = (Arc::clone(self), Arc::clone(mint));
        let begun = tokio::spawn(async move { till.begin_invoice(mint, intent, mac).await });
        let lost = |_| Refusal::unavailable("The router cannot take your payment now.");
        begun.await.map_err(lost)??;
        Ok(InvoiceState {
            name,
            mint: url.clone(),
            invoice,
            receipt: None,
        })
    }

    /// Writes an invoice down, and begins to watch it.
    async fn begin_invoice(
        self: &Arc<Self>,
        mint: Arc<Mint>,
        intent: Intent,
        mac: Mac,
    ) -> Result<(), Refusal> {
        let record = Record::Intent(intent.clone());
        let written = self.store.commit(When::Now, |_| (vec![record], ()));
        if let Err(error) = written.await {
            error!(error:%; "cannot write to the journal, no payment is taken");
            let text = "The router cannot write down your payment.";
            return Err(Refusal::unavailable(text).named("journal"));
        }
        let entry = (intent.id, Kind::Invoice, Some(mac), intent.mint.clone());
        self.start(&mut self.busy(), entry, |till, answer| async move {
            till.watch(&mint, intent, &answer).await;
        });
        Ok(())
    }

    /// Asks a mint for an invoice, once everything else is ready for it; also
    /// gives the outputs for its ecash.
    async fn ask(
        &self,
        mint: &Mint,
        unit: &CurrencyUnit,
        amount: u64,
        mac: Mac,
    ) -> Result<(Quote, Vec<Output>), Refusal> {
        if let Err(error) = self.keeper.ready(mac).await {
            warn!(mac:%, error:%; "no invoice is made, the gate cannot be opened");
            let text = "Access cannot be opened at the moment.";
            return Err(Refusal::unavailable(text).named("gate"));
        }
        let told = |error: MintError| {
            warn!(mint:% = mint.url(), error:%; "no invoice");
            match error {
                MintError::RateLimited(_) => {
                    Refusal::busy("The mint is busy. Try again later.").named("mint-busy")
                }
                _ => Refusal::no_invoice("The mint makes no invoice now. Try again later.")
                    .named("no-invoice"),
            }
        };
        let known = mint.keysets().await.map_err(told)?;
        let unusable =
            || Refusal::unavailable("The mint cannot make an invoice now.").named("no-invoice");
        let keyset = keysets::choose(&known, unit).ok_or_else(unusable)?.id;
        let keys = mint.keys(keyset).await.map_err(told)?;
        let outputs = make(amount, keyset, &keys).ok().flatten();
        let outputs = outputs.ok_or_else(unusable)?;
        let quote = mint.quote(amount, unit).await.map_err(told)?;
        Ok((quote, outputs))
    }

    /// Watches an invoice until it is credited, or can be paid no more.
    pub(super) async fn watch(&self, mint: &Mint, mut intent: Intent, answer: &Answer) {
        let start = Instant::now();
        let Some(invoice) = intent.invoice.clone() else {
            return;
        };
        let life = Bolt11::parse(&invoice.request).map_or(LIFE, |read| read.life());
        loop {
            match mint.mint_paid(&intent, &invoice.quote).await {
                Minted::Done(proofs) => return self.credit(&intent, proofs, answer).await,
                Minted::Unpaid if is_over(&invoice, life, start.elapsed()) => {
                    info!(mint:% = intent.mint, quote = invoice.quote.as_str(); "an invoice was not paid");
                    return self.drop_intent(intent.id, None).await;
                }
                Minted::Taken if is_over(&invoice, life, start.elapsed()) => {
                    warn!(mint:% = intent.mint, quote = invoice.quote.as_str(); "somebody else has an invoice's ecash");
                    return self.drop_intent(intent.id, None).await;
                }
                Minted::Unpaid | Minted::Taken => {}
                Minted::Stale => {
                    mint.forget_keysets().await;
                    if let Some(fresh) = self.with_new_outputs(mint, &intent, invoice.amount).await
                    {
                        intent = fresh;
                        continue;
                    }
                }
                Minted::Unknown(error) => {
                    debug!(mint:% = intent.mint, error:%; "cannot look after an invoice");
                }
            }
            sleep(if start.elapsed() < EAGER { QUICK } else { SLOW }).await;
        }
    }

    /// The same intent with outputs that the mint will sign.
    async fn with_new_outputs(&self, mint: &Mint, intent: &Intent, amount: u64) -> Option<Intent> {
        let known = mint.keysets().await.ok()?;
        let keyset = keysets::choose(&known, &intent.unit)?.id;
        if intent
            .outputs
            .first()
            .is_some_and(|output| output.keyset == keyset)
        {
            return None;
        }
        let keys = mint.keys(keyset).await.ok()?;
        let fresh = Intent {
            outputs: make(amount, keyset, &keys).ok()??,
            ..intent.clone()
        };
        let record = Record::Intent(fresh.clone());
        let written = self.store.commit(When::Now, |_| (vec![record], ()));
        written.await.ok().map(|()| fresh)
    }
}

/// Whether nobody can pay an invoice any more. This router's clock may be ahead,
/// or jump, so that it does not say so alone: the invoice has to be watched for
/// its whole life, too.
fn is_over(invoice: &Invoice, life: Duration, watched: Duration) -> bool {
    match invoice.end() {
        Some(expiry) => {
            let life = life.min(LIFE).saturating_add(Duration::from_secs(GRACE));
            wall_time() > expiry.saturating_add(GRACE) && watched > life
        }
        None => watched > LIFE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_ahead_ends_no_invoice() {
        let over = |expiry, watched| {
            let invoice = Invoice {
                quote: "q".to_owned(),
                request: "lnbc1".to_owned(),
                amount: 1,
                expiry,
            };
            is_over(
                &invoice,
                Duration::from_secs(60),
                Duration::from_secs(watched),
            )
        };
        let now = wall_time();
        assert!(!over(Some(now - 700), 600));
        assert!(over(Some(now - 700), 661));
        assert!(!over(Some(now - 500), 10_000));
        for unknown in [None, Some(0)] {
            assert!(!over(unknown, 2 * 86_400));
            assert!(over(unknown, 2 * 86_400 + 1));
        }
    }
}
