//! Who is let through, at which addresses, and until when: what the kernel's
//! table should hold.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::kernel::{Element, Quota, UNLIMITED};
use super::keys::Key;
use crate::gate::Limit;
use crate::net::Mac;
use crate::net::neighbours::Neighbour;

/// Most addresses of one customer; then the oldest gives way. A device has one
/// of IPv4, and of IPv6 a few for each of the last days.
const MAX_ADDRESSES: usize = 32;

/// Shortest time that an element may stand: the kernel takes 0 as for ever.
const SHORTEST: Duration = Duration::from_millis(1);

/// One who is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Bytes at which the quota ends.
    limit: u64,
    /// When the addresses end.
    deadline: Option<Instant>,
    /// What the quota had counted when it was last looked at.
    consumed: u64,
    /// What of that was last told to whoever reckons what is left.
    told: Option<u64>,
    /// The newest last.
    addresses: Vec<IpAddr>,
}

/// Everybody who is let through.
#[derive(Debug, Default)]
pub struct Clients(BTreeMap<Mac, Client>);

/// What an event means for the kernel's maps.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// No longer somebody's.
    pub removed: Vec<Key>,
    /// Somebody's from now on.
    pub added: Vec<Element>,
}

impl Clients {
    /// What a table that was found says. Customers whose end it does not say
    /// are left out; the second list names them.
    pub fn adopt(quotas: &[Quota], elements: &[Element], now: Instant) -> (Self, Vec<Mac>) {
        let mut clients = Self::default();
        let mut orphans = Vec::new();
        for quota in quotas {
            let own = || elements.iter().filter(|element| element.mac == quota.mac);
            let deadline = own().filter_map(|element| element.left).max();
            if quota.limit == UNLIMITED && deadline.is_none() {
                orphans.push(quota.mac);
                continue;
            }
            let mut addresses: Vec<IpAddr> = Vec::new();
            for element in own() {
                match element.key {
                    Key::Up(mac, address) if mac == quota.mac && !addresses.contains(&address) => {
                        addresses.push(address);
                    }
                    _ => {}
                }
            }
            let client = Client {
                limit: quota.limit,
                deadline: deadline.and_then(|left| now.checked_add(left)),
                consumed: quota.consumed,
                told: None,
                addresses,
            };
            clients.0.insert(quota.mac, client);
        }
        (clients, orphans)
    }

    /// Lets a customer through, or sets a new limit. `quota` is what the kernel
    /// has.
    ///
    /// What passed since the counter was last told is of the limit, which was
    /// reckoned by what was told.
    pub fn open(&mut self, mac: Mac, limit: Limit, quota: Option<&Quota>, now: Instant) {
        let (told, addresses) = match self.0.remove(&mac) {
            Some(old) => (old.told, old.addresses),
            None => (None, Vec::new()),
        };
        let consumed = quota.map_or(0, |quota| quota.consumed);
        let (limit, deadline) = match limit {
            // More than the kernel can count to is for ever.
            Limit::Time(time) => (UNLIMITED, now.checked_add(time.max(SHORTEST))),
            Limit::Bytes(bytes) => {
                // What came behind the limit did not pass.
                let passed = quota.map_or(0, |quota| quota.consumed.min(quota.limit));
                let since = told.map_or(0, |told| passed.saturating_sub(told));
                let limit = consumed.saturating_add(bytes.saturating_sub(since));
                (limit.min(UNLIMITED - 1), None)
            }
        };
        let client = Client {
            limit,
            deadline,
            consumed,
            told,
            addresses,
        };
        self.0.insert(mac, client);
    }

    /// Lets a customer through no longer; gives the keys that were theirs.
    pub fn close(&mut self, mac: Mac) -> Vec<Key> {
        let addresses = self
            .0
            .remove(&mac)
            .map_or_else(Vec::new, |old| old.addresses);
        let keys = addresses
            .into_iter()
            .flat_map(|address| Key::both(mac, address));
        keys.chain([Key::Device(mac)]).collect()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether bytes are what somebody has bought.
    pub fn has_quotas(&self) -> bool {
        self.0.values().any(|client| client.limit < UNLIMITED)
    }

    /// Whether somebody is let through.
    pub fn contains(&self, mac: Mac) -> bool {
        self.0.contains_key(&mac)
    }

    /// Everybody.
    pub fn macs(&self) -> impl Iterator<Item = Mac> {
        self.0.keys().copied()
    }

    /// Notes what a quota has counted.
    pub fn note(&mut self, quota: &Quota) {
        if let Some(client) = self.0.get_mut(&quota.mac) {
            client.consumed = quota.consumed;
        }
    }

    /// Notes that this is what a customer has used, to the one who reckons.
    pub fn tell(&mut self, mac: Mac, consumed: u64) {
        if let Some(client) = self.0.get_mut(&mac) {
            client.told = Some(consumed);
        }
    }

    /// The quota that a customer should have, with what was counted last.
    pub fn quota(&self, mac: Mac) -> Option<Quota> {
        let Client {
            limit, consumed, ..
        } = *self.0.get(&mac)?;
        Some(Quota {
            mac,
            limit,
            consumed,
        })
    }

    /// What a customer may have still; none where that is nothing.
    pub fn left(&self, mac: Mac, now: Instant) -> Option<Limit> {
        let client = self.0.get(&mac)?;
        let bytes = client.limit.saturating_sub(client.consumed);
        match client.deadline {
            Some(deadline) => {
                let time = deadline.saturating_duration_since(now);
                (!time.is_zero()).then_some(Limit::Time(time))
            }
            None => (bytes > 0).then_some(Limit::Bytes(bytes)),
        }
    }

    /// The elements that a customer should have.
    pub fn elements(&self, mac: Mac, now: Instant) -> Vec<Element> {
        let Some(client) = self.0.get(&mac) else {
            return Vec::new();
        };
        let addresses = client.addresses.iter();
        let keys = addresses.flat_map(|address| Key::both(mac, *address));
        client.at(mac, keys.chain([Key::Device(mac)]), now)
    }

    /// Takes note of who has an address.
    pub fn learn(&mut self, neighbour: &Neighbour, now: Instant) -> Change {
        let Neighbour { address, mac, .. } = *neighbour;
        let mut change = Change::default();
        if !is_forwarded(address) {
            return change;
        }
        for (other, client) in self.0.iter_mut().filter(|(other, _)| **other != mac) {
            let before = client.addresses.len();
            client.addresses.retain(|known| *known != address);
            if client.addresses.len() < before {
                change.removed.extend(Key::both(*other, address));
            }
        }
        if let Some(client) = self.0.get_mut(&mac) {
            if !client.addresses.contains(&address) {
                if client.addresses.len() == MAX_ADDRESSES {
                    let oldest = client.addresses.remove(0);
                    change.removed.extend(Key::both(mac, oldest));
                }
                client.addresses.push(address);
                change.added = client.at(mac, Key::both(mac, address), now);
            }
        }
        change
    }
}

impl Client {
    /// The elements with these keys; none once the time is over.
    fn at(&self, mac: Mac, keys: impl IntoIterator<Item = Key>, now: Instant) -> Vec<Element> {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(now));
        if left.is_some_and(|left| left < SHORTEST) {
            return Vec::new();
        }
        let elements = keys.into_iter().map(|key| Element { key, mac, left });
        elements.collect()
    }
}

/// Whether packets of this address ever leave their link.
fn is_forwarded(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_link_local())
        }
        IpAddr::V6(address) => {
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests;
