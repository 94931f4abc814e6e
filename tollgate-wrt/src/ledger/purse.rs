//! The wallet: ecash that comes, is spent, and is owed.

use std::collections::BTreeMap;

use cashu::secret::Secret;
use cashu::{CurrencyUnit, Proof};

use super::record::{Intent, Paid, Payout, Sent, TokenId};
use super::{Held, MAX_PAID, Purse, State};
use crate::config::MintUrl;

impl State {
    /// What the wallet holds.
    pub fn balances(&self) -> impl Iterator<Item = (&Purse, u64)> {
        self.purses
            .iter()
            .map(|(purse, held)| (purse, worth(held.values())))
    }

    /// The wallet's ecash of a mint.
    pub fn proofs(&self, purse: &Purse) -> Vec<Proof> {
        proofs(self.purses.get(purse).into_iter().flatten())
    }

    /// Ecash that was taken out and may still be in nobody's hands.
    pub fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.values()
    }

    /// Whose part of a mint's ecash is how much, and not paid out yet.
    pub fn owed(&self, purse: &Purse) -> BTreeMap<String, u64> {
        self.owed.get(purse).cloned().unwrap_or_default()
    }

    /// The last payouts, oldest first.
    pub fn paid(&self) -> impl Iterator<Item = &Paid> {
        self.paid.iter()
    }

    /// Parts what leaves the wallet from the change.
    pub(super) fn send(&mut self, intent: Intent, proofs: &[Proof], amount: u64, time: u64) {
        let mut left = amount;
        let end = proofs.iter().position(|proof| {
            let is_change = left == 0;
            left = left.saturating_sub(proof.amount.into());
            is_change
        });
        let (leaving, change) = proofs.split_at(end.unwrap_or(proofs.len()));
        self.put_for(&intent, change);
        let sent = Sent {
            id: TokenId::of(leaving.iter().map(|proof| &proof.secret)),
            mint: intent.mint,
            unit: intent.unit,
            proofs: leaving.to_vec(),
            time,
        };
        self.sent.insert(sent.id, sent);
    }

    /// The mint has paid an invoice, and has given `change` back.
    pub(super) fn pay_out(
        &mut self,
        intent: &Intent,
        payout: &Payout,
        change: &[Proof],
        time: u64,
    ) {
        self.put_for(intent, change);
        let cost = sum(&intent.inputs).saturating_sub(sum(change));
        let purse = (intent.mint.clone(), intent.unit.clone());
        if let (Some(name), Some(owed)) = (&payout.share, self.owed.get_mut(&purse)) {
            if let Some(left) = owed.get_mut(name) {
                *left = left.saturating_sub(cost);
            }
        }
        self.add_paid(Paid {
            id: intent.id,
            share: payout.share.clone(),
            address: payout.address.clone(),
            mint: purse.0,
            unit: purse.1,
            amount: payout.amount,
            fee: cost.saturating_sub(payout.amount),
            time,
        });
    }

    pub(super) fn take(&mut self, mint: &MintUrl, unit: &CurrencyUnit, proofs: &[Proof]) {
        self.remove(mint, unit, proofs.iter().map(|proof| &proof.secret));
    }

    pub(super) fn remove<'a>(
        &mut self,
        mint: &MintUrl,
        unit: &CurrencyUnit,
        secrets: impl Iterator<Item = &'a Secret>,
    ) {
        if let Some(held) = self.purses.get_mut(&(mint.clone(), unit.clone())) {
            for secret in secrets {
                held.remove(secret);
            }
        }
        self.purses.retain(|_, held| !held.is_empty());
    }

    pub(super) fn is_paid(&self, id: TokenId) -> bool {
        self.paid.iter().any(|paid| paid.id == id)
    }

    pub(super) fn add_paid(&mut self, paid: Paid) {
        if self.paid.len() == MAX_PAID {
            self.paid.pop_front();
        }
        self.paid.push_back(paid);
    }

    pub(super) fn put(&mut self, mint: &MintUrl, unit: &CurrencyUnit, proofs: &[Proof]) {
        if proofs.is_empty() {
            return;
        }
        let purse = self.purses.entry((mint.clone(), unit.clone())).or_default();
        purse.extend(proofs.iter().map(held));
    }
}

/// The value of ecash.
pub fn sum(proofs: &[Proof]) -> u64 {
    let amounts = proofs.iter().map(|proof| u64::from(proof.amount));
    amounts.fold(0, u64::saturating_add)
}

pub(super) fn held(proof: &Proof) -> (Secret, Held) {
    let held = Held {
        amount: proof.amount,
        keyset: proof.keyset_id,
        c: proof.c,
    };
    (proof.secret.clone(), held)
}

pub(super) fn proofs<'a>(held: impl Iterator<Item = (&'a Secret, &'a Held)>) -> Vec<Proof> {
    held.map(|(secret, held)| Proof::new(held.amount, held.keyset, secret.clone(), held.c))
        .collect()
}

pub(super) fn worth<'a>(held: impl Iterator<Item = &'a Held>) -> u64 {
    let amounts = held.map(|held| u64::from(held.amount));
    amounts.fold(0, u64::saturating_add)
}
