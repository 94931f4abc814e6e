//! How the table is made, looked at, and made again.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::batch::Batch;
use super::clients::Clients;
use super::kernel::{self, Element, TABLE};
use super::keys::{Key, Map};
use super::rules;
use super::state::{State, failed};
use crate::gate::Error;
use crate::net::Mac;

/// How often the rules are loaded anew if others change nftables meanwhile.
const TRIES: usize = 5;

/// How soon the table is made again where that has failed.
const RETRY: Duration = Duration::from_millis(900);

/// Elements that end sooner may be gone.
const MARGIN: Duration = Duration::from_secs(1);

impl State {
    /// Makes sure that rules, quotas and addresses are as they should be.
    pub async fn check(&mut self) -> Result<(), Error> {
        let generation = kernel::generation().map_err(|error| failed("be asked", &error))?;
        if self.rules.is_some() && generation == self.generation {
            return Ok(());
        }
        self.look_for_offload();
        if self.rules.is_some() && self.is_right().map_err(|error| failed("be read", &error))? {
            self.generation = generation;
            return Ok(());
        }
        if self.rules.take().is_some() {
            warn!("somebody has changed the gate's table, it is made again");
        }
        // The attempt is itself a change that events tell of.
        if let Some((when, error)) = &self.failure {
            if when.elapsed() < RETRY {
                return Err(error.clone());
            }
        }
        let result = self.install().await;
        let failure = result.as_ref().err();
        self.failure = failure.map(|error| (Instant::now(), error.clone()));
        result
    }

    /// Whether the kernel has what was put there, and nothing else.
    fn is_right(&self) -> io::Result<bool> {
        if kernel::rules()? != self.rules {
            return Ok(false);
        }
        let quotas = kernel::quotas()?;
        let has_quotas = self.clients.macs().all(|mac| {
            let wanted = self.clients.quota(mac).map(|quota| quota.limit);
            let found = quotas.iter().find(|quota| quota.mac == mac);
            wanted == found.map(|quota| quota.limit)
        });
        Ok(has_quotas && self.difference()?.is_empty())
    }

    /// What differs in the kernel's maps: keys, with the element that is missing,
    /// or none for one that should not be there.
    fn difference(&self) -> io::Result<BTreeMap<Key, Option<Element>>> {
        let now = Instant::now();
        let wanted = self.clients.macs();
        let wanted = wanted.flat_map(|mac| self.clients.elements(mac, now));
        let mut difference: BTreeMap<Key, Option<Element>> =
            wanted.map(|element| (element.key, Some(element))).collect();
        let is_ending = |left: Option<Duration>| left.is_some_and(|left| left < MARGIN);
        for found in kernels_elements()? {
            let wanted = difference.get(&found.key).copied().flatten();
            if wanted.is_some_and(|wanted| wanted.mac == found.mac) || is_ending(found.left) {
                difference.remove(&found.key);
            } else {
                difference.entry(found.key).or_insert(None);
            }
        }
        difference.retain(|_, wanted| !wanted.is_some_and(|wanted| is_ending(wanted.left)));
        Ok(difference)
    }

    /// Makes the table, or what is missing of it. Customers first, then the
    /// rules: who has paid notices nothing.
    async fn install(&mut self) -> Result<(), Error> {
        if self.claim.is_none() {
            let claim = super::claim().map_err(|error| failed("be worked", &error))?;
            self.claim = Some(claim);
        }
        if !self.is_adopted {
            self.adopt()
                .map_err(|error| failed("be taken over", &error))?;
        }
        let maps = rules::maps();
        let chains = rules::chains(&self.place);
        if rules::load(&maps).await.is_err() {
            // Made by another version, with maps of other kinds; or `nft` fails.
            let anew = format!("add table inet {TABLE}\ndelete table inet {TABLE}\n{maps}{chains}");
            rules::load(&anew).await?;
        }
        let unreadable = |error: io::Error| failed("be read", &error);
        for _ in 0..TRIES {
            self.restore()
                .map_err(|error| failed("be filled", &error))?;
            let before = self.generation_now()?;
            rules::load(&chains).await?;
            let rules = kernel::rules().map_err(unreadable)?;
            let after = self.generation_now()?;
            self.rules = rules;
            // Else somebody was at work meanwhile: what was read may be theirs.
            if after == before.wrapping_add(1) && self.is_right().map_err(unreadable)? {
                self.generation = after;
                info!(table = TABLE, interfaces = self.place.interfaces.join(" ").as_str(); "the gate is in place");
                return Ok(());
            }
            self.rules = None;
        }
        Err(Error("nftables: changed all the time by others".to_owned()))
    }

    fn generation_now(&self) -> Result<u32, Error> {
        kernel::generation().map_err(|error| failed("be asked", &error))
    }

    /// Takes over what an earlier daemon has left.
    fn adopt(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if kernel::rules()?.is_some() {
            let elements = kernels_elements().unwrap_or_default();
            let (clients, orphans) = Clients::adopt(&kernel::quotas()?, &elements, now);
            self.clients = clients;
            self.leaving.extend(orphans);
        }
        self.is_adopted = true;
        self.known.refresh(&self.place)?;
        for neighbour in self.known.all() {
            self.clients.learn(&neighbour, now);
        }
        Ok(())
    }

    /// Puts all customers into the table, and takes out who is none.
    fn restore(&mut self) -> io::Result<()> {
        let mut batch = Batch::default();
        let macs: Vec<Mac> = self.clients.macs().collect();
        for mac in macs {
            let quota = self.clients.quota(mac);
            quota.iter().for_each(|quota| batch.set_quota(quota));
            self.commit_if_full(&mut batch)?;
        }
        for (key, element) in self.difference()? {
            match element {
                Some(element) => batch.set_element(&element),
                None => batch.remove_element(key),
            }
            self.commit_if_full(&mut batch)?;
        }
        self.commit(batch)
    }
}

fn kernels_elements() -> io::Result<Vec<Element>> {
    let mut found = Vec::new();
    for map in Map::ALL {
        found.extend(kernel::elements(map)?);
    }
    Ok(found)
}
