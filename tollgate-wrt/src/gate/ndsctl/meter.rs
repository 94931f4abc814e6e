//! Bytes of customers, counted on over everything that sets the counters of
//! NoDogSplash and openNDS to zero: deauthentication, idle time-outs, restarts.
//!
//! What was counted is kept in a file that a start of the router removes, so
//! that the next daemon goes on where this one was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use log::debug;

use super::report::Client;
use crate::files;
use crate::net::Mac;

/// The counters of all customers.
#[derive(Debug, Default)]
pub(super) struct Meters {
    file: PathBuf,
    meters: BTreeMap<Mac, Meter>,
    /// What the file has.
    written: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Meter {
    counted: u64,
    seen: Vec<Seen>,
}

/// What a client at one address had when it was last looked at.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    ip: Ipv4Addr,
    token: String,
    bytes: u64,
}

impl Meters {
    /// Counters that go on where the last daemon's were.
    pub fn open(file: PathBuf) -> Self {
        let text = files::read_text(&file).unwrap_or_default();
        let meters = text.lines().filter_map(read).collect();
        Self {
            file,
            meters,
            written: text,
        }
    }

    /// Counts what is new. `is_all` says that there are no other clients.
    pub fn count(&mut self, clients: &[Client], is_all: bool) {
        if is_all {
            for (mac, meter) in &mut self.meters {
                let is_there = |seen: &Seen| {
                    let mut clients = clients.iter();
                    clients.any(|client| client.mac == *mac && client.ip == seen.ip)
                };
                meter.seen.retain(is_there);
            }
        }
        for client in clients {
            let bytes = client.bytes();
            let meter = self.meters.entry(client.mac).or_default();
            let at = meter.seen.iter().position(|seen| seen.ip == client.ip);
            let before = at.map(|at| meter.seen.swap_remove(at));
            // Another token or less than before: they began at zero.
            let before = before.filter(|seen| seen.token == client.token && seen.bytes <= bytes);
            let fresh = bytes - before.map_or(0, |seen| seen.bytes);
            meter.counted = meter.counted.saturating_add(fresh);
            meter.seen.push(Seen {
                ip: client.ip,
                token: client.token.clone(),
                bytes,
            });
        }
    }

    /// What a customer has had.
    pub fn counted(&self, mac: Mac) -> u64 {
        self.meters.get(&mac).map_or(0, |meter| meter.counted)
    }

    /// Forgets customers who are neither kept nor there, and writes the rest down.
    pub fn keep(&mut self, is_kept: impl Fn(Mac) -> bool) {
        (self.meters).retain(|&mac, meter| is_kept(mac) || !meter.seen.is_empty());
        let mut text = String::new();
        for (mac, Meter { counted, seen }) in &self.meters {
            // Writing to a String cannot fail.
            let _ = write!(text, "{mac} {counted}");
            for Seen { ip, token, bytes } in seen {
                let _ = write!(text, " {ip} {token} {bytes}");
            }
            text.push('\n');
        }
        if text == self.written {
            return;
        }
        match files::replace(&self.file, text.as_bytes(), 0o600) {
            Ok(()) => self.written = text,
            Err(error) => debug!(file:% = self.file.display(), error:%; "cannot write"),
        }
    }

    /// Everybody whom the last daemon let through.
    pub fn customers(&self) -> BTreeSet<Mac> {
        self.meters.keys().copied().collect()
    }
}

/// One line of the file.
fn read(line: &str) -> Option<(Mac, Meter)> {
    let mut words = line.split(' ');
    let mac = words.next()?.parse().ok()?;
    let counted = words.next()?.parse().ok()?;
    let mut seen = Vec::new();
    while let Some(ip) = words.next() {
        seen.push(Seen {
            ip: ip.parse().ok()?,
            token: words.next()?.to_owned(),
            bytes: words.next()?.parse().ok()?,
        });
    }
    Some((mac, Meter { counted, seen }))
}

#[cfg(test)]
mod tests;
