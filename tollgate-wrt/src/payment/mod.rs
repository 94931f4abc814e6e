//! Payments: from a token to access, so that neither is lost nor given twice.
//!
//! The order of work, and what a crash after each step means:
//!
//! 1. The token is read, and refused if anything is wrong with it that can be
//!    known: nothing has happened.
//! 2. The gate is asked whether it could open, the mint is connected to:
//!    nothing has happened.
//! 3. The intent is written: the mint knows nothing yet. At the next start it
//!    is asked what became of the swap, and asked for it again.
//! 4. The swap: the mint has the old ecash, and has signed the new one, which
//!    it can be asked for again with what the intent holds.
//! 5. The ecash and the customer's credit are written, in one record.
//! 6. The gate is opened. What could not be opened is, at the next chance.
//!
//! From the third step on a payment goes on by itself, whether or not anybody
//! waits for it.

mod busy;
mod health;
mod invoice;
mod invoices;
mod melt;
mod own;
mod price;
mod refusal;
mod renew;
mod restored;
mod send;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::config::{MintUrl, Settings};
use crate::ledger::Store;
use crate::ledger::record::{Intent, Purpose, Receipt, TokenId};
use crate::net::Mac;
use crate::sessions::Keeper;
use crate::wallet::token::Parsed;
use crate::wallet::{Client, Mint, token};
use busy::{Answer, Busy, Kind, admit};
pub use health::Health;
pub use invoice::InvoiceState;
use price::Terms;
pub use refusal::Refusal;
use work::Payer;

/// How long a customer waits for an answer; the payment may take longer.
const PATIENCE: Duration = Duration::from_secs(9);

/// What came of a token.
type Result = std::result::Result<Done, Refusal>;

/// A token that was swapped, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// A customer has paid.
    Paid(Receipt),
    /// The wallet has so much more.
    Received(u64),
    /// The wallet has less: the ledger knows what has left it.
    Sent,
    /// The wallet has other ecash than before.
    Renewed,
}

/// Takes payments.
#[derive(Debug)]
pub struct Till {
    store: Arc<Store>,
    keeper: Arc<Keeper>,
    mints: HashMap<MintUrl, (Arc<Mint>, Terms)>,
    client: Arc<Client>,
    busy: Mutex<HashMap<TokenId, Busy>>,
    /// What is known of the mints.
    health: Mutex<HashMap<MintUrl, Health>>,
    /// Told when mints that do not answer should be asked at once.
    wake: Notify,
}

impl Till {
    /// A till that takes what the settings say.
    pub fn new(
        settings: &Settings,
        store: Arc<Store>,
        keeper: Arc<Keeper>,
        client: Arc<Client>,
    ) -> Self {
        let (metric, step) = (settings.file.metric, settings.file.step().get());
        let mints = settings.file.accepted_mints.iter().map(|accepted| {
            let mint = Mint::new(accepted.url.clone(), Arc::clone(&client));
            let terms = Terms::new(accepted, metric, step);
            (accepted.url.clone(), (Arc::new(mint), terms))
        });
        Self {
            store,
            keeper,
            mints: mints.collect(),
            client,
            busy: Mutex::default(),
            health: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Goes on with the payments that an earlier run of the daemon left. Those
    /// of mints that are accepted no more, too: the money was taken.
    pub fn resume(self: &Arc<Self>) -> usize {
        let pending: Vec<Intent> = self
            .store
            .read(|state| state.all_pending().cloned().collect());
        let count = pending.len();
        for intent in pending {
            let mint = self.mint(&intent.mint);
            let mac = match intent.purpose {
                Purpose::Payment { mac, .. } => Some(mac),
                _ => None,
            };
            let (id, url) = (intent.id, intent.mint.clone());
            let kind = match intent.invoice {
                _ if intent.purpose.is_own() => Kind::Own,
                Some(_) => Kind::Invoice,
                None => Kind::Token,
            };
            self.start(
                &mut self.busy(),
                (id, kind, mac, url),
                |till, answer| async move {
                    match (kind, &intent.purpose) {
                        (Kind::Invoice, _) => till.watch(&mint, intent, &answer).await,
                        (_, Purpose::Payout(payout)) => {
                            till.melt(&mint, None, &intent, payout, &answer).await;
                        }
                        _ => till.finish(&mint, &intent, &answer).await,
                    }
                },
            );
        }
        count
    }

    /// Takes a payment of a customer.
    ///
    /// The same token from the same customer is the same payment, whether it is
    /// at work or long done.
    ///
    /// # Errors
    /// What to tell the customer.
    pub async fn pay(
        self: &Arc<Self>,
        text: &str,
        mac: Mac,
    ) -> std::result::Result<Receipt, Refusal> {
        let token = token::parse(text)?;
        let id = token.id;
        if let Some(receipt) = self.store.read(|state| state.receipt(id).copied()) {
            return self.again(receipt, mac).await;
        }
        let accepted = self.mints.get(&token.mint).ok_or_else(|| {
            let text = format!("Ecash of {} is not accepted here.", token.mint);
            Refusal::token("payment-error-mint-not-accepted", text)
                .named("other-mint")
                .with("mint", &token.mint)
        })?;
        let (mint, terms) = (Arc::clone(&accepted.0), accepted.1.clone());
        if token.unit != terms.unit {
            let text = format!("Pay in {}, not in {}.", terms.unit, token.unit);
            return Err(Refusal::token("payment-error-invalid-token", text)
                .named("other-unit")
                .with("unit", &terms.unit));
        }
        match self.take(token, mint, Payer::Customer(mac, terms)).await? {
            Done::Paid(receipt) => Ok(receipt),
            _ => Err(Refusal::spent()),
        }
    }

    /// Puts a token of the owner into the wallet, whatever mint it is of; gives
    /// how much more the wallet holds.
    ///
    /// # Errors
    /// Why not, or not yet.
    pub async fn receive(self: &Arc<Self>, text: &str) -> std::result::Result<u64, Refusal> {
        let token = token::parse(text)?;
        let mint = self.mint(&token.mint);
        match self.take(token, mint, Payer::Owner).await? {
            Done::Received(amount) => Ok(amount),
            _ => Err(Refusal::spent()),
        }
    }

    /// A mint that is accepted, or was, or is the owner's choice.
    pub fn mint(&self, url: &MintUrl) -> Arc<Mint> {
        match self.mints.get(url) {
            Some((mint, _)) => Arc::clone(mint),
            None => Arc::new(Mint::new(url.clone(), Arc::clone(&self.client))),
        }
    }

    /// Has a token swapped, or waits for whoever does it already.
    async fn take(self: &Arc<Self>, token: Parsed, mint: Arc<Mint>, payer: Payer) -> Result {
        let id = token.id;
        let mac = match payer {
            Payer::Customer(mac, _) => Some(mac),
            Payer::Owner => None,
        };
        let result = {
            let mut busy = self.busy();
            match busy.get(&id) {
                Some(known) if known.mac == mac => known.result.clone(),
                Some(_) => return Err(Refusal::spent()),
                None => {
                    admit(&busy, Kind::Token, mac, &token.mint)?;
                    let entry = (id, Kind::Token, mac, token.mint.clone());
                    self.start(&mut busy, entry, |till, answer| async move {
                        till.work(&mint, &payer, &token, &answer).await;
                    })
                }
            }
        };
        outcome(result).await
    }

    /// The answer to a token that was credited before.
    async fn again(&self, receipt: Receipt, mac: Mac) -> std::result::Result<Receipt, Refusal> {
        if receipt.mac != mac {
            return Err(Refusal::spent());
        }
        // The gate could not be opened then, or a crash came between.
        if self.keeper.is_behind(mac) && self.keeper.open(mac).await.is_err() {
            return Err(Refusal::unopened());
        }
        Ok(receipt)
    }
}

/// What came of a payment at work, if it is known in time.
async fn outcome(mut result: watch::Receiver<Option<Result>>) -> Result {
    match timeout(PATIENCE, result.wait_for(Option::is_some)).await {
        Ok(Ok(result)) => match &*result {
            Some(result) => result.clone(),
            None => Err(Refusal::pending()),
        },
        // Still at work; or the daemon is stopping, and goes on at its next start.
        Ok(Err(_)) | Err(_) => Err(Refusal::pending()),
    }
}
