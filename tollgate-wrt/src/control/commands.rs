//! The commands that a running daemon carries out.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::wire::{Answer, Request};
use super::{About, payouts};
use crate::backup::Backup;
use crate::bank::{Balance, Bank, Parcel};
use crate::config::MintUrl;
use crate::config::schema::SAT;
use crate::ledger::Store;
use crate::paths::Paths;
use crate::payment::Till;
use crate::payout::Paymaster;
use crate::sessions::Keeper;

/// What commands work on.
#[derive(Debug)]
pub struct Commands {
    /// The wallet.
    pub bank: Bank,
    /// The way out of it.
    pub paymaster: Arc<Paymaster>,
    /// The sessions.
    pub keeper: Arc<Keeper>,
    /// The ledger.
    pub store: Arc<Store>,
    /// What takes payments.
    pub till: Arc<Till>,
    /// The daemon itself.
    pub about: Arc<About>,
    /// The system's files.
    pub paths: Paths,
}

impl Commands {
    /// Carries out a command.
    pub async fn run(&self, request: &Request) -> Answer {
        let args: Vec<&str> = request.args.iter().map(String::as_str).collect();
        match (request.command.as_str(), args.as_slice()) {
            ("status", []) => self.status(),
            ("version", []) => self.version(),
            ("sessions", []) => self.sessions(),
            ("backup", []) => self.backup().await,
            // The second words are those of the Go daemon's client.
            ("wallet", ["balance" | "info"]) => self.balance(),
            ("wallet", ["drain"] | ["drain", "cashu"]) => self.drain(None).await,
            ("wallet", ["drain", mint]) => match mint.parse() {
                Ok(mint) => self.drain(Some(&mint)).await,
                Err(error) => Answer::failed(format!("{mint} is no mint's address: {error}")),
            },
            ("wallet", ["send", amount]) => self.send(amount, None).await,
            ("wallet", ["send", amount, mint]) => match mint.parse() {
                Ok(mint) => self.send(amount, Some(&mint)).await,
                Err(error) => Answer::failed(format!("{mint} is no mint's address: {error}")),
            },
            ("wallet", ["sent"]) => self.sent().await,
            ("wallet", ["receive", token]) => self.receive(token).await,
            ("wallet", ["payout", amount @ ..]) if amount.len() < 2 => {
                let amount = amount.first().copied();
                payouts::payout(&self.paymaster, amount, &request.flags).await
            }
            ("wallet", ["payouts"]) => payouts::payouts(&self.paymaster),
            _ => {
                let words = args.first().copied().unwrap_or_default();
                Answer::failed(format!("there is no command `{} {words}`", request.command))
            }
        }
    }

    fn version(&self) -> Answer {
        let version = env!("CARGO_PKG_VERSION");
        Answer::done(format!("{version}\n"), json!({"version": version}))
    }

    fn sessions(&self) -> Answer {
        let sessions = self.keeper.sessions();
        let mut text = String::new();
        let mut data = Vec::new();
        for (mac, session, used) in sessions {
            let metric = session.metric.as_str();
            let is_open = session.running.is_some();
            let note = if is_open {
                ""
            } else {
                " (paid; waits for the gate)"
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{mac} {used}/{} {metric}{note}", session.allotment);
            data.push(json!({
                "mac": mac,
                "metric": metric,
                "used": used,
                "allotment": session.allotment,
                "started": session.started,
                "open": is_open,
            }));
        }
        if text.is_empty() {
            text.push_str("no sessions\n");
        }
        Answer::done(text, Value::Array(data))
    }

    /// The ledger of this moment, the key and the settings.
    async fn backup(&self) -> Answer {
        let records = self.store.snapshot().await;
        let text = Backup::new(&self.paths, records).and_then(|backup| backup.to_text());
        match text {
            Ok(text) => Answer::done(String::new(), Value::String(text)),
            Err(error) => Answer::failed(format!("cannot make the backup: {error}")),
        }
    }

    fn balance(&self) -> Answer {
        let (balances, pending) = self.bank.balances();
        let mut text = String::new();
        let mut data = Vec::new();
        for balance in balances {
            let (mint, unit) = &balance.purse;
            let _ = writeln!(text, "{} {unit} {mint}", balance.amount);
            for (name, owed) in &balance.owed {
                let _ = writeln!(text, "  {owed} {unit} of it are owed to {name}");
            }
            if balance.retiring > 0 {
                let _ = writeln!(
                    text,
                    "  {} {unit} of it are of keys that the mint retires; they are swapped as soon as it takes them",
                    balance.retiring
                );
            }
            if balance.expired > 0 {
                let _ = writeln!(
                    text,
                    "  and {} {unit} that have expired: the mint may not take them any more",
                    balance.expired
                );
            }
            data.push(json!({
                "mint": mint,
                "unit": unit,
                "amount": balance.amount,
                "owed": balance.owed,
                "retiring": balance.retiring,
                "expired": balance.expired,
            }));
        }
        if text.is_empty() {
            text.push_str("the wallet is empty\n");
        }
        let mut unchecked = Vec::new();
        for ((mint, unit), amount) in self.bank.unchecked() {
            let _ = writeln!(
                text,
                "and up to {amount} {unit} {mint} from a backup, which the mint has not confirmed yet"
            );
            unchecked.push(json!({"mint": mint, "unit": unit, "amount": amount}));
        }
        if pending > 0 {
            let _ = writeln!(text, "and {pending} payments that are not settled yet");
        }
        let sats = data.iter().filter(|one| one["unit"] == SAT);
        let sats: u64 = sats.filter_map(|one| one["amount"].as_u64()).sum();
        let data = json!({
            "balance_sats": sats,
            "balances": data,
            "unchecked": unchecked,
            "pending": pending,
        });
        Answer::done(text, data)
    }

    async fn drain(&self, mint: Option<&MintUrl>) -> Answer {
        match self.bank.drain(mint).await {
            Ok(parcels) => tokens(&parcels, "there is nothing to take out\n"),
            Err(error) => Answer::failed(format!(
                "cannot write to the journal, so that nothing was taken out: {error}"
            )),
        }
    }

    async fn send(&self, amount: &str, mint: Option<&MintUrl>) -> Answer {
        let Ok(amount) = amount.parse() else {
            return Answer::failed(format!("{amount:?} is no amount"));
        };
        let (balances, _) = self.bank.balances();
        let mut fitting = balances.into_iter().filter(|balance| {
            balance.amount >= amount && mint.is_none_or(|mint| balance.purse.0 == *mint)
        });
        let Some(Balance { purse, .. }) = fitting.next() else {
            return Answer::failed("the wallet holds so much of no mint");
        };
        if fitting.next().is_some() {
            return Answer::failed("several mints have so much; name one");
        }
        match self.bank.send(&purse, amount).await {
            Ok(parcel) => tokens(&[parcel], ""),
            Err(refusal) => Answer::failed(refusal.text),
        }
    }

    async fn sent(&self) -> Answer {
        match self.bank.sent().await {
            Ok(parcels) => tokens(&parcels, "all tokens that were taken out are spent\n"),
            Err(error) => Answer::failed(error.to_string()),
        }
    }

    async fn receive(&self, token: &str) -> Answer {
        match self.bank.receive(token).await {
            Ok(amount) => Answer::done(format!("received {amount}\n"), json!({"amount": amount})),
            Err(refusal) => Answer::failed(refusal.text),
        }
    }
}

/// Tokens, one a line: what a person copies and a script reads.
fn tokens(parcels: &[Parcel], none: &str) -> Answer {
    let mut text = String::new();
    let mut data = Vec::new();
    for parcel in parcels {
        let (mint, unit) = &parcel.purse;
        let _ = writeln!(text, "{}", parcel.token);
        data.push(json!({
            "mint": mint,
            "unit": unit,
            "amount": parcel.amount,
            "token": parcel.token,
        }));
    }
    if text.is_empty() {
        text.push_str(none);
    }
    Answer::done(text, Value::Array(data))
}
