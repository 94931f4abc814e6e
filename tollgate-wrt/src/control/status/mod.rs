//! `status`: how the daemon is, at a glance.

mod text;

use serde::Serialize;
use tokio::time::Instant;

use super::Commands;
use super::about::Listening;
use super::wire::Answer;
use crate::calendar::rfc3339;
use crate::clock::Clock;
use crate::config::schema::SAT;
use crate::config::{self, GateChoice};
use crate::sessions::Overshoot;

/// What `--json` has in `data` (docs/json.md). The first six keys are those of
/// the Go daemon.
#[derive(Debug, Serialize)]
struct Status {
    running: bool,
    version: &'static str,
    uptime: String,
    config_ok: bool,
    wallet_ok: bool,
    network_ok: bool,
    uptime_seconds: u64,
    pubkey: String,
    npub: String,
    listening: Vec<Listening>,
    metric: &'static str,
    step_size: u64,
    gate: GateStatus,
    mints: Vec<MintStatus>,
    wallet: WalletStatus,
    sessions: usize,
    /// Sessions that were paid for and wait for the gate.
    claims: usize,
    journal: JournalStatus,
    clock: ClockStatus,
    command_line: std::collections::BTreeMap<&'static str, Vec<String>>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct GateStatus {
    kind: &'static str,
    command: Option<String>,
    ok: bool,
    error: Option<String>,
    overshoot: Overshoot,
}

#[derive(Debug, Serialize)]
struct MintStatus {
    url: String,
    price_per_step: u64,
    unit: String,
    min_steps: u64,
    /// Null before it was first asked.
    reachable: Option<bool>,
    /// Seconds since it last answered.
    answered_ago: Option<u64>,
    /// Seconds since it answers no more.
    down_for: Option<u64>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct WalletStatus {
    /// The Go daemon's key: all that is counted in sat.
    balance_sats: u64,
    balances: Vec<Balance>,
    unchecked: Vec<Balance>,
    pending: usize,
}

#[derive(Debug, Serialize)]
struct Balance {
    mint: String,
    unit: String,
    amount: u64,
}

#[derive(Debug, Serialize)]
struct JournalStatus {
    bytes: u64,
    torn_bytes: usize,
    damaged_places: usize,
}

#[derive(Debug, Serialize)]
struct ClockStatus {
    ok: bool,
    time: String,
}

impl Commands {
    /// How the daemon is.
    pub(super) fn status(&self) -> Answer {
        let status = self.look();
        let text = status.text();
        match serde_json::to_value(&status) {
            Ok(data) => Answer::done(text, data),
            Err(error) => Answer::failed(error.to_string()),
        }
    }

    fn look(&self) -> Status {
        let about = &self.about;
        let file = &about.settings.file;
        let now = Clock::new().read();
        let is_clock_right = self.till.is_clock_right();
        let sessions = self.keeper.sessions();
        let claims = sessions.iter().filter(|(_, s, _)| s.running.is_none());
        let claims = claims.count();
        let mints = self.mints();
        let network_ok = mints.iter().any(|mint| mint.reachable == Some(true));
        let gate = self.gate();
        let damage = about.damage;
        let mut warnings = about.warnings.clone();
        if about.files != config::fingerprint(&self.paths) {
            warnings.push("the configuration was changed since the start; /etc/init.d/tollgate-wrt reload takes it over".to_owned());
        }
        if !is_clock_right {
            warnings.push("the clock is not set; mints cannot be reached over TLS before it is, and are tried again by themselves".to_owned());
        }
        if damage.places > 0 {
            warnings.push(format!(
                "the journal was damaged in {} places; what can be read is used, a copy is {}",
                damage.places,
                self.paths.money().join("journal.damaged").display()
            ));
        }
        if claims > 0 && !gate.ok {
            warnings.push(format!(
                "{claims} who paid wait for the gate, which does not open"
            ));
        }
        Status {
            running: true,
            version: env!("CARGO_PKG_VERSION"),
            uptime: text::duration(about.started.elapsed()),
            // It would not have started otherwise.
            config_ok: true,
            wallet_ok: damage.places == 0,
            network_ok,
            uptime_seconds: about.started.elapsed().as_secs(),
            pubkey: about.key.public_hex(),
            npub: about.key.npub(),
            listening: about.listening(),
            metric: file.metric.as_str(),
            step_size: file.step().get(),
            gate,
            mints,
            wallet: self.wallet(),
            sessions: sessions.len(),
            claims,
            journal: JournalStatus {
                bytes: self.store.size(),
                torn_bytes: damage.torn,
                damaged_places: damage.places,
            },
            clock: ClockStatus {
                ok: is_clock_right,
                time: rfc3339(now.wall.as_secs()),
            },
            command_line: about.command_line.clone(),
            warnings,
        }
    }

    fn gate(&self) -> GateStatus {
        let error = self.keeper.gate_trouble();
        let (kind, command, error) = match &self.about.settings.gate {
            GateChoice::Missing => ("missing", None, Some("no gate is configured".to_owned())),
            GateChoice::Ndsctl => ("ndsctl", None, error),
            GateChoice::None => ("none", None, error),
            GateChoice::Nftables(_) => ("nftables", None, error),
            GateChoice::Command(program) => ("command", Some(program.display().to_string()), error),
        };
        GateStatus {
            kind,
            command,
            ok: error.is_none(),
            error,
            overshoot: self.keeper.overshoot(),
        }
    }

    fn mints(&self) -> Vec<MintStatus> {
        let accepted = &self.about.settings.file.accepted_mints;
        let health = self.till.mint_health();
        let now = Instant::now();
        let ago = |since: Instant| now.saturating_duration_since(since).as_secs();
        let mints = accepted.iter().map(|mint| {
            let known = health.iter().find(|(url, _)| *url == mint.url);
            let known = known.map(|(_, health)| health.clone()).unwrap_or_default();
            let reachable = match (&known.down, known.answered) {
                (Some(_), _) => Some(false),
                (None, Some(_)) => Some(true),
                (None, None) => None,
            };
            MintStatus {
                url: mint.url.to_string(),
                price_per_step: mint.price_per_step.get(),
                unit: mint.price_unit.clone(),
                min_steps: mint.purchase_min_steps.get(),
                reachable,
                answered_ago: known.answered.map(ago),
                down_for: known.down.as_ref().map(|(since, _)| ago(*since)),
                error: known.down.map(|(_, error)| error),
            }
        });
        mints.collect()
    }

    fn wallet(&self) -> WalletStatus {
        let (balances, pending) = self.bank.balances();
        let shown = |purses: Vec<_>| -> Vec<Balance> {
            let purses = purses.into_iter();
            let shown = purses.map(
                |((mint, unit), amount): (crate::ledger::Purse, u64)| Balance {
                    mint: mint.to_string(),
                    unit: unit.to_string(),
                    amount,
                },
            );
            shown.collect()
        };
        let balances = balances.into_iter();
        let balances = shown(balances.map(|held| (held.purse, held.amount)).collect());
        let sats = balances.iter().filter(|balance| balance.unit == SAT);
        WalletStatus {
            balance_sats: sats.map(|balance| balance.amount).sum(),
            balances,
            unchecked: shown(self.bank.unchecked()),
            pending,
        }
    }
}
