//! Whom NoDogSplash or openNDS should let through, and does.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use log::{debug, info, warn};

use super::SHARE;
use super::allowed::{Allowed, arguments};
use super::nds::{Nds, here};
use super::report::{self, Client};
use crate::gate::{Error, Limit, Open};
use crate::net::Mac;
use crate::paths::Paths;

/// How long a device at an address that NDS does not take is not tried again.
const REFUSED: Duration = Duration::from_secs(10);

/// The same if it is not through at any other address.
const REFUSED_ALL: Duration = Duration::from_secs(1);

/// What should be, and who makes it so.
#[derive(Debug)]
pub(super) struct State {
    nds: Nds,
    /// Who may be through.
    allowed: BTreeMap<Mac, Allowed>,
    /// Whether the keeper knows whom NDS let through when the daemon started.
    is_listed: bool,
    refused: BTreeMap<Ipv4Addr, Instant>,
    /// What NDS said of all clients last, and when.
    last: Option<(Instant, Vec<Client>)>,
}

impl State {
    pub fn new(paths: Paths) -> Self {
        Self {
            nds: Nds::new(paths),
            allowed: BTreeMap::new(),
            is_listed: false,
            refused: BTreeMap::new(),
            last: None,
        }
    }

    /// Whether a customer could be let through; makes the device known.
    pub async fn ready(&mut self, mac: Mac) -> Result<(), Error> {
        let mut result = Err(nowhere(mac));
        for ip in self.nds.addresses(mac) {
            let found = self.nds.known(mac, ip).await;
            result = result.or(found.and_then(|client| check(&client)));
        }
        result
    }

    pub async fn open(&mut self, mac: Mac, limit: Limit) -> Result<(), Error> {
        let allowed = Allowed::new(limit, self.nds.meters.counted(mac));
        let was_allowed = self.allowed.insert(mac, allowed).is_some();
        let mut result = Err(nowhere(mac));
        for ip in self.nds.addresses(mac) {
            result = result.or(self.admit_at(mac, ip).await);
        }
        // Who was let through before may be away; whoever was not is not yet.
        if result.is_err() && !was_allowed {
            self.allowed.remove(&mac);
        }
        self.keep();
        result
    }

    pub async fn close(&mut self, mac: Mac) -> Result<(), Error> {
        let was_allowed = self.allowed.remove(&mac).is_some();
        for client in self.clients().await? {
            if client.mac == mac && client.is_open() {
                if !was_allowed {
                    tell(&client);
                }
                self.shut(&client).await?;
            }
        }
        Ok(())
    }

    pub async fn usage(&mut self, mac: Mac) -> Result<Option<u64>, Error> {
        self.nds.one(&mac.to_string()).await?;
        Ok(Some(self.nds.meters.counted(mac)))
    }

    /// Whoever may be through, and whoever is. Those who may and are not will
    /// be, as soon as they and NDS are there again.
    pub async fn list(&mut self) -> Result<Vec<Open>, Error> {
        // NDS is not kept busy with that alone.
        let (took, last) = (self.nds.took, self.last.take());
        let last = last.filter(|(when, _)| when.elapsed() < took.saturating_mul(SHARE));
        let clients = match &last {
            Some((_, clients)) => clients.clone(),
            None => self.clients().await?,
        };
        self.last = last.or(self.last.take());
        Ok(self.listed(&clients))
    }

    fn listed(&mut self, clients: &[Client]) -> Vec<Open> {
        let open = clients.iter().filter(|client| client.is_open());
        let mut macs: Vec<Mac> = open.clone().map(|client| client.mac).collect();
        if !std::mem::replace(&mut self.is_listed, true) {
            for client in open {
                let counted = self.nds.meters.counted(client.mac);
                let adopt = || Allowed::adopt(client, counted);
                self.allowed.entry(client.mac).or_insert_with(adopt);
            }
        }
        let are_open = macs.len();
        macs.extend(self.allowed.keys());
        let meters = &self.nds.meters;
        // Whom NDS has shut out at the limit is told of once more, with all that
        // was counted: the keeper decides whether there is more.
        self.allowed.retain(|mac, allowed| {
            macs[..are_open].contains(mac) || !allowed.is_over(meters.counted(*mac))
        });
        macs.sort_unstable();
        macs.dedup();
        let open = macs.into_iter().map(|mac| Open {
            mac,
            bytes: Some(meters.counted(mac)),
        });
        open.collect()
    }

    /// Puts right what NDS, its owner or its clients have changed.
    pub async fn look(&mut self) -> Result<(), Error> {
        // This is who finds out that it answers again.
        self.nds.forgive();
        let clients = self.clients().await?;
        if !self.is_listed {
            return Ok(());
        }
        for client in clients.iter().filter(|client| client.is_open()) {
            if !self.allowed.contains_key(&client.mac) {
                tell(client);
                self.shut(client).await?;
            }
        }
        let customers: Vec<Mac> = self.allowed.keys().copied().collect();
        for mac in customers {
            let own = clients.iter().filter(|client| client.mac == mac);
            self.mend(mac, &own.collect::<Vec<_>>()).await?;
        }
        self.keep();
        Ok(())
    }

    /// Lets a customer through where NDS does not, at each address.
    async fn mend(&mut self, mac: Mac, clients: &[&Client]) -> Result<(), Error> {
        let counted = self.nds.meters.counted(mac);
        let open = || clients.iter().filter(|client| client.is_open());
        let Some(allowed) = self.allowed.get_mut(&mac) else {
            return Ok(());
        };
        let fresh = counted.saturating_sub(allowed.last);
        allowed.last = counted;
        if allowed.is_over(counted) {
            return Ok(());
        }
        let allowed = *allowed;
        for client in open() {
            if allowed.is_due(client, counted, fresh) {
                self.renew(client).await?;
            }
        }
        let pause = match open().next() {
            Some(_) => REFUSED,
            None => REFUSED_ALL,
        };
        for ip in here(mac) {
            let waits = self.refused.get(&ip);
            let waits = waits.is_some_and(|since| since.elapsed() < pause);
            if waits || open().any(|client| client.ip == ip) {
                continue;
            }
            match self.admit_at(mac, ip).await {
                Ok(()) => info!(mac:%, ip:%; "let through again"),
                Err(error) => {
                    debug!(mac:%, ip:%, error:%; "not let through");
                    self.refused.retain(|_, since| since.elapsed() < REFUSED);
                    self.refused.insert(ip, Instant::now());
                    // That there is no answer concerns all.
                    self.nds.answers()?;
                }
            }
        }
        Ok(())
    }

    /// Gives a client that openNDS would shut out too early its time and bytes
    /// anew: openNDS changes them only for one that is shut out.
    async fn renew(&mut self, client: &Client) -> Result<(), Error> {
        // Not without knowing that the client comes back in.
        if let Err(error) = self.nds.introduce(client.ip).await {
            debug!(mac:% = client.mac, error:%; "openNDS' limit stays as it is");
            return self.nds.answers();
        }
        let Some(client) = self.nds.one(&client.token).await? else {
            return Ok(());
        };
        self.shut(&client).await?;
        self.admit_at(client.mac, client.ip).await
    }

    async fn shut(&mut self, client: &Client) -> Result<(), Error> {
        if let Some((_, clients)) = &mut self.last {
            clients.retain(|known| known.token != client.token);
        }
        self.nds.shut(client).await
    }

    async fn admit_at(&mut self, mac: Mac, ip: Ipv4Addr) -> Result<(), Error> {
        let client = self.nds.known(mac, ip).await?;
        check(&client)?;
        if client.is_open() {
            return Ok(());
        }
        let counted = self.nds.meters.counted(mac);
        let allowed = self.allowed.get(&mac);
        let limits = allowed.map(|allowed| arguments(allowed, counted));
        self.nds.admit(&client, limits.as_ref()).await
    }

    async fn clients(&mut self) -> Result<Vec<Client>, Error> {
        self.last = None;
        let clients = self.nds.clients().await?;
        self.last = Some((Instant::now(), clients.clone()));
        self.keep();
        Ok(clients)
    }

    /// Writes down what was counted, without those who are gone.
    fn keep(&mut self) {
        let Self { allowed, nds, .. } = self;
        nds.meters.keep(|mac| allowed.contains_key(&mac));
    }
}

/// Says that somebody else works NDS.
fn tell(client: &Client) {
    warn!(mac:% = client.mac, ip:% = client.ip; "let through by somebody else, without payment: shut out again. To let a device through, trust it in NoDogSplash or openNDS");
}

/// Whether a client can be let through.
fn check(client: &Client) -> Result<(), Error> {
    let why = match client.state {
        report::State::Preauthenticated | report::State::Authenticated => return Ok(()),
        report::State::Trusted => "trusted by the owner: it has access without payment",
        report::State::Blocked => "blocked by the owner",
    };
    let mac = client.mac;
    Err(Error(format!("{mac} is {why} (NoDogSplash or openNDS)")))
}

fn nowhere(mac: Mac) -> Error {
    Error(format!(
        "no IPv4 address of {mac} is known, and NoDogSplash and openNDS know no others"
    ))
}

#[cfg(test)]
mod tests;
