//! The profit, paid out over Lightning.
//!
//! What the wallet of a mint holds above `min_balance` is shared out as
//! `profit_share` says. The ledger keeps who is owed how much, so that what
//! cannot be paid today stays whose it is. The owner is paid first; while the
//! owner cannot be reached, nobody is paid. Each share bears its own fees.

mod order;
mod pieces;
mod prepare;
mod problem;
mod report;
mod round;
mod share;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cashu::CurrencyUnit;
use log::{info, warn};
use tokio::sync::Mutex as Turn;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::config::MintUrl;
use crate::config::schema::{File, Mint as Accepted};
use crate::identity::Addresses;
use crate::ledger::record::{Intent, Paid, Payout, Purpose};
use crate::ledger::{Purse, Store};
use crate::lnurl::Lnurl;
use crate::payment::Till;
use crate::wallet::Client;
pub use report::{Fate, Report};
use share::Part;

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
    /// What was owed then.
    owed: u64,
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
        for (name, _) in self.parts.iter().skip(1) {
            if let Err(why) = self.payee(name) {
                warn!(why = why.as_str(); "a share of the profit stays in the wallet");
            }
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

    /// The payouts that were made, oldest first.
    pub fn paid(&self) -> Vec<Paid> {
        self.store.read(|state| state.paid().cloned().collect())
    }

    /// The payouts that are not settled yet.
    pub fn under_way(&self) -> Vec<(Intent, Payout)> {
        self.store.read(|state| {
            let pending = state
                .all_pending()
                .filter_map(|intent| match &intent.purpose {
                    Purpose::Payout(payout) => Some((intent.clone(), payout.clone())),
                    _ => None,
                });
            pending.collect()
        })
    }
}
