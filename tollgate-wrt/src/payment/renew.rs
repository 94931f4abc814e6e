//! Ecash that would be lost by waiting: its keyset is retired or expires.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cashu::{Id, KeySetInfo, Proof};
use log::{debug, warn};
use tokio::time::{Instant, sleep};

use super::work::wall_time;
use super::{Done, Refusal, Till};
use crate::ledger::record::{Intent, Purpose, TokenId};
use crate::ledger::{Purse, sum};
use crate::wallet::{keysets, make};

/// How often the wallet is looked through.
const PAUSE: Duration = Duration::from_secs(300);

/// Longest time until it is tried again to renew what could not be.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Most pieces of ecash in one swap.
const CHUNK: usize = 100;

impl Till {
    /// Begins to look after the wallet's ecash, of whatever mint.
    pub fn look_after_wallet(self: &Arc<Self>) {
        let till = Arc::clone(self);
        tokio::spawn(async move {
            // Until when, and how long the pause before it was.
            let mut rest: HashMap<Purse, (Instant, Duration)> = HashMap::new();
            loop {
                let purses: Vec<Purse> = till.store.read(|state| {
                    let purses = state.balances().map(|(purse, _)| purse.clone());
                    purses.collect()
                });
                rest.retain(|purse, _| purses.contains(purse));
                for purse in purses {
                    let (until, pause) = rest.get(&purse).copied().unzip();
                    if until.is_some_and(|until| until > Instant::now()) {
                        continue;
                    }
                    match till.renew_old(&purse).await {
                        Ok(()) => drop(rest.remove(&purse)),
                        Err(refusal) => {
                            // Each attempt is written to the flash.
                            let pause = pause.map_or(PAUSE, |pause| (pause * 2).min(LONGEST));
                            debug!(mint:% = purse.0, why = refusal.text.as_str(); "cannot look after the wallet's ecash");
                            rest.insert(purse, (Instant::now() + pause, pause));
                        }
                    }
                }
                sleep(PAUSE).await;
            }
        });
    }

    /// Swaps what is of keysets that do not last.
    async fn renew_old(self: &Arc<Self>, purse: &Purse) -> Result<(), Refusal> {
        let mint = self.mint(&purse.0);
        let known = mint
            .keysets()
            .await
            .map_err(|error| Refusal::from(&error))?;
        let Some(target) = keysets::choose(&known, &purse.1) else {
            return Err(Refusal::unavailable("the mint signs nothing now"));
        };
        let held = self.store.read(|state| state.proofs(purse));
        let old = old(held, &known, target);
        let mut result = Ok(());
        for inputs in old.chunks(CHUNK) {
            // The fee would eat it: it is worth something beside others only.
            let fee = keysets::fee(inputs, &known).unwrap_or(u64::MAX);
            let Some(value) = sum(inputs).checked_sub(fee).filter(|value| *value > 0) else {
                continue;
            };
            if let Err(refusal) = self
                .renew(purse, inputs.to_vec(), &[value], target.id)
                .await
            {
                warn!(mint:% = purse.0, amount = sum(inputs), why = refusal.text.as_str(); "ecash of a retired or expiring keyset cannot be swapped now");
                result = Err(refusal);
            }
        }
        result
    }

    /// Swaps ecash of the wallet for other ecash of these `amounts`, and gives
    /// the names of the new ones, by amount.
    ///
    /// # Errors
    /// Why not, or not yet.
    pub async fn renew(
        self: &Arc<Self>,
        purse: &Purse,
        inputs: Vec<Proof>,
        amounts: &[u64],
        keyset: Id,
    ) -> Result<Vec<Vec<cashu::secret::Secret>>, Refusal> {
        let mint = self.mint(&purse.0);
        let told = |error: crate::wallet::MintError| Refusal::from(&error);
        let keys = mint.keys(keyset).await.map_err(told)?;
        let (mut outputs, mut names) = (Vec::new(), Vec::new());
        for amount in amounts {
            let made = make(*amount, keyset, &keys).ok().flatten();
            let unusable = || Refusal::unavailable("The mint cannot make that amount now.");
            let made = made.ok_or_else(unusable)?;
            names.push(made.iter().map(|output| output.secret.clone()).collect());
            outputs.extend(made);
        }
        // In order of their amounts, so that the mint cannot tell them apart.
        outputs.sort_by_key(|output| output.amount);
        let connection = mint.connect().await.map_err(told)?;
        let intent = Intent {
            id: TokenId::of(inputs.iter().map(|proof| &proof.secret)),
            purpose: Purpose::Renew,
            mint: purse.0.clone(),
            unit: purse.1.clone(),
            inputs,
            invoice: None,
            outputs,
            time: wall_time(),
            restored: false,
        };
        match self.swap(mint, connection, intent).await? {
            Done::Renewed => Ok(names),
            _ => Err(Refusal::pending()),
        }
    }
}

/// What is better swapped now: of a keyset that signs no more, or that expires
/// soon while `target` does not.
fn old(mut held: Vec<Proof>, known: &[KeySetInfo], target: &KeySetInfo) -> Vec<Proof> {
    held.retain(|proof| {
        let info = known.iter().find(|info| info.id == proof.keyset_id);
        info.is_some_and(|info| info.id != target.id && (!info.active || keysets::is_ending(info)))
    });
    held.sort_by_key(|proof| (proof.keyset_id, std::cmp::Reverse(proof.amount)));
    held
}
