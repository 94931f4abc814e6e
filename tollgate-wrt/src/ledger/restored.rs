//! Ecash that came out of a backup: it may have been spent since.

use cashu::secret::Secret;
use cashu::{CurrencyUnit, Proof};

use super::purse::{held, proofs, worth};
use super::record::Intent;
use super::{Held, Purse, State};
use crate::config::MintUrl;

impl State {
    /// What came out of a backup and may be spent: none of [`State::balances`].
    pub fn unchecked(&self) -> impl Iterator<Item = (&Purse, u64)> {
        self.unchecked
            .iter()
            .map(|(purse, held)| (purse, worth(held.values())))
    }

    /// At most `most` pieces of the ecash of [`State::unchecked`].
    pub fn unchecked_proofs(&self, purse: &Purse, most: usize) -> Vec<Proof> {
        proofs(self.unchecked.get(purse).into_iter().flatten().take(most))
    }

    /// Puts what came of an intent where it belongs.
    pub(super) fn put_for(&mut self, intent: &Intent, proofs: &[Proof]) {
        match intent.restored {
            true => self.put_unchecked(&intent.mint, &intent.unit, proofs),
            false => self.put(&intent.mint, &intent.unit, proofs),
        }
    }

    /// Keeps ecash that may be spent, unless it is known here.
    pub(super) fn put_unchecked(&mut self, mint: &MintUrl, unit: &CurrencyUnit, proofs: &[Proof]) {
        let purse = (mint.clone(), unit.clone());
        let has = |known: &[Proof], proof: &Proof| known.iter().any(|k| k.secret == proof.secret);
        let fresh = proofs.iter().filter(|proof| {
            let is_held = self
                .purses
                .get(&purse)
                .is_some_and(|held| held.contains_key(&proof.secret));
            let is_sent = self.sent.values().any(|sent| has(&sent.proofs, proof));
            let is_used = self
                .pending
                .values()
                .any(|intent| has(&intent.inputs, proof));
            !(is_held || is_sent || is_used)
        });
        let fresh: Vec<(Secret, Held)> = fresh.map(held).collect();
        if !fresh.is_empty() {
            self.unchecked.entry(purse).or_default().extend(fresh);
        }
    }

    /// Takes what the mint has told of out of what is unchecked.
    pub(super) fn check(&mut self, purse: &Purse, unspent: &[Secret], spent: &[Secret]) {
        let Some(unchecked) = self.unchecked.get_mut(purse) else {
            return;
        };
        for secret in spent {
            unchecked.remove(secret);
        }
        let good = unspent
            .iter()
            .filter_map(|secret| unchecked.remove_entry(secret));
        let good: Vec<(Secret, Held)> = good.collect();
        if !good.is_empty() {
            self.purses.entry(purse.clone()).or_default().extend(good);
        }
        self.unchecked.retain(|_, held| !held.is_empty());
    }
}
