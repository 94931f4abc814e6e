//! The wallet's own ecash at work: how it leaves the wallet, and comes back.

use std::sync::Arc;

use cashu::{KeySetInfo, Proof, State};
use log::{info, warn};
use tokio::sync::watch;

use super::{Answer, Kind, Refusal, Result, Till, outcome};
use crate::journal::When;
use crate::ledger::record::{Intent, Record};
use crate::ledger::{self, Purse, sum};
use crate::wallet::error::code;
use crate::wallet::{Connection, Mint, MintError, keysets};

impl Till {
    /// The wallet's ecash that its mint still takes, as far as its list of
    /// keysets tells.
    pub fn spendable(&self, purse: &Purse, known: &[KeySetInfo]) -> Vec<Proof> {
        let mut held = self.store.read(|state| state.proofs(purse));
        held.retain(|proof| {
            let info = known.iter().find(|info| info.id == proof.keyset_id);
            !info.is_some_and(keysets::is_expired)
        });
        held
    }

    /// Writes an intent with the wallet's own inputs down, and `also` in the
    /// same step; then has `task` do it.
    ///
    /// # Errors
    /// If the wallet does not hold the inputs any more, or nothing can be
    /// written. Nothing has happened then.
    pub(super) async fn begin<F>(
        self: &Arc<Self>,
        intent: Intent,
        also: impl FnOnce(&ledger::State) -> Vec<Record>,
        task: impl FnOnce(Arc<Self>, Intent, Answer) -> F,
    ) -> std::result::Result<watch::Receiver<Option<Result>>, Refusal>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let purse = (intent.mint.clone(), intent.unit.clone());
        // Another command may have taken some of it meanwhile.
        let is_there = self.store.commit(When::Now, |state| {
            let held = state.proofs(&purse);
            let is_there = intent.inputs.iter().all(|input| held.contains(input));
            let mut records = Vec::new();
            if is_there {
                records = also(state);
                records.push(Record::Intent(intent.clone()));
            }
            (records, is_there)
        });
        match is_there.await {
            Ok(true) => {}
            Ok(false) => return Err(Refusal::busy("The wallet has changed. Try again.")),
            Err(error) => {
                let text = format!("Cannot write to the journal: {error}");
                return Err(Refusal::unavailable(text));
            }
        }
        let entry = (intent.id, Kind::Own, None, purse.0);
        Ok(self.start(&mut self.busy(), entry, |till, answer| {
            task(till, intent, answer)
        }))
    }

    /// Has the wallet's own ecash swapped, as `intent` says, and waits for it.
    ///
    /// # Errors
    /// As [`Till::begin`]; or why the mint does not do it, or has not yet.
    pub(super) async fn swap(
        self: &Arc<Self>,
        mint: Arc<Mint>,
        connection: Connection,
        intent: Intent,
    ) -> Result {
        let task = |till: Arc<Self>, intent: Intent, answer: Answer| async move {
            let outcome = mint.swap_first(connection, &intent).await;
            till.conclude(&mint, &intent, outcome, &answer).await;
        };
        outcome(self.begin(intent, |_| Vec::new(), task).await?).await
    }

    /// The mint has not taken the wallet's own ecash: it is in the wallet again,
    /// but for what somebody else has spent. A wallet of which there is a copy
    /// would else try for ever to pay with that.
    pub(super) async fn give_back(&self, intent: &Intent, error: &MintError, answer: &Answer) {
        warn!(mint:% = intent.mint, error:%; "the mint does not take the wallet's ecash, it comes back");
        let number = error.code();
        if matches!(number, Some(code::KEYSET_INACTIVE | code::KEYSET_UNKNOWN)) {
            self.mint(&intent.mint).forget_keysets().await;
        }
        let mut spent = Vec::new();
        if number == Some(code::SPENT) {
            if let Ok(states) = self.mint(&intent.mint).states(&intent.inputs).await {
                let pairs = intent.inputs.iter().zip(states);
                let pairs = pairs.filter(|(_, state)| *state == State::Spent);
                spent = pairs.map(|(input, _)| input.clone()).collect();
            }
        }
        self.lose(intent, &spent).await;
        answer.give(Err(Refusal::token("session-error", error.to_string())));
    }

    /// Puts the inputs back into the wallet, without those that are spent.
    pub(super) async fn lose(&self, intent: &Intent, spent: &[Proof]) {
        let mut records = vec![Record::Refused { id: intent.id }];
        if !spent.is_empty() {
            info!(mint:% = intent.mint, amount = sum(spent); "some of the wallet's ecash is spent: there is a copy of this wallet");
            records.push(Record::Gone {
                mint: intent.mint.clone(),
                unit: intent.unit.clone(),
                secrets: spent.iter().map(|proof| proof.secret.clone()).collect(),
            });
        }
        self.persist(records).await;
    }
}
