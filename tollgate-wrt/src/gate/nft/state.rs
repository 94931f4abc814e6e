//! What the daemon knows of its table, and how the two are brought in line.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use log::{error, info, warn};

use super::batch::Batch;
use super::clients::Clients;
use super::known::Known;
use super::offload;
use super::rules::Place;
use crate::gate::Error;
use crate::net::Mac;
use crate::net::neighbours::Neighbour;

/// How often the same trouble is told.
const COMPLAINT: Duration = Duration::from_secs(60);

/// What the daemon knows of its table.
#[derive(Debug)]
pub struct State {
    pub(super) place: Place,
    firewall: PathBuf,
    pub(super) clients: Clients,
    pub(super) known: Known,
    /// Held by the one daemon that works the gate.
    pub(super) claim: Option<UnixDatagram>,
    /// Whether an earlier daemon's table was looked at.
    pub(super) is_adopted: bool,
    /// The rules as they were loaded; `None` while they are not.
    pub(super) rules: Option<Vec<u8>>,
    /// The ruleset's number when all was right.
    pub(super) generation: u32,
    /// Quotas that something may still have counted with.
    pub(super) leaving: BTreeSet<Mac>,
    pub(super) offload: Option<String>,
    complaint: Option<(Instant, Error)>,
    /// When the table could last not be made, and why.
    pub(super) failure: Option<(Instant, Error)>,
}

/// A failure of a step, with the way out where it is one of rights.
pub fn failed(step: &str, error: &dyn Display) -> Error {
    let mut text = format!("nftables: cannot {step}: {error}");
    if text.contains("not permitted") {
        text.push_str("; it takes root, or CAP_NET_ADMIN: reinstall the package, or `option jail '0'` in /etc/config/tollgate");
    }
    Error(text)
}

impl State {
    /// Knows nothing yet.
    pub fn new(place: Place, firewall: PathBuf) -> Self {
        Self {
            place,
            firewall,
            clients: Clients::default(),
            known: Known::default(),
            claim: None,
            is_adopted: false,
            rules: None,
            generation: 0,
            leaving: BTreeSet::new(),
            offload: None,
            complaint: None,
            failure: None,
        }
    }

    /// What makes the gate leak, with the way out.
    pub fn offload(&self) -> Option<String> {
        self.offload.as_deref().map(offload::advice)
    }

    /// Says what would else be said every second.
    pub fn complain(&mut self, error: Error) {
        let is_known =
            |(when, known): &(Instant, Error)| *known == error && when.elapsed() < COMPLAINT;
        if !self.complaint.as_ref().is_some_and(is_known) {
            warn!(error:%; "the gate is not as it should be");
            self.complaint = Some((Instant::now(), error));
        }
    }

    /// Sees to everything that is due; `is_all`: also to what events have told.
    pub async fn look(&mut self, is_all: bool) -> Result<(), Error> {
        self.check().await?;
        if is_all {
            self.look_for_offload();
            let step = |error: io::Error| failed("ask for neighbours", &error);
            self.known.refresh(&self.place).map_err(step)?;
            let all: Vec<Neighbour> = self.known.all().collect();
            self.apply(&all).map_err(step)?;
        }
        self.serve().map_err(|error| failed("be read", &error))
    }

    pub(super) fn look_for_offload(&mut self) {
        let found = offload::found(&self.firewall);
        if found == self.offload {
            return;
        }
        self.offload = found;
        match self.offload() {
            Some(trouble) => error!(trouble = trouble.as_str(); "payments are refused"),
            None => info!("flow offloading is off"),
        }
    }

    pub(super) fn commit(&mut self, batch: Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let may_be_nothing = batch.may_be_nothing();
        match batch.commit() {
            // Whether the number has changed nobody knows: the next look finds out.
            Ok(()) if may_be_nothing => {
                self.generation = 0;
                Ok(())
            }
            Ok(()) => {
                self.generation = self.generation.wrapping_add(1);
                Ok(())
            }
            Err(error) => {
                // Whatever it was, the next look finds out.
                self.generation = 0;
                Err(error)
            }
        }
    }

    /// Does what is in a batch once that is enough for one transaction.
    pub(super) fn commit_if_full(&mut self, batch: &mut Batch) -> io::Result<()> {
        match batch.is_full() {
            true => self.commit(std::mem::take(batch)),
            false => Ok(()),
        }
    }
}
