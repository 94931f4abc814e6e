//! What `ndsctl json` and `ndsctl status` print.
//!
//! `json` prints one `"key":value` a line, of one client or of all. It is read
//! by lines: NoDogSplash can print averages that are no JSON (`inf`), and a
//! device with two addresses is there twice under one key.
//!
//! | | NoDogSplash 5.0.2 | openNDS 9.10, 10.3 (src/util.c) |
//! |---|---|---|
//! | numbers | plain | in quotes, `"null"` for none |
//! | from and to the customer | `uploaded`, `downloaded` in 1000 bytes | `upload_this_session`, `download_this_session` in 1024 bytes |
//! | limits | none | `session_end` (Unix time), `upload_quota`, `download_quota` in 1024 bytes |
//! | a client it does not know | `{}` | `{}` |

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::gate::Error;
use crate::net::Mac;

/// openNDS' unit.
pub(super) const KIBI: u64 = 1024;

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Preauthenticated,
    Authenticated,
    /// Free, as the owner says.
    Trusted,
    Blocked,
}

/// A client, at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub mac: Mac,
    pub ip: Ipv4Addr,
    /// The name that it has alone; another one as soon as its counters begin anew.
    pub token: String,
    pub state: State,
    /// Bytes to the customer.
    pub down: u64,
    /// Bytes from the customer.
    pub up: u64,
    /// openNDS' limits.
    pub limits: Option<Limits>,
}

/// When openNDS shuts a client out by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// Unix time in seconds.
    pub end: Option<u64>,
    /// Bytes to the customer.
    pub down: Option<u64>,
    /// Bytes from the customer.
    pub up: Option<u64>,
}

impl Client {
    pub fn is_open(&self) -> bool {
        self.state == State::Authenticated
    }

    /// Bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.down.saturating_add(self.up)
    }
}

/// A client as far as it is read.
#[derive(Debug, Default)]
struct Draft<'a> {
    mac: Option<Mac>,
    ip: Option<Ipv4Addr>,
    token: &'a str,
    state: Option<State>,
    down: u64,
    up: u64,
    limits: Option<Limits>,
}

/// The clients in what `json` has printed.
///
/// # Errors
/// That it is something else.
pub(super) fn clients(text: &str) -> Result<Vec<Client>, Error> {
    let text = text.trim();
    if !text.starts_with('{') || !text.ends_with('}') {
        return Err(Error(
            "ndsctl json: the answer is not whole; is it being stopped?".to_owned(),
        ));
    }
    let mut clients = Vec::new();
    let mut draft = Draft::default();
    for line in text.lines().map(str::trim) {
        if line.ends_with('{') {
            draft = Draft::default();
        } else if line.starts_with('}') {
            clients.extend(std::mem::take(&mut draft).finish());
        } else if let Some((key, value)) = line.split_once("\":") {
            draft.set(
                key.trim_start_matches('"'),
                value.trim_end_matches(',').trim().trim_matches('"'),
            );
        }
    }
    Ok(clients)
}

impl<'a> Draft<'a> {
    fn set(&mut self, key: &str, value: &'a str) {
        let number = value.parse().ok();
        let bytes = |unit: u64| number.map(|number: u64| number.saturating_mul(unit));
        match key {
            "mac" => self.mac = value.parse().ok(),
            "ip" => self.ip = value.parse().ok(),
            "token" => self.token = value,
            "state" => self.state = state(value),
            "downloaded" => self.down = bytes(1000).unwrap_or(0),
            "uploaded" => self.up = bytes(1000).unwrap_or(0),
            "download_this_session" => self.down = bytes(KIBI).unwrap_or(0),
            "upload_this_session" => self.up = bytes(KIBI).unwrap_or(0),
            "session_end" => self.limits().end = number,
            "download_quota" => self.limits().down = bytes(KIBI),
            "upload_quota" => self.limits().up = bytes(KIBI),
            _ => {}
        }
    }

    fn limits(&mut self) -> &mut Limits {
        self.limits.get_or_insert_default()
    }

    fn finish(self) -> Option<Client> {
        Some(Client {
            mac: self.mac?,
            ip: self.ip?,
            token: Some(self.token)
                .filter(|token| !token.is_empty())?
                .to_owned(),
            state: self.state?,
            down: self.down,
            up: self.up,
            limits: self.limits,
        })
    }
}

fn state(word: &str) -> Option<State> {
    match word {
        "Preauthenticated" => Some(State::Preauthenticated),
        "Authenticated" => Some(State::Authenticated),
        "Trusted" => Some(State::Trusted),
        "Blocked" => Some(State::Blocked),
        _ => None,
    }
}

/// Where customers' first requests go: `… listening: http://10.0.0.1:2050` in
/// what `status` has printed.
pub(super) fn server(status: &str) -> Option<SocketAddrV4> {
    let line = status.lines().find(|line| line.contains("listening"))?;
    let (_, address) = line.split_once("http://")?;
    address.trim().parse().ok()
}

#[cfg(test)]
mod tests;
