//! NoDogSplash or openNDS, asked and told by `ndsctl`. All that it says of
//! clients is counted.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use super::introduce::introduce;
use super::meter::Meters;
use super::program::{self, Reply, TIMEOUT};
use super::report::{self, Client};
use crate::files;
use crate::gate::{Error, nft};
use crate::net::{Mac, leases, neighbours};
use crate::paths::Paths;

/// The longest that the list of all clients may take.
pub(super) const TIMEOUT_OF_ALL: Duration = Duration::from_secs(30);

/// How long nobody else waits for what has just failed.
const FAILED: Duration = Duration::from_secs(3);

/// Most addresses of one customer.
const MOST: usize = 4;

/// Whoever has it is the only one who asks.
#[derive(Debug)]
pub(super) struct Nds {
    paths: Paths,
    /// The sign that no other daemon works this gate.
    claim: Option<UnixDatagram>,
    pub meters: Meters,
    /// How long the list of all took.
    pub took: Duration,
    /// Where customers' first requests go.
    server: Option<SocketAddrV4>,
    /// Why there was no answer, and when.
    failed: Option<(Instant, Error)>,
}

impl Nds {
    pub fn new(paths: Paths) -> Self {
        Self {
            claim: None,
            meters: Meters::open(paths.ndsctl_counters()),
            paths,
            took: Duration::ZERO,
            server: None,
            failed: None,
        }
    }

    /// Why there is no answer.
    ///
    /// # Errors
    /// That there is none.
    pub fn answers(&self) -> Result<(), Error> {
        match &self.failed {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The next question is asked, whatever came of the last one.
    pub fn forgive(&mut self) {
        self.failed = None;
    }

    /// All clients.
    pub async fn clients(&mut self) -> Result<Vec<Client>, Error> {
        let start = Instant::now();
        let clients = self.json(&["json"], patience(self.took)).await;
        // That it was not asked again says nothing of it.
        let at_least = clients.as_ref().map_or(self.took, |_| Duration::ZERO);
        self.took = start.elapsed().max(at_least);
        let clients = clients?;
        self.meters.count(&clients, true);
        Ok(clients)
    }

    /// The client with this MAC address or token.
    pub async fn one(&mut self, name: &str) -> Result<Option<Client>, Error> {
        let clients = self.json(&["json", name], TIMEOUT).await?;
        self.meters.count(&clients, false);
        Ok(clients.into_iter().next())
    }

    /// A client in the list; it is made known if it is not.
    pub async fn known(&mut self, mac: Mac, ip: Ipv4Addr) -> Result<Client, Error> {
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

    /// Lets a client through, with openNDS' limits if it has any.
    pub async fn admit(
        &mut self,
        client: &Client,
        limits: Option<&[String; 5]>,
    ) -> Result<(), Error> {
        let mut question = vec!["auth", client.token.as_str()];
        if let (Some(limits), Some(_)) = (limits, client.limits) {
            question.extend(limits.iter().map(String::as_str));
        }
        let Reply::No(said) = self.ask(&question, TIMEOUT).await? else {
            return Ok(());
        };
        match self.one(&client.token).await? {
            // By somebody else, in between.
            Some(client) if client.is_open() => Ok(()),
            _ => Err(Error(format!("ndsctl auth: {said}"))),
        }
    }

    pub async fn shut(&mut self, client: &Client) -> Result<(), Error> {
        let Reply::No(said) = self.ask(&["deauth", &client.token], TIMEOUT).await? else {
            return Ok(());
        };
        match self.one(&client.token).await? {
            Some(client) if client.is_open() => Err(Error(format!("ndsctl deauth: {said}"))),
            _ => Ok(()),
        }
    }

    /// Makes a device known.
    pub async fn introduce(&mut self, ip: Ipv4Addr) -> Result<(), Error> {
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

    /// Where a customer is.
    pub fn addresses(&self, mac: Mac) -> Vec<Ipv4Addr> {
        let mut found = here(mac);
        if found.is_empty() {
            let text = files::read_text(&self.paths.dhcp_leases()).unwrap_or_default();
            found.extend(leases::addresses(&text, mac).filter_map(v4).take(MOST));
        }
        found
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
        let reply = program::ask(question, limit).await.map_err(Error::from);
        let error = reply.as_ref().err();
        self.failed = error.map(|error| (Instant::now(), error.clone()));
        reply
    }
}

/// How long the list of all may take, which took so long last time, or until it
/// was killed. openNDS runs a script for each client, and sleeps for a second
/// for each that has left (get_client_interface in src/util.c).
fn patience(took: Duration) -> Duration {
    let longer = took.saturating_mul(2);
    longer.clamp(TIMEOUT, TIMEOUT_OF_ALL)
}

/// Where the kernel has seen a customer.
pub(super) fn here(mac: Mac) -> Vec<Ipv4Addr> {
    let all = neighbours::all().unwrap_or_default();
    let own = all.iter().filter(|neighbour| neighbour.mac == mac);
    let own = own.filter_map(|neighbour| v4(neighbour.address));
    own.take(MOST).collect()
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}
