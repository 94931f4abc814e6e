//! `status` for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Balance, GateStatus, MintStatus, Status, WalletStatus};
use crate::config::schema::Metric;
use crate::sessions::Overshoot;

impl Status {
    /// The same for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "tollgate-wrt {}, running for {}\n",
            self.version, self.uptime
        );
        let mut line = |name: &str, words: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:10} {words}");
        };
        line("identity", self.npub.clone());
        line("", self.pubkey.clone());
        let places = self.listening.iter().map(|place| match &place.interface {
            Some(interface) => format!("{interface} {}", place.address),
            None => place.address.clone(),
        });
        let places: Vec<String> = places.collect();
        line(
            "listening",
            match places.is_empty() {
                true => "nowhere yet".to_owned(),
                false => places.join(", "),
            },
        );
        line("sells", self.offer());
        line("gate", self.gate.text());
        for (at, mint) in self.mints.iter().enumerate() {
            line(if at == 0 { "mints" } else { "" }, mint.text());
        }
        line("wallet", self.wallet.text());
        let waiting = match self.claims {
            0 => String::new(),
            claims => format!(", {claims} of them paid and waiting for the gate"),
        };
        line("sessions", format!("{}{waiting}", self.sessions));
        let damage = match self.journal.damaged_places {
            0 => "undamaged".to_owned(),
            places => format!("damaged in {places} places"),
        };
        line(
            "journal",
            format!("{} kB, {damage}", self.journal.bytes.div_ceil(1_000)),
        );
        let clock = match self.clock.ok {
            true => "",
            false => " (not set)",
        };
        line("clock", format!("{}{clock}", self.clock.time));
        for warning in &self.warnings {
            line("warning", warning.clone());
        }
        text
    }

    fn offer(&self) -> String {
        let step = match self.metric == Metric::Milliseconds.as_str() {
            true => duration(Duration::from_millis(self.step_size)),
            false => format!("{} bytes", self.step_size),
        };
        match self.mints.first() {
            None => "nothing: no mint is configured".to_owned(),
            Some(mint) => {
                let least = match mint.min_steps {
                    1 => String::new(),
                    least => format!(", {least} of them at least"),
                };
                format!("{step} for {} {}{least}", mint.price_per_step, mint.unit)
            }
        }
    }
}

impl GateStatus {
    fn text(&self) -> String {
        let name = match (&self.command, self.kind) {
            (Some(command), _) => command.clone(),
            (None, "none") => "none: everybody has access".to_owned(),
            (None, "nftables") => "nftables".to_owned(),
            (None, "ndsctl") => "NoDogSplash or openNDS (ndsctl)".to_owned(),
            (None, _) => return "none is configured: payments are refused".to_owned(),
        };
        let Overshoot {
            bytes,
            milliseconds,
        } = self.overshoot;
        match &self.error {
            None if (bytes, milliseconds) == (0, 0) => name,
            None => format!(
                "{name}; at most {bytes} bytes and {milliseconds} ms of a session passed beyond its end"
            ),
            Some(error) => format!("{name} does not work: {error}"),
        }
    }
}

impl MintStatus {
    fn text(&self) -> String {
        let seconds = |seconds: Option<u64>| duration(Duration::from_secs(seconds.unwrap_or(0)));
        let state = match self.reachable {
            None => "not asked yet".to_owned(),
            Some(true) => format!("answered {} ago", seconds(self.answered_ago)),
            Some(false) => format!(
                "does not answer since {}: {}",
                seconds(self.down_for),
                self.error.as_deref().unwrap_or_default()
            ),
        };
        format!("{}: {state}", self.url)
    }
}

impl WalletStatus {
    fn text(&self) -> String {
        let amount = |balance: &Balance| format!("{} {}", balance.amount, balance.unit);
        let mut parts: Vec<String> = self.balances.iter().map(amount).collect();
        if parts.is_empty() {
            parts.push("empty".to_owned());
        }
        parts.extend(
            self.unchecked
                .iter()
                .map(|balance| format!("up to {} of a backup to be confirmed", amount(balance))),
        );
        if self.pending > 0 {
            parts.push(format!("{} payments not settled yet", self.pending));
        }
        parts.join(", ")
    }
}

/// A length of time as Go writes it: `2h13m5s`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}
