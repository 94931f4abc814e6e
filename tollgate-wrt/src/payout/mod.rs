//! The profit, paid out over Lightning.
//!
//! What the wallet of a mint holds above `min_balance` is shared out as
//! `profit_share` says. The ledger keeps who is owed how much, so that what
//! cannot be paid today stays whose it is. The owner is paid first; while the
//! owner cannot be reached, nobody is paid. Each share bears its own fees.

mod order;
mod prepare;
mod report;
mod share;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cashu::CurrencyUnit;
use log::{info, warn};
use tokio::sync::Mutex as Turn;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::config::MintUrl;
use crate::config::schema::{File, Mint as Accepted};
use crate::identity::Addresses;
use crate::ledger::record::{Purpose, Record};
use crate::ledger::{Purse, State, Store, sum};
use crate::lnurl::{Lnurl, Payee};
use crate::payment::{Refusal, Till};
use crate::wallet::{Client, keysets};
use prepare::{Problem, Want, prepare};
pub use report::{Fate, Report};
use share::{Books, Part};

/// The identity that is paid first.
const OWNER: &str = "owner";

/// How long somebody who could not be paid is left alone: at first, and at most.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3_600);

/// Pays out.
#[derive(Debug)]
pub struct Paymaster {
    till: Arc<Till>,
    store: Arc<Store>,
    lnurl: Lnurl,
    mints: Vec<Rules>,
    /// Whose part of the profit is how much, the owner first.
    parts: Vec<Part>,
    addresses: Addresses,
    /// Who could not be paid, and is left alone.
    resting: Mutex<HashMap<(MintUrl, String), Rest>>,
}

/// What the settings say about one mint's payouts.
#[derive(Debug)]
struct Rules {
    purse: Purse,
    min_balance: u64,
    min_payout: u64,
    percent: u64,
    interval: Duration,
    /// One round at a time.
    turn: Turn<()>,
}

impl Rules {
    fn new(accepted: &Accepted) -> Self {
        let unit = accepted.price_unit.as_str();
        let unit = unit.parse().unwrap_or_else(|_| CurrencyUnit::custom(unit));
        Self {
            purse: (accepted.url.clone(), unit),
            min_balance: accepted.min_balance,
            min_payout: accepted.min_payout_amount,
            percent: accepted.balance_tolerance_percent,
            interval: Duration::from_secs(accepted.payout_interval_seconds.max(1)),
            turn: Turn::default(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    pause: Duration,
    /// Whether it was for the payee or the mint, not for the amount.
    is_unreachable: bool,
}

/// How a round is gone about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By itself: those who could not be paid are left alone for a while.
    Regular,
    /// Because the owner says so.
    Ordered,
    /// To see what would be paid.
    Dry,
}

impl Paymaster {
    /// Pays as these settings say, to these addresses.
    pub fn new(
        file: &File,
        addresses: Addresses,
        till: Arc<Till>,
        store: Arc<Store>,
        client: Arc<Client>,
    ) -> Self {
        let shares = file.profit_share.iter();
        let mut parts = share::parts(shares.map(|share| (share.identity.as_str(), share.factor)));
        // Stable: the others keep their order.
        parts.sort_by_key(|(name, _)| name != OWNER);
        Self {
            till,
            store,
            lnurl: Lnurl::new(client),
            mints: file.accepted_mints.iter().map(Rules::new).collect(),
            parts,
            addresses,
            resting: Mutex::default(),
        }
    }

    /// Begins to pay out regularly, each mint's ecash by itself.
    pub fn start(self: &Arc<Self>) {
        let Some((first, _)) = self.parts.first() else {
            return;
        };
        if let Err(why) = self.payee(first) {
            return info!(identity = first.as_str(), why = why.as_str(); "profit stays in the wallet");
        }
        for index in 0..self.mints.len() {
            let paymaster = Arc::clone(self);
            tokio::spawn(async move {
                let rules = &paymaster.mints[index];
                let mut tick = interval(rules.interval);
                tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    tick.tick().await;
                    for report in paymaster.round(rules, Mode::Regular).await {
                        report.log();
                    }
                }
            });
        }
    }

    /// Pays everybody what is due out of all mints, or of one.
    pub async fn pay_shares(&self, mint: Option<&MintUrl>, mode: Mode) -> Vec<Report> {
        let mut reports = Vec::new();
        for rules in &self.mints {
            if mint.is_none_or(|mint| *mint == rules.purse.0) {
                reports.extend(self.round(rules, mode).await);
            }
        }
        reports
    }

    /// Whether payouts of this mint are in the settings.
    pub fn has(&self, mint: &MintUrl) -> bool {
        self.mints.iter().any(|rules| rules.purse.0 == *mint)
    }

    async fn round(&self, rules: &Rules, mode: Mode) -> Vec<Report> {
        let _turn = rules.turn.lock().await;
        let mut reports = Vec::new();
        let due = self.store.read(|state| self.due(rules, state));
        if due.values().all(|owed| *owed == 0) {
            let balance = self.store.read(|state| self.books(rules, state)).balance;
            let why = format!(
                "nothing is due: the balance is {balance}; {} stay, and from {} on it is shared out",
                rules.min_balance, rules.min_payout
            );
            reports.push(Report::new(&rules.purse, None, Fate::Skipped, why));
        }
        for (name, _) in &self.parts {
            if due.get(name).is_none_or(|owed| *owed == 0) {
                continue;
            }
            let (report, is_reachable) = self.pay_share(rules, name, mode).await;
            reports.push(report);
            if !is_reachable && name == OWNER {
                break;
            }
        }
        reports
    }

    /// Pays one share; also gives whether its holder could have been paid.
    async fn pay_share(&self, rules: &Rules, name: &str, mode: Mode) -> (Report, bool) {
        let purse = &rules.purse;
        let report = |fate, why: String| Report::new(purse, Some(name), fate, why);
        let payee = match self.payee(name) {
            Ok(payee) => payee,
            Err(why) => return (report(Fate::Skipped, why), false),
        };
        let key = (purse.0.clone(), name.to_owned());
        let rest = self.resting().get(&key).copied();
        if let Some(rest) = rest.filter(|rest| mode == Mode::Regular && rest.until > Instant::now())
        {
            let why = "it is tried again later".to_owned();
            return (report(Fate::Resting, why), !rest.is_unreachable);
        }
        let (owed, at_hand, is_pending) = self.store.read(|state| {
            let owed = self.due(rules, state).get(name).copied().unwrap_or(0);
            let pending = state.all_pending().any(|intent| {
                (&intent.mint, &intent.unit) == (&purse.0, &purse.1)
                    && matches!(&intent.purpose, Purpose::Payout(payout) if payout.share.as_deref() == Some(name))
            });
            (owed, self.books(rules, state).at_hand(), pending)
        });
        if is_pending {
            let why = "the last payout is under way".to_owned();
            return (report(Fate::Pending, why), true);
        }
        let want = Want::Within {
            budget: owed.min(at_hand),
            percent: rules.percent,
        };
        let share = Some(name.to_owned());
        let prepared = prepare(&self.till, &self.lnurl, purse, &payee, share, want).await;
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => {
                let is_reachable = matches!(problem, Problem::Small(_) | Problem::Funds(_));
                let report = report(Fate::Failed, problem.to_string()).to(&payee.text);
                if mode != Mode::Dry {
                    self.rest(key, rest, is_reachable);
                }
                return (report, is_reachable);
            }
        };
        self.resting().remove(&key);
        let report = Report::prepared(&prepared);
        if mode == Mode::Dry {
            return (report, true);
        }
        let (mint, unit) = purse.clone();
        let id = prepared.intent.id;
        let owe = |state: &State| {
            let owed = self.due(rules, state);
            vec![Record::Owed { mint, unit, owed }]
        };
        let made = self
            .till
            .pay_out(prepared.mint, prepared.connection, prepared.intent, owe);
        let made = made.await;
        if let Err(refusal) = &made {
            if !refusal.is_pending() {
                // By now it is known that the mint does not pay at the moment.
                self.rest(key, rest, true);
            }
        }
        (self.finished(report, id, made), true)
    }

    /// A report with what became of it.
    fn finished(
        &self,
        report: Report,
        id: crate::ledger::record::TokenId,
        made: Result<(), Refusal>,
    ) -> Report {
        let paid = self
            .store
            .read(|state| state.paid().find(|paid| paid.id == id).cloned());
        match (made, paid) {
            (_, Some(paid)) => report.paid(&paid),
            (Err(refusal), None) if !refusal.is_pending() => report.failed(refusal.text),
            _ => report.pending(),
        }
    }

    /// What is owed to whom, with the profit that came since.
    fn due(&self, rules: &Rules, state: &State) -> std::collections::BTreeMap<String, u64> {
        self.books(rules, state).share_out(&self.parts)
    }

    fn books(&self, rules: &Rules, state: &State) -> Books {
        let known = self.till.mint(&rules.purse.0).last_keysets();
        let mut held = state.proofs(&rules.purse);
        held.retain(|proof| {
            let info = known.iter().find(|info| info.id == proof.keyset_id);
            !info.is_some_and(keysets::is_expired)
        });
        let under_way = state.all_pending().filter(|intent| {
            (&intent.mint, &intent.unit) == (&rules.purse.0, &rules.purse.1)
                && matches!(&intent.purpose, Purpose::Payout(payout) if payout.share.is_some())
        });
        Books {
            balance: sum(&held),
            under_way: under_way.map(|intent| sum(&intent.inputs)).sum(),
            owed: state.owed(&rules.purse),
            min_balance: rules.min_balance,
            min_payout: rules.min_payout,
        }
    }

    fn payee(&self, name: &str) -> Result<Payee, String> {
        let Some(address) = self.addresses.get(name) else {
            return Err(format!(
                "identities.json has no lightning_address for `{name}`"
            ));
        };
        address
            .parse()
            .map_err(|error| format!("the lightning_address of `{name}`: {error}"))
    }

    fn rest(&self, key: (MintUrl, String), last: Option<Rest>, is_reachable: bool) {
        let pause = last.map_or(SHORTEST, |last| (last.pause * 2).min(LONGEST));
        let rest = Rest {
            until: Instant::now() + pause,
            pause,
            is_unreachable: !is_reachable,
        };
        if last.is_none() {
            warn!(mint:% = key.0, identity = key.1.as_str(); "cannot pay out now, it is tried again");
        }
        self.resting().insert(key, rest);
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, HashMap<(MintUrl, String), Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
