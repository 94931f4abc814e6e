//! Ecash from a backup: it counts only once its mint has said that it is not
//! spent.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cashu::State as Spending;
use cashu::secret::Secret;
use log::{info, warn};
use tokio::time::sleep;

use super::Till;
use crate::config::MintUrl;
use crate::journal::When;
use crate::ledger::record::Record;
use crate::ledger::{Purse, State};
use crate::wallet::{Mint, MintError};

/// First and longest pause before a mint is asked again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(120);

/// Most pieces that a mint is asked about at once.
const BATCH: usize = 64;

impl Till {
    /// Begins to ask the mints about what came out of a backup; gives how many
    /// of them. Each has a task of its own, so that none waits for another.
    pub fn check_restored(self: &Arc<Self>) -> usize {
        let mints = self.store.read(|state| {
            let unchecked = state.unchecked().map(|((mint, _), _)| mint.clone());
            let pending = state.all_pending().filter(|intent| intent.restored);
            let pending = pending.map(|intent| intent.mint.clone());
            unchecked.chain(pending).collect::<BTreeSet<MintUrl>>()
        });
        let count = mints.len();
        for url in mints {
            let till = Arc::clone(self);
            tokio::spawn(async move { till.check_all_of(&url).await });
        }
        count
    }

    async fn check_all_of(&self, url: &MintUrl) {
        let mint = self.mint(url);
        let mut pause = FIRST_PAUSE;
        while self.store.read(|state| is_left(state, url)) {
            match self.check_some_of(&mint).await {
                Ok(0) => {}
                Ok(_) => {
                    pause = FIRST_PAUSE;
                    continue;
                }
                Err(error) => {
                    warn!(mint:% = url, error:%; "cannot check ecash from a backup, it is tried again");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Asks about some of the mint's ecash; gives of how much it is known now.
    async fn check_some_of(&self, mint: &Mint) -> Result<usize, Trouble> {
        let mut known = 0;
        for purse in self.store.read(|state| purses_of(state, mint.url())) {
            let proofs = self
                .store
                .read(|state| state.unchecked_proofs(&purse, BATCH));
            let states = mint.states(&proofs).await?;
            let of = |wanted: Spending| -> Vec<Secret> {
                let found = proofs.iter().zip(&states);
                let found = found.filter(|(_, state)| **state == wanted);
                found.map(|(proof, _)| proof.secret.clone()).collect()
            };
            // What is pending is known when it is spent, or is not.
            let (unspent, spent) = (of(Spending::Unspent), of(Spending::Spent));
            let (good, gone) = (unspent.len(), spent.len());
            if good + gone == 0 {
                continue;
            }
            let (url, unit) = purse;
            let checked = Record::Checked {
                mint: url,
                unit,
                unspent,
                spent,
            };
            self.store
                .commit(When::Now, |_| (vec![checked], ()))
                .await?;
            info!(mint:% = mint.url(), good, spent = gone; "ecash from a backup was checked");
            known += good + gone;
        }
        Ok(known)
    }
}

/// Whether there is something to be asked about, or may be.
fn is_left(state: &State, url: &MintUrl) -> bool {
    let mut pending = state.all_pending();
    !purses_of(state, url).is_empty()
        || pending.any(|intent| intent.restored && intent.mint == *url)
}

fn purses_of(state: &State, url: &MintUrl) -> Vec<Purse> {
    let purses = state.unchecked().map(|(purse, _)| purse);
    purses.filter(|(mint, _)| mint == url).cloned().collect()
}

/// Why nothing is known yet.
enum Trouble {
    Mint(MintError),
    Journal(io::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mint(error) => error.fmt(f),
            Self::Journal(error) => write!(f, "cannot write to the journal: {error}"),
        }
    }
}

impl From<MintError> for Trouble {
    fn from(error: MintError) -> Self {
        Self::Mint(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}
