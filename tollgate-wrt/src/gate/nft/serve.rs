//! What is done for customers: let through, shut out, counted, recognised.

use std::io;
use std::time::Instant;

use super::batch::Batch;
use super::clients::Change;
use super::kernel::{self, Quota};
use super::state::{State, failed};
use crate::gate::{Error, Limit, Open};
use crate::net::Mac;
use crate::net::neighbours::Neighbour;

/// Most new addresses that are asked after at one look. Whoever has a customer's
/// MAC address can make some up.
const MOST_FRESH: usize = 32;

impl State {
    /// Opens the gate, or sets new limits.
    pub async fn open(&mut self, many: &[(Mac, Limit)]) -> Result<(), Error> {
        self.check().await?;
        match self.open_now(many, true) {
            Ok(()) => Ok(()),
            // Somebody may have changed the table since it was looked at; or an
            // element that has ended holds on to a quota.
            Err(_) => {
                self.check().await?;
                self.open_now(many, false)
            }
        }
    }

    /// `is_renewed`: quotas that are spent are made anew. They have counted what
    /// came when nothing was left, which nobody is to pay for.
    fn open_now(&mut self, many: &[(Mac, Limit)], is_renewed: bool) -> Result<(), Error> {
        let step = |error: io::Error| failed("let a customer through", &error);
        let quotas = match many {
            [(mac, _)] => kernel::quota_of(*mac).map(|quota| quota.into_iter().collect()),
            _ => kernel::quotas(),
        };
        let quotas: Vec<Quota> = quotas.map_err(step)?;
        let now = Instant::now();
        self.known.refresh_if_old(&self.place).map_err(step)?;
        let neighbours: Vec<Neighbour> = self.known.all().collect();
        let mut batch = Batch::default();
        for &(mac, limit) in many {
            let quota = quotas.iter().find(|quota| quota.mac == mac);
            self.leaving.remove(&mac);
            if is_renewed && quota.is_some_and(Quota::is_spent) {
                let elements = self.clients.elements(mac, now);
                elements
                    .iter()
                    .for_each(|element| batch.remove_element(element.key));
                batch.remove_quota(mac);
            }
            self.clients.open(mac, limit, quota, now);
            for neighbour in neighbours.iter().filter(|known| known.mac == mac) {
                let change = self.clients.learn(neighbour, now);
                let removed = change.removed.iter();
                removed.for_each(|key| batch.remove_element(*key));
            }
            let quota = self.clients.quota(mac);
            quota.iter().for_each(|quota| batch.set_quota(quota));
            let elements = self.clients.elements(mac, now);
            elements
                .iter()
                .for_each(|element| batch.set_element(element));
            self.commit_if_full(&mut batch).map_err(step)?;
        }
        self.commit(batch).map_err(step)
    }

    /// Closes the gate.
    pub async fn close(&mut self, many: &[Mac]) -> Result<(), Error> {
        self.check().await?;
        let step = |error: io::Error| failed("shut a customer out", &error);
        let mut batch = Batch::default();
        for &mac in many {
            let keys = self.clients.close(mac).into_iter();
            keys.for_each(|key| batch.remove_element(key));
            self.leaving.insert(mac);
            self.commit_if_full(&mut batch).map_err(step)?;
        }
        self.commit(batch).map_err(step)
    }

    /// Everybody who is let through, with what was counted.
    pub async fn list(&mut self) -> Result<Vec<Open>, Error> {
        self.check().await?;
        let quotas = self.count();
        let quotas = quotas.map_err(|error| failed("read the counters", &error))?;
        for quota in &quotas {
            self.clients.tell(quota.mac, quota.consumed);
        }
        let open = quotas
            .iter()
            .filter(|quota| self.clients.contains(quota.mac));
        let open = open.map(|quota| Open {
            mac: quota.mac,
            bytes: Some(quota.consumed),
        });
        Ok(open.collect())
    }

    /// What a customer who is let through may have still, and what was counted.
    pub async fn left(&mut self, mac: Mac) -> Result<Option<(Limit, u64)>, Error> {
        self.check().await?;
        if !self.clients.contains(mac) {
            return Ok(None);
        }
        let quota = kernel::quota_of(mac).map_err(|error| failed("read a counter", &error))?;
        quota.iter().for_each(|quota| self.clients.note(quota));
        let consumed = quota.map(|quota| quota.consumed);
        Ok(self.clients.left(mac, Instant::now()).zip(consumed))
    }

    /// What was counted for a customer. A quota that is not there is made with what
    /// was counted last, or with 0.
    pub fn usage(&mut self, mac: Mac) -> Result<u64, Error> {
        let quota = kernel::quota_of(mac).map_err(|error| failed("read a counter", &error))?;
        let quota = quota.or_else(|| self.clients.quota(mac));
        let consumed = quota.map_or(0, |quota| quota.consumed);
        self.clients.tell(mac, consumed);
        Ok(consumed)
    }

    /// Notes what was counted: it goes on there if the table is lost.
    fn count(&mut self) -> io::Result<Vec<Quota>> {
        let quotas = kernel::quotas()?;
        quotas.iter().for_each(|quota| self.clients.note(quota));
        Ok(quotas)
    }

    /// What is due once a second.
    pub(super) fn serve(&mut self) -> io::Result<()> {
        if self.clients.has_quotas() {
            self.count()?;
        }
        if !self.clients.is_empty() {
            for (mac, address) in kernel::fresh()?.into_iter().take(MOST_FRESH) {
                match self.known.of(address).filter(|known| known.mac == mac) {
                    Some(known) => self.apply(&[known])?,
                    // Whoever has it answers, and the kernel tells.
                    None => self.known.look_for(&self.place, address)?,
                }
            }
        }
        if !self.leaving.is_empty() {
            self.forget_quotas()?;
        }
        Ok(())
    }

    /// Removes quotas that count for nobody.
    fn forget_quotas(&mut self) -> io::Result<()> {
        let unused = kernel::unused_quotas()?;
        let mut batch = Batch::default();
        for mac in unused {
            if self.leaving.contains(&mac) {
                batch.remove_quota(mac);
                self.commit_if_full(&mut batch)?;
            }
        }
        self.commit(batch)?;
        let left = kernel::quotas()?;
        self.leaving
            .retain(|mac| left.iter().any(|quota| quota.mac == *mac));
        Ok(())
    }

    /// Takes note of who has which address.
    pub async fn learn(&mut self, told: &[Neighbour]) -> Result<(), Error> {
        let step = |error: io::Error| failed("take a customer's address", &error);
        let fresh = self.known.note(&self.place, told).map_err(step)?;
        self.apply(&fresh).map_err(step)
    }

    pub(super) fn apply(&mut self, fresh: &[Neighbour]) -> io::Result<()> {
        let now = Instant::now();
        let mut batch = Batch::default();
        for neighbour in fresh {
            let Change { removed, added } = self.clients.learn(neighbour, now);
            removed.iter().for_each(|key| batch.remove_element(*key));
            added.iter().for_each(|element| batch.set_element(element));
            self.commit_if_full(&mut batch)?;
        }
        self.commit(batch)
    }
}
