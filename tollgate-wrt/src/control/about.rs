//! What the running daemon knows of itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use crate::config::{Fingerprint, Settings};
use crate::ledger::Damage;
use crate::nostr::SigningKey;

/// What was so at the start, and where it listens now.
#[derive(Debug)]
pub struct About {
    /// When it was started.
    pub started: Instant,
    /// The settings in force.
    pub settings: Settings,
    /// The settings' files, as they were read.
    pub files: Fingerprint,
    /// The router's key.
    pub key: SigningKey,
    /// What was odd about the settings and the key.
    pub warnings: Vec<String>,
    /// What was wrong with the journal.
    pub damage: Damage,
    /// Settings that the command line has overridden, by the names of
    /// `config get`.
    pub command_line: BTreeMap<&'static str, Vec<String>>,
    /// Where customers are served.
    pub listening: Mutex<Vec<Listening>>,
}

/// A socket for customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// The device that it is bound to; none for all of them.
    pub interface: Option<String>,
    /// Address and port.
    pub address: String,
}

impl About {
    /// Notes where customers are served.
    pub fn listens(&self, listening: Vec<Listening>) {
        *self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = listening;
    }

    /// Where customers are served.
    pub fn listening(&self) -> Vec<Listening> {
        let listening = self.listening.lock();
        listening.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
