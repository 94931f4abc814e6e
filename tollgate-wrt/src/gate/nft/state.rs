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
use super::kernel;
use super::known::Known;
use super::offload;
use super::rules::Place;
use crate::gate::{Error, Limit, Open};
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

/// A failure of a step.
pub fn failed(step: &str, error: &dyn Display) -> Error {
    Error(format!("nftables: cannot {step}: {error}"))
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
        self.forget_quotas();
        Ok(())
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

    fn commit(&mut self, batch: Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        match batch.commit() {
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

    /// Opens the gate, or sets a new limit.
    pub async fn open(&mut self, mac: Mac, limit: Limit) -> Result<(), Error> {
        self.check().await?;
        match self.open_now(mac, limit) {
            Ok(()) => Ok(()),
            // Somebody may have changed the table since it was looked at.
            Err(_) => {
                self.check().await?;
                self.open_now(mac, limit)
            }
        }
    }

    fn open_now(&mut self, mac: Mac, limit: Limit) -> Result<(), Error> {
        let step = |error: io::Error| failed("let a customer through", &error);
        let quota = kernel::quota_of(mac).map_err(step)?;
        let now = Instant::now();
        let consumed = quota.map_or(0, |quota| quota.consumed);
        self.leaving.remove(&mac);
        self.clients.open(mac, limit, consumed, now);
        self.known.refresh_if_old(&self.place).map_err(step)?;
        for neighbour in self.known.all().filter(|known| known.mac == mac) {
            self.clients.learn(&neighbour, now);
        }
        let mut batch = Batch::default();
        let quota = self.clients.quota(mac);
        quota.iter().for_each(|quota| batch.set_quota(quota));
        let elements = self.clients.elements(mac, now);
        elements
            .iter()
            .for_each(|element| batch.set_element(element));
        self.commit(batch).map_err(step)
    }

    /// Closes the gate.
    pub async fn close(&mut self, mac: Mac) -> Result<(), Error> {
        self.check().await?;
        let mut batch = Batch::default();
        self.clients
            .close(mac)
            .into_iter()
            .for_each(|key| batch.remove_element(key));
        self.leaving.insert(mac);
        self.commit(batch)
            .map_err(|error| failed("shut a customer out", &error))
    }

    /// Removes quotas that count for nobody. One of which an element has just
    /// ended is in use until the kernel has cleared that away.
    fn forget_quotas(&mut self) {
        let mut batch = Batch::default();
        self.leaving.iter().for_each(|mac| batch.remove_quota(*mac));
        if self.commit(batch).is_ok() {
            self.leaving.clear();
            return;
        }
        for mac in std::mem::take(&mut self.leaving) {
            let mut batch = Batch::default();
            batch.remove_quota(mac);
            match self.commit(batch) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.leaving.insert(mac);
                }
                _ => {}
            }
        }
    }

    /// Everybody who is let through, with what was counted.
    pub async fn list(&mut self) -> Result<Vec<Open>, Error> {
        self.check().await?;
        let quotas = kernel::quotas().map_err(|error| failed("read the counters", &error))?;
        quotas.iter().for_each(|quota| self.clients.note(quota));
        let open = quotas
            .iter()
            .filter(|quota| self.clients.contains(quota.mac));
        let open = open.map(|quota| Open {
            mac: quota.mac,
            bytes: Some(quota.consumed),
        });
        Ok(open.collect())
    }

    /// Takes note of who has which address.
    pub async fn learn(&mut self, told: &[Neighbour]) -> Result<(), Error> {
        let step = |error: io::Error| failed("take a customer's address", &error);
        let fresh = self.known.note(&self.place, told).map_err(step)?;
        self.apply(&fresh).map_err(step)
    }

    fn apply(&mut self, fresh: &[Neighbour]) -> io::Result<()> {
        let now = Instant::now();
        let mut batch = Batch::default();
        for neighbour in fresh {
            let change = self.clients.learn(neighbour, now);
            change
                .removed
                .iter()
                .for_each(|key| batch.remove_element(*key));
            change
                .added
                .iter()
                .for_each(|element| batch.set_element(element));
            if batch.is_full() {
                self.commit(std::mem::take(&mut batch))?;
            }
        }
        self.commit(batch)
    }
}
