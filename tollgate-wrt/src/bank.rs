//! The owner's side of the wallet: what there is, and taking it out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cashu::{KeySetInfo, Proof, State, Token};

use crate::config::MintUrl;
use crate::journal::When;
use crate::ledger::record::{Record, Sent, TokenId};
use crate::ledger::{Purse, Store};
use crate::payment::{Refusal, Till};
use crate::wallet::keysets;
use crate::wallet::token::MAX_PROOFS;

/// Takes ecash out of the wallet, and puts it in.
#[derive(Debug, Clone)]
pub struct Bank {
    store: Arc<Store>,
    till: Arc<Till>,
}

/// What the wallet holds of one mint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The mint and the unit.
    pub purse: Purse,
    /// What the mint takes.
    pub amount: u64,
    /// How much of it is whose, and not paid out yet.
    pub owed: BTreeMap<String, u64>,
    /// How much of it is of keys that the mint signs with no more, or that end
    /// soon.
    pub retiring: u64,
    /// What there is beside it that the mint may take no more.
    pub expired: u64,
}

/// Ecash that has left the wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its mint and unit.
    pub purse: Purse,
    /// Its value.
    pub amount: u64,
    /// The text that whoever has it can spend.
    pub token: String,
}

impl Bank {
    /// The bank of a till.
    pub fn new(store: Arc<Store>, till: Arc<Till>) -> Self {
        Self { store, till }
    }

    /// What the wallet holds, and how many payments are not settled yet. Of
    /// keysets the mints' last word counts; nobody is asked.
    pub fn balances(&self) -> (Vec<Balance>, usize) {
        self.store.read(|state| {
            let balances = state.balances().map(|(purse, total)| {
                let known = self.till.mint(&purse.0).last_keysets();
                let of = |is: &dyn Fn(&KeySetInfo) -> bool| -> u64 {
                    let held = state.proofs(purse).into_iter().filter(|proof| {
                        let info = known.iter().find(|info| info.id == proof.keyset_id);
                        info.is_some_and(is)
                    });
                    let amounts = held.map(|proof| u64::from(proof.amount));
                    amounts.fold(0, u64::saturating_add)
                };
                let expired = of(&keysets::is_expired);
                let retiring = of(&|info| {
                    !keysets::is_expired(info) && (!info.active || keysets::is_ending(info))
                });
                let mut owed = state.owed(purse);
                owed.retain(|_, amount| *amount > 0);
                Balance {
                    purse: purse.clone(),
                    amount: total.saturating_sub(expired),
                    owed,
                    retiring,
                    expired,
                }
            });
            (balances.collect(), state.all_pending().count())
        })
    }

    /// Ecash from a backup that the mints have not confirmed yet.
    pub fn unchecked(&self) -> Vec<(Purse, u64)> {
        self.store.read(|state| {
            let unchecked = state.unchecked();
            unchecked
                .map(|(purse, amount)| (purse.clone(), amount))
                .collect()
        })
    }

    /// Takes everything out, or everything of one mint, as one token for each
    /// mint, or several: what takes tokens has its limits. The tokens are written down first: [`Bank::sent`] shows them again.
    ///
    /// # Errors
    /// What the system says; nothing has left the wallet then.
    pub async fn drain(&self, mint: Option<&MintUrl>) -> io::Result<Vec<Parcel>> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        let time = time.map_or(0, |now| now.as_secs());
        let drained = self.store.commit(When::Now, |state| {
            let purses = state.balances().map(|(purse, _)| purse);
            let purses = purses.filter(|(url, _)| mint.is_none_or(|mint| url == mint));
            let sent: Vec<Sent> = purses
                .flat_map(|purse| {
                    let proofs = state.proofs(purse);
                    let sent = proofs.chunks(MAX_PROOFS).map(|proofs| Sent {
                        id: TokenId::of(proofs.iter().map(|proof| &proof.secret)),
                        mint: purse.0.clone(),
                        unit: purse.1.clone(),
                        proofs: proofs.to_vec(),
                        time,
                    });
                    sent.collect::<Vec<_>>()
                })
                .collect();
            (sent.iter().cloned().map(Record::Sent).collect(), sent)
        });
        Ok(drained.await?.iter().map(parcel).collect())
    }

    /// Takes an exact amount out of one mint's ecash, as a token. The mint makes
    /// it, for its fee.
    ///
    /// # Errors
    /// Why not, or not yet.
    pub async fn send(&self, purse: &Purse, amount: u64) -> Result<Parcel, Refusal> {
        let id = self.till.send(purse, amount).await?;
        let found = self.store.read(|state| {
            let mut sent = state.sent();
            sent.find(|sent| sent.id == id).map(parcel)
        });
        found.ok_or_else(Refusal::pending)
    }

    /// Ecash that was taken out and that nobody has spent yet, as far as its
    /// mint tells. What was spent is forgotten.
    ///
    /// # Errors
    /// What the system says.
    pub async fn sent(&self) -> io::Result<Vec<Parcel>> {
        let sent: Vec<Sent> = self.store.read(|state| state.sent().cloned().collect());
        let mut left = Vec::new();
        for sent in sent {
            let states = self.till.mint(&sent.mint).states(&sent.proofs).await;
            let is_spent = |states: Vec<State>| states.iter().all(|state| *state == State::Spent);
            // A mint that does not answer says nothing against it.
            if !states.is_ok_and(is_spent) {
                left.push(parcel(&sent));
                continue;
            }
            let claimed = Record::Claimed { id: sent.id };
            self.store
                .commit(When::WithNext, |_| (vec![claimed], ()))
                .await?;
        }
        Ok(left)
    }

    /// Puts a token into the wallet; gives how much more it holds.
    ///
    /// # Errors
    /// Why not, or not yet.
    pub async fn receive(&self, token: &str) -> Result<u64, Refusal> {
        self.till.receive(token).await
    }
}

fn parcel(sent: &Sent) -> Parcel {
    let amounts = sent
        .proofs
        .iter()
        .map(|proof: &Proof| u64::from(proof.amount));
    let amount = amounts.fold(0, u64::saturating_add);
    // The type takes any text, and this one is an address.
    let token = match sent.mint.as_str().parse() {
        Ok(url) => Token::new(url, sent.proofs.clone(), None, sent.unit.clone()).to_string(),
        Err(_) => String::new(),
    };
    Parcel {
        purse: (sent.mint.clone(), sent.unit.clone()),
        amount,
        token,
    }
}

#[cfg(test)]
mod tests {
    use cashu::secret::Secret;
    use cashu::{Amount, CurrencyUnit, SecretKey};

    use super::*;
    use crate::clock::Uptime;
    use crate::config;
    use crate::gate::Missing;
    use crate::journal::disk::Directory;
    use crate::paths::Paths;
    use crate::sessions::Keeper;
    use crate::wallet::token;

    #[tokio::test]
    async fn much_is_drained_as_tokens_that_can_be_put_in_again() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let (store, _) = Store::open(Directory::open(&paths.money()).unwrap()).unwrap();
        let store = Arc::new(store);
        let mint: MintUrl = "https://mint.example".parse().unwrap();
        let c = SecretKey::from_slice(&[1; 32]).unwrap().public_key();
        let id = "009a1f293253e41e".parse().unwrap();
        let proof = |_| Proof::new(Amount::from(1), id, Secret::generate(), c);
        let held = Record::Proofs {
            mint: mint.clone(),
            unit: CurrencyUnit::Sat,
            proofs: (0..MAX_PROOFS + 1).map(proof).collect(),
        };
        let written = store.commit(When::Now, |_| (vec![held], ()));
        written.await.unwrap();

        let uptime = Uptime::new(&paths).unwrap();
        let keeper = Keeper::new(Arc::clone(&store), Arc::new(Missing::default()), uptime);
        let settings = config::load(&paths).unwrap().settings;
        let till = Till::new(
            &settings,
            Arc::clone(&store),
            Arc::new(keeper),
            Arc::default(),
        );
        let bank = Bank::new(store, Arc::new(till));
        let parcels = bank.drain(Some(&mint)).await.unwrap();
        let amounts: Vec<u64> = parcels.iter().map(|parcel| parcel.amount).collect();
        assert_eq!(amounts, [MAX_PROOFS as u64, 1]);
        for parcel in &parcels {
            assert_eq!(token::parse(&parcel.token).unwrap().mint, mint);
        }
        assert!(bank.balances().0.is_empty());
    }
}
