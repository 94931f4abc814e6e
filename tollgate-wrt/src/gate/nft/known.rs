//! Who has which address on the customers' devices, as the kernel last said.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::rules::Place;
use crate::net::Mac;
use crate::net::interfaces::Interfaces;
use crate::net::neighbours::{self, Neighbour};

/// How old the knowledge may be when somebody is let through: many may be at
/// once, when the router has started.
const AGE: Duration = Duration::from_secs(1);

/// Most addresses that are remembered: anybody on the link can make some up.
const MOST: usize = 4_096;

/// Who has which address.
#[derive(Debug, Default)]
pub struct Known {
    addresses: BTreeMap<IpAddr, (u32, Mac)>,
    refreshed: Option<Instant>,
}

impl Known {
    /// All of it.
    pub fn all(&self) -> impl Iterator<Item = Neighbour> {
        let addresses = self.addresses.iter();
        addresses.map(|(&address, &(index, mac))| Neighbour {
            index,
            address,
            mac,
        })
    }

    /// Who has an address.
    pub fn of(&self, address: IpAddr) -> Option<Neighbour> {
        let &(index, mac) = self.addresses.get(&address)?;
        Some(Neighbour {
            index,
            address,
            mac,
        })
    }

    /// Asks the kernel for everything.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn refresh(&mut self, place: &Place) -> io::Result<()> {
        let all = neighbours::all()?;
        self.addresses.clear();
        self.note(place, &all)?;
        self.refreshed = Some(Instant::now());
        Ok(())
    }

    /// The same, if that was not done just now.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn refresh_if_old(&mut self, place: &Place) -> io::Result<()> {
        match self.refreshed.is_some_and(|when| when.elapsed() < AGE) {
            true => Ok(()),
            false => self.refresh(place),
        }
    }

    /// Has the kernel ask on the customers' devices who has an address.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn look_for(&self, place: &Place, address: IpAddr) -> io::Result<()> {
        let mut indexes = indexes(place)?.into_iter();
        indexes.try_for_each(|index| neighbours::ask_for(address, index))
    }

    /// Takes note of events; gives those of them that are new, and about the
    /// customers' devices.
    ///
    /// # Errors
    /// What the kernel says about the devices.
    pub fn note(&mut self, place: &Place, told: &[Neighbour]) -> io::Result<Vec<Neighbour>> {
        let indexes = indexes(place)?;
        let mut fresh = Vec::new();
        for neighbour in told.iter().filter(|told| indexes.contains(&told.index)) {
            if self.addresses.len() >= MOST {
                self.addresses.clear();
                self.refreshed = None;
            }
            let entry = (neighbour.index, neighbour.mac);
            if self.addresses.insert(neighbour.address, entry) != Some(entry) {
                fresh.push(*neighbour);
            }
        }
        Ok(fresh)
    }
}

/// The kernel's numbers of the devices that are there now.
fn indexes(place: &Place) -> io::Result<Vec<u32>> {
    let interfaces = Interfaces::open()?;
    let names = place.interfaces.iter();
    let found = names.filter_map(|name| interfaces.find(name).ok().flatten());
    Ok(found.map(|interface| interface.index).collect())
}
