//! One round: who gets what of one mint's ecash now.

use std::collections::{BTreeMap, HashMap};
use std::sync::{MutexGuard, PoisonError};

use log::warn;
use tokio::time::Instant;

use super::prepare::{Want, prepare};
use super::problem::Problem;
use super::share::Books;
use super::{Fate, LONGEST, Mode, OWNER, Paymaster, Report, Rest, Rules, SHORTEST};
use crate::config::MintUrl;
use crate::ledger::record::{Purpose, Record, TokenId};
use crate::ledger::{State, sum};
use crate::lnurl::Payee;
use crate::payment::Refusal;
use crate::wallet::keysets;

impl Paymaster {
    pub(super) async fn round(&self, rules: &Rules, mode: Mode) -> Vec<Report> {
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
            let (report, is_fine) = self.pay_share(rules, name, mode).await;
            reports.push(report);
            if !is_fine && name == OWNER {
                break;
            }
        }
        reports
    }

    /// Pays one share; also gives whether it can be gone on with those who come
    /// after its holder, if that is the owner.
    async fn pay_share(&self, rules: &Rules, name: &str, mode: Mode) -> (Report, bool) {
        let purse = &rules.purse;
        let report = |fate, why: String| Report::new(purse, Some(name), fate, why);
        let payee = match self.payee(name) {
            Ok(payee) => payee,
            Err(why) => return (report(Fate::Skipped, why), false),
        };
        let (owed, at_hand, is_pending) = self.store.read(|state| {
            let owed = self.due(rules, state).get(name).copied().unwrap_or(0);
            let pending = state.all_pending().any(|intent| {
                (&intent.mint, &intent.unit) == (&purse.0, &purse.1)
                    && matches!(&intent.purpose, Purpose::Payout(payout) if payout.share.as_deref() == Some(name))
            });
            (owed, self.books(rules, state).at_hand(), pending)
        });
        let key = (purse.0.clone(), name.to_owned());
        let rest = self.resting().get(&key).copied();
        // What was too little may have grown.
        let is_over = |rest: &Rest| {
            let has_grown = !rest.is_unreachable && owed >= rest.owed.saturating_mul(2);
            mode != Mode::Regular || has_grown || rest.until <= Instant::now()
        };
        if let Some(rest) = rest.filter(|rest| !is_over(rest)) {
            let why = "it is tried again later".to_owned();
            return (report(Fate::Resting, why), !rest.is_unreachable);
        }
        if is_pending {
            let why = "the last payout is under way".to_owned();
            return (report(Fate::Pending, why), true);
        }
        let want = Want::Within {
            budget: owed.min(at_hand),
            percent: rules.percent,
        };
        let share = Some(name.to_owned());
        let is_dry = mode == Mode::Dry;
        let prepared = prepare(&self.till, &self.lnurl, purse, &payee, share, want, is_dry).await;
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => {
                let is_reachable = matches!(problem, Problem::Small(_) | Problem::Funds(_));
                let fate = match problem {
                    Problem::Small(_) => Fate::Skipped,
                    _ => Fate::Failed,
                };
                let report = report(fate, problem.to_string()).to(&payee.text);
                if !is_dry {
                    self.rest(key, rest, is_reachable, owed);
                }
                return (report, is_reachable);
            }
        };
        self.resting().remove(&key);
        let report = Report::prepared(&prepared);
        if is_dry {
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
        let failed = made.as_ref().is_err_and(|refusal| !refusal.is_pending());
        if failed {
            // By now it is known that the mint does not pay at the moment.
            self.rest(key, rest, false, owed);
        }
        (self.finished(report, id, made), !failed)
    }

    /// A report with what became of it.
    pub(super) fn finished(
        &self,
        report: Report,
        id: TokenId,
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
    fn due(&self, rules: &Rules, state: &State) -> BTreeMap<String, u64> {
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
            under_way: under_way
                .map(|intent| sum(&intent.inputs))
                .fold(0, u64::saturating_add),
            owed: state.owed(&rules.purse),
            min_balance: rules.min_balance,
            min_payout: rules.min_payout,
        }
    }

    pub(super) fn payee(&self, name: &str) -> Result<Payee, String> {
        let Some(address) = self.addresses.get(name) else {
            return Err(format!(
                "identities.json has no lightning_address for `{name}`"
            ));
        };
        address
            .parse()
            .map_err(|error| format!("the lightning_address of `{name}`: {error}"))
    }

    fn rest(&self, key: (MintUrl, String), last: Option<Rest>, is_reachable: bool, owed: u64) {
        let pause = last.map_or(SHORTEST, |last| (last.pause * 2).min(LONGEST));
        let rest = Rest {
            until: Instant::now() + pause,
            pause,
            is_unreachable: !is_reachable,
            owed,
        };
        if last.is_none() && !is_reachable {
            warn!(mint:% = key.0, identity = key.1.as_str(); "cannot pay out now, it is tried again");
        }
        self.resting().insert(key, rest);
    }

    fn resting(&self) -> MutexGuard<'_, HashMap<(MintUrl, String), Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
