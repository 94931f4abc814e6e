//! Whom NoDogSplash or openNDS should let through, and does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use log::{debug, info, warn};

use super::allowed::{Allowed, arguments};
use super::introduce::introduce;
use super::meter::Meters;
use super::program::{self, Reply, TIMEOUT};
use super::report::{self, Client};
use crate::files;
use crate::gate::{Error, Limit, Open, nft};
use crate::net::{Mac, leases, neighbours};
use crate::paths::Paths;

/// How much longer the list of all may take for each customer: openNDS runs a
/// script for each.
const EACH: Duration = Duration::from_millis(100);

/// How long nobody else waits for what has just failed.
const FAILED: Duration = Duration::from_secs(3);

/// How long a device at an address that NDS does not take is not tried again.
const REFUSED: Duration = Duration::from_secs(10);

/// Most addresses of one customer.
const MOST: usize = 4;

/// Works `ndsctl`; whoever has it is the only one.
#[derive(Debug)]
pub(super) struct State {
    paths: Paths,
    /// The sign that no other daemon works this gate.
    claim: Option<UnixDatagram>,
    /// Who may be through.
    allowed: BTreeMap<Mac, Allowed>,
    /// Whether the keeper knows whom NDS let through when the daemon started.
    is_listed: bool,
    meters: Meters,
    /// Where customers' first requests go.
    server: Option<SocketAddrV4>,
    /// Why there was no answer, and when.
    failed: Option<(Instant, Error)>,
    refused: BTreeMap<Ipv4Addr, Instant>,
}

impl State {
    pub fn new(paths: Paths) -> Self {
        let meters = Meters::open(paths.ndsctl_counters());
        Self {
            paths,
            claim: None,
            allowed: BTreeMap::new(),
            is_listed: false,
            meters,
            server: None,
            failed: None,
            refused: BTreeMap::new(),
        }
    }

    /// Whether a customer could be let through; makes the device known.
    pub async fn ready(&mut self, mac: Mac) -> Result<(), Error> {
        let mut result = Err(nowhere(mac));
        for ip in self.addresses(mac) {
            let found = self.known(mac, ip).await;
            let found = found.and_then(|client| client.check());
            result = result.or(found);
        }
        result
    }

    pub async fn open(&mut self, mac: Mac, limit: Limit) -> Result<(), Error> {
        let before = self.allowed.get(&mac).is_some();
        let counted = self.meters.counted(mac);
        let allowed = Allowed::new(limit, counted);
        let allowed = self.allowed.entry(mac).insert_entry(allowed).into_mut();
        allowed.last = counted;
        let result = self.admit(mac).await;
        // Who was let through before may be away; whoever was not is not yet.
        if result.is_err() && !before {
            self.allowed.remove(&mac);
        }
        self.keep();
        result
    }

    pub async fn close(&mut self, mac: Mac) -> Result<(), Error> {
        self.allowed.remove(&mac);
        for client in self.clients().await? {
            if client.mac == mac && client.is_open() {
                self.shut(&client).await?;
            }
        }
        Ok(())
    }

    pub async fn usage(&mut self, mac: Mac) -> Result<Option<u64>, Error> {
        let text = mac.to_string();
        self.one(&text).await?;
        Ok(Some(self.meters.counted(mac)))
    }

    /// Whoever may be through, and whoever is. Those who may and are not will
    /// be, as soon as they and NDS are there again.
    pub async fn list(&mut self) -> Result<Vec<Open>, Error> {
        let clients = self.clients().await?;
        let open = clients.iter().filter(|client| client.is_open());
        let mut macs: Vec<Mac> = open.clone().map(|client| client.mac).collect();
        if !std::mem::replace(&mut self.is_listed, true) {
            for client in open {
                let counted = self.meters.counted(client.mac);
                let adopt = || Allowed::adopt(client, counted);
                self.allowed.entry(client.mac).or_insert_with(adopt);
            }
        }
        macs.extend(self.allowed.keys());
        macs.sort_unstable();
        macs.dedup();
        let open = macs.into_iter().map(|mac| Open {
            mac,
            bytes: Some(self.meters.counted(mac)),
        });
        Ok(open.collect())
    }

    /// Puts right what NDS, its owner or its clients have changed.
    pub async fn look(&mut self) -> Result<(), Error> {
        // This is who finds out that it answers again.
        self.failed = None;
        let clients = self.clients().await?;
        if !self.is_listed {
            return Ok(());
        }
        for client in clients.iter().filter(|client| client.is_open()) {
            if !self.allowed.contains_key(&client.mac) {
                warn!(mac:% = client.mac, ip:% = client.ip; "let through by somebody else, without payment: shut out again. To let a device through, trust it in NoDogSplash or openNDS");
                self.shut(client).await?;
            }
        }
        let everybody = neighbours::all().unwrap_or_default();
        let customers: Vec<Mac> = self.allowed.keys().copied().collect();
        for mac in customers {
            let here = everybody.iter().filter(|neighbour| neighbour.mac == mac);
            let here = here
                .filter_map(|neighbour| v4(neighbour.address))
                .take(MOST);
            let own: Vec<&Client> = clients.iter().filter(|client| client.mac == mac).collect();
            self.mend(mac, &own, here.collect()).await?;
        }
        self.keep();
        Ok(())
    }

    /// Lets a customer through where NDS does not, at each address.
    async fn mend(
        &mut self,
        mac: Mac,
        clients: &[&Client],
        here: Vec<Ipv4Addr>,
    ) -> Result<(), Error> {
        let counted = self.meters.counted(mac);
        let is_open = clients.iter().any(|client| client.is_open());
        let Some(allowed) = self.allowed.get_mut(&mac) else {
            return Ok(());
        };
        let fresh = counted.saturating_sub(allowed.last);
        allowed.last = counted;
        if allowed.is_over(counted) {
            // The keeper decides whether there is more.
            if !is_open {
                self.allowed.remove(&mac);
            }
            return Ok(());
        }
        let allowed = *allowed;
        for client in clients.iter().filter(|client| client.is_open()) {
            if allowed.is_due(client, counted, fresh) {
                self.renew(client).await?;
            }
        }
        for ip in here {
            let is_through = (clients.iter()).any(|client| client.ip == ip && client.is_open());
            let waits = self.refused.get(&ip);
            if is_through || waits.is_some_and(|since| since.elapsed() < REFUSED) {
                continue;
            }
            match self.admit_at(mac, ip).await {
                Ok(()) => info!(mac:%, ip:%; "let through again"),
                Err(error) => {
                    debug!(mac:%, ip:%, error:%; "not let through");
                    self.refused.retain(|_, since| since.elapsed() < REFUSED);
                    self.refused.insert(ip, Instant::now());
                    // That there is no answer concerns all.
                    self.failed
                        .as_ref()
                        .map_or(Ok(()), |(_, error)| Err(error.clone()))?;
                }
            }
        }
        Ok(())
    }

    /// Gives a client that openNDS would shut out too early its time and bytes
    /// anew: openNDS changes them only for one that is shut out.
    async fn renew(&mut self, client: &Client) -> Result<(), Error> {
        // Not without knowing that the client comes back in.
        if let Err(error) = self.introduce(client.ip).await {
            debug!(mac:% = client.mac, error:%; "openNDS' limit stays as it is");
            return Ok(());
        }
        let Some(client) = self.one(&client.token).await? else {
            return Ok(());
        };
        self.shut(&client).await?;
        self.admit_at(client.mac, client.ip).await
    }

    async fn admit(&mut self, mac: Mac) -> Result<(), Error> {
        let mut result = Err(nowhere(mac));
        for ip in self.addresses(mac) {
            result = result.or(self.admit_at(mac, ip).await);
        }
        result
    }

    async fn admit_at(&mut self, mac: Mac, ip: Ipv4Addr) -> Result<(), Error> {
        let client = self.known(mac, ip).await?;
        client.check()?;
        if client.is_open() {
            return Ok(());
        }
        let counted = self.meters.counted(mac);
        let allowed = self.allowed.get(&mac);
        let limits = allowed.map(|allowed| arguments(allowed, counted));
        let mut question = vec!["auth", client.token.as_str()];
        if let (Some(limits), Some(_)) = (&limits, client.limits) {
            question.extend(limits.iter().map(String::as_str));
        }
        match self.ask(&question, TIMEOUT).await? {
            Reply::Yes(_) => Ok(()),
            Reply::No(said) => match self.one(&client.token).await? {
                // By somebody else, in between.
                Some(client) if client.is_open() => Ok(()),
                _ => Err(Error(format!("ndsctl auth: {said}"))),
            },
        }
    }

    /// A client in NDS' list; it is made known if it is not.
    async fn known(&mut self, mac: Mac, ip: Ipv4Addr) -> Result<Client, Error> {
        let is_it = |client: &Client| client.mac == mac && client.ip == ip;
        let found = self.one(&mac.to_string()).await?;
        if let Some(client) = found.filter(is_it) {
            return Ok(client);
        }
        // `json MAC` tells of the first of several addresses alone.
        if let Some(client) = self.clients().await?.into_iter().find(is_it) {
            return Ok(client);
        }
        let why = self.introduce(ip).await.err();
        let found = self.clients().await?.into_iter().find(is_it);
        found.ok_or_else(|| {
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            Error(format!(
                "NoDogSplash or openNDS does not take {mac} with {ip} into its list{why}: is its list full (maxclients), is it for another interface, or, with openNDS, has the device no address of the router's DHCP?"
            ))
        })
    }

    async fn introduce(&mut self, ip: Ipv4Addr) -> Result<(), Error> {
        let server = match self.server {
            Some(server) => server,
            None => {
                let status = match self.ask(&["status"], TIMEOUT).await? {
                    Reply::Yes(status) | Reply::No(status) => status,
                };
                let unknown = || Error("ndsctl status: no address after `listening`".to_owned());
                report::server(&status).ok_or_else(unknown)?
            }
        };
        let result = introduce(ip, server).await;
        // It may have moved.
        self.server = result.is_ok().then_some(server);
        result.map_err(|error| Error(format!("a request to {server} from {ip}: {error}")))
    }

    async fn shut(&mut self, client: &Client) -> Result<(), Error> {
        let Reply::No(said) = self.ask(&["deauth", &client.token], TIMEOUT).await? else {
            return Ok(());
        };
        match self.one(&client.token).await? {
            Some(client) if client.is_open() => Err(Error(format!("ndsctl deauth: {said}"))),
            _ => Ok(()),
        }
    }

    /// The client with this MAC address or token; it is counted.
    async fn one(&mut self, name: &str) -> Result<Option<Client>, Error> {
        let clients = self.json(&["json", name], TIMEOUT).await?;
        self.meters.count(&clients, false);
        Ok(clients.into_iter().next())
    }

    /// All clients; they are counted.
    async fn clients(&mut self) -> Result<Vec<Client>, Error> {
        let most = u32::try_from(self.allowed.len()).unwrap_or(u32::MAX);
        let limit = TIMEOUT.saturating_add(EACH.saturating_mul(most));
        let clients = self.json(&["json"], limit).await?;
        self.meters.count(&clients, true);
        self.keep();
        Ok(clients)
    }

    async fn json(&mut self, question: &[&str], limit: Duration) -> Result<Vec<Client>, Error> {
        match self.ask(question, limit).await? {
            Reply::Yes(text) => report::clients(&text),
            Reply::No(said) => Err(Error(format!("ndsctl json: {said}"))),
        }
    }

    async fn ask(&mut self, question: &[&str], limit: Duration) -> Result<Reply, Error> {
        if let Some((when, error)) = &self.failed {
            if when.elapsed() < FAILED {
                return Err(error.clone());
            }
        }
        if self.claim.is_none() {
            let claim = nft::claim().map_err(|error| Error(error.to_string()))?;
            self.claim = Some(claim);
        }
        let reply = program::ask(question, limit).await;
        let error = reply.as_ref().err();
        self.failed = error.map(|error| (Instant::now(), error.clone()));
        reply
    }

    /// Where a customer is.
    fn addresses(&self, mac: Mac) -> Vec<Ipv4Addr> {
        let all = neighbours::all().unwrap_or_default();
        let own = all.iter().filter(|neighbour| neighbour.mac == mac);
        let mut found: Vec<_> = own
            .filter_map(|neighbour| v4(neighbour.address))
            .take(MOST)
            .collect();
        if found.is_empty() {
            let text = files::read_text(&self.paths.dhcp_leases()).unwrap_or_default();
            found.extend(leases::addresses(&text, mac).filter_map(v4).take(MOST));
        }
        found
    }

    fn keep(&mut self) {
        let Self {
            allowed, meters, ..
        } = self;
        meters.keep(|mac| allowed.contains_key(&mac));
    }
}

impl Client {
    /// Whether it can be let through.
    fn check(&self) -> Result<(), Error> {
        let why = match self.state {
            report::State::Preauthenticated | report::State::Authenticated => return Ok(()),
            report::State::Trusted => "trusted by the owner: it has access without payment",
            report::State::Blocked => "blocked by the owner",
        };
        Err(Error(format!(
            "{} is {why} (NoDogSplash or openNDS)",
            self.mac
        )))
    }
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn nowhere(mac: Mac) -> Error {
    Error(format!(
        "no IPv4 address of {mac} is known, and NoDogSplash and openNDS know no others"
    ))
}
