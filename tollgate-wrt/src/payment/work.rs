//! One payment, step by step.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cashu::Proof;
use log::{error, info, warn};
use tokio::time::sleep;

use super::price::{self, Terms};
use super::{Answer, Done, Refusal, Till};
use crate::config::MintUrl;
use crate::journal::When;
use crate::ledger::record::{Intent, Purpose, Record, TokenId};
use crate::ledger::{State, sum};
use crate::net::Mac;
use crate::wallet::error::code;
use crate::wallet::token::{Fault, Parsed, written_length};
use crate::wallet::{Connection, Mint, MintError, Outcome, keysets, make};

/// Most bytes of the journal that wait for mints together, but for one token of each:
/// until a mint answers, they are on the flash.
const MAX_WAITING: usize = 1024 * 1024;

/// What a piece of ecash takes there beside its secret.
const PIECE: usize = 200;

/// First and longest pause before it is asked again what became of a swap.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(super) const LAST_PAUSE: Duration = Duration::from_secs(120);

/// How often a payment whose new ecash the mint will not sign is begun anew:
/// the keysets changed between two looks.
const TRIES: usize = 2;

/// Who brings a token, and what for.
#[derive(Debug)]
pub(super) enum Payer {
    /// A customer, who buys on these terms.
    Customer(Mac, Terms),
    /// The owner, who puts it into the wallet.
    Owner,
}

impl Till {
    /// All of a payment.
    pub(super) async fn work(&self, mint: &Mint, payer: &Payer, token: &Parsed, answer: &Answer) {
        for attempt in 1.. {
            let (intent, connection) = match self.prepare(mint, payer, token).await {
                Ok(prepared) => prepared,
                Err(refusal) => {
                    if attempt > 1 {
                        self.drop_intent(token.id, None).await;
                    }
                    return answer.give(Err(refusal));
                }
            };
            // What an earlier attempt has left is replaced by this one.
            let written = self.store.commit(When::Now, |state| {
                let is_free = attempt > 1 || matches!(payer, Payer::Owner);
                let most = MAX_WAITING / self.mints.len().max(1);
                let has_room = is_free || waiting(state, &intent.mint) < most;
                let record = has_room.then(|| Record::Intent(intent.clone()));
                (record.into_iter().collect(), has_room)
            });
            let written = written.await;
            if let Ok(false) = written {
                return answer.give(Err(Refusal::queue()));
            }
            if let Err(error) = written {
                error!(error:%; "cannot write to the journal, no payment is taken");
                if attempt > 1 {
                    // The first one's intent is there.
                    self.drop_intent(token.id, None).await;
                }
                let text = "The router cannot write down your payment. Your token is not spent.";
                return answer.give(Err(Refusal::unavailable(text).named("journal")));
            }
            let outcome = mint.swap_first(connection, &intent).await;
            let is_stale = matches!(
                &outcome,
                Outcome::Refused(error)
                    if matches!(error.code(), Some(code::KEYSET_INACTIVE | code::KEYSET_UNKNOWN))
            );
            if is_stale && attempt < TRIES {
                mint.forget_keysets().await;
                continue;
            }
            return self.conclude(mint, &intent, outcome, answer).await;
        }
    }

    /// Everything that can be done before anything is at stake.
    async fn prepare(
        &self,
        mint: &Mint,
        payer: &Payer,
        token: &Parsed,
    ) -> Result<(Intent, Connection), Refusal> {
        let told = |error: MintError| {
            warn!(mint:% = mint.url(), error:%; "a payment is refused");
            match error {
                MintError::Unreachable(_) if !self.is_clock_right() => Refusal::unset_clock(),
                _ => Refusal::from(&error),
            }
        };
        let mut known = mint.keysets().await.map_err(told)?;
        let inputs = match token.proofs(&known) {
            // The mint may have a new keyset.
            Err(Fault::Keyset) => {
                mint.forget_keysets().await;
                known = mint.keysets().await.map_err(told)?;
                token.proofs(&known)?
            }
            proofs => proofs?,
        };
        let (value, purpose) = match payer {
            Payer::Customer(mac, terms) => {
                let (value, purchase) = terms.quote(&inputs, &known)?;
                let mac = *mac;
                if let Err(error) = self.keeper.ready(mac).await {
                    warn!(mac:%, error:%; "a payment is refused, the gate cannot be opened");
                    let text = "Access cannot be opened at the moment. Your token is not spent.";
                    return Err(Refusal::unavailable(text).named("gate"));
                }
                (value, Purpose::Payment { mac, purchase })
            }
            Payer::Owner => {
                let value = price::value(&inputs, &known, &token.unit)?;
                if value == 0 {
                    let text = "The mint's fee would eat all of it. It is not spent.";
                    return Err(Refusal::token("session-error", text));
                }
                (value, Purpose::Receive)
            }
        };
        let unusable = || {
            warn!(mint:% = mint.url(); "it signs nothing that a payment could be swapped to");
            Refusal::unavailable("The mint cannot swap your token now. It is not spent.")
                .named("no-swap")
        };
        let keyset = keysets::choose(&known, &token.unit)
            .ok_or_else(unusable)?
            .id;
        let keys = mint.keys(keyset).await.map_err(told)?;
        let outputs = make(value, keyset, &keys).map_err(|error| {
            error!(error:%; "no random numbers");
            unusable()
        })?;
        let outputs = outputs.ok_or_else(unusable)?;
        let connection = mint.connect().await.map_err(told)?;
        let intent = Intent {
            id: token.id,
            purpose,
            mint: mint.url().clone(),
            unit: token.unit.clone(),
            inputs,
            invoice: None,
            outputs,
            time: wall_time(),
            restored: false,
        };
        Ok((intent, connection))
    }

    /// Goes on with a payment that may have been done by an earlier run.
    pub(super) async fn finish(&self, mint: &Mint, intent: &Intent, answer: &Answer) {
        let outcome = mint.resolve(intent).await;
        self.conclude(mint, intent, outcome, answer).await;
    }

    /// From a swap's outcome, known or not, to the end.
    pub(super) async fn conclude(
        &self,
        mint: &Mint,
        intent: &Intent,
        first: Outcome,
        answer: &Answer,
    ) {
        let mut outcome = first;
        let mut pause = FIRST_PAUSE;
        let proofs = loop {
            match outcome {
                Outcome::Done(proofs) => break proofs,
                Outcome::Refused(error) => return self.refuse(intent, &error, answer).await,
                Outcome::Unknown(error) => {
                    warn!(mint:% = intent.mint, token:% = intent.id, error:%; "a payment is pending");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
            outcome = mint.resolve(intent).await;
        };
        self.credit(intent, proofs, answer).await;
    }

    /// Writes down what the mint gave, and what it was given for.
    pub(super) async fn credit(&self, intent: &Intent, proofs: Vec<Proof>, answer: &Answer) {
        let settled = Record::Settled {
            id: intent.id,
            proofs,
            time: wall_time(),
            now: self.keeper.now(),
        };
        if let Purpose::Payment { mac, purchase } = &intent.purpose {
            self.keeper.before_change(*mac, purchase.metric).await;
        }
        // What was counted until a change is written with it, as it is then.
        let records = |state: &State| {
            let before = match &intent.purpose {
                Purpose::Payment { mac, purchase } => {
                    let session = state.running_otherwise(*mac, purchase.metric).cloned();
                    session.map(|session| Record::Session { mac: *mac, session })
                }
                _ => None,
            };
            before.into_iter().chain([settled.clone()]).collect()
        };
        self.persist_as(records).await;
        let (mac, purchase) = match intent.purpose {
            Purpose::Payment { mac, purchase } => (mac, purchase),
            Purpose::Receive => {
                let amounts = intent.outputs.iter().map(|output| u64::from(output.amount));
                let amount = amounts.fold(0, u64::saturating_add);
                info!(mint:% = intent.mint, amount; "received");
                return answer.give(Ok(Done::Received(amount)));
            }
            Purpose::Send { amount } => {
                info!(mint:% = intent.mint, amount; "taken out");
                return answer.give(Ok(Done::Sent));
            }
            Purpose::Renew => {
                info!(mint:% = intent.mint, amount = sum(&intent.inputs); "the wallet's ecash was renewed");
                return answer.give(Ok(Done::Renewed));
            }
            Purpose::Payout(ref payout) => {
                let (to, amount) = (payout.address.as_str(), payout.amount);
                info!(mint:% = intent.mint, to, amount; "paid out");
                return answer.give(Ok(Done::Sent));
            }
        };
        info!(mac:%, mint:% = intent.mint, steps = purchase.steps; "paid");
        let receipt = self.store.read(|state| state.receipt(intent.id).copied());
        let opened = self.keeper.open(mac).await;
        if let Err(error) = &opened {
            warn!(mac:%, error:%; "paid, but the gate cannot be opened; it is tried again");
        }
        answer.give(match (opened, receipt) {
            (Ok(()), Some(receipt)) => Ok(Done::Paid(receipt)),
            _ => Err(Refusal::unopened()),
        });
    }

    async fn refuse(&self, intent: &Intent, error: &MintError, answer: &Answer) {
        if intent.purpose.is_own() {
            return self.give_back(intent, error, answer).await;
        }
        info!(mint:% = intent.mint, token:% = intent.id, error:%; "a payment was refused");
        self.drop_intent(intent.id, error.code()).await;
        answer.give(Err(Refusal::from(error)));
    }

    /// Writes that a swap will not be done. Only then may the customer be told
    /// that the token can be used elsewhere: the next start would ask for the
    /// swap again. Of a spent token the mint says the same at the next start.
    pub(super) async fn drop_intent(&self, id: TokenId, number: Option<u64>) {
        let refused = Record::Refused { id };
        if number != Some(code::SPENT) {
            return self.persist(vec![refused]).await;
        }
        let written = self.store.commit(When::WithNext, |_| (vec![refused], ()));
        if let Err(error) = written.await {
            warn!(error:%; "cannot write to the journal");
        }
    }

    /// Writes what must not be lost: the disk may be full for a while. Until
    /// then the intent is there, from which all of it can be found again.
    pub(super) async fn persist(&self, records: Vec<Record>) {
        self.persist_as(|_| records.clone()).await;
    }

    /// The same of what depends on the state.
    async fn persist_as(&self, records: impl Fn(&State) -> Vec<Record>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let written = self.store.commit(When::Now, |state| (records(state), ()));
            match written.await {
                Ok(()) => return,
                Err(error) => error!(error:%; "cannot write down a payment, it is tried again"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

/// Bytes of the journal that wait for a mint. One that does not answer holds up no
/// other.
fn waiting(state: &State, mint: &MintUrl) -> usize {
    let of_mint = state.all_pending().filter(|intent| intent.mint == *mint);
    let inputs = of_mint.flat_map(|intent| &intent.inputs);
    inputs
        .map(|proof| PIECE + written_length(&proof.secret))
        .sum()
}

/// Seconds since 1970, by a clock that may be wrong: for people.
pub(super) fn wall_time() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
