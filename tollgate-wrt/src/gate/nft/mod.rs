//! The gate in the kernel: nftables' table `inet tollgate`.
//!
//! A customer is a MAC address, and packets to a customer do not show one. So
//! the kernel is told which IP addresses the customer has, from its own table
//! of neighbours, at once when that changes. What comes from a customer has to
//! have both addresses right.
//!
//! | in the table | |
//! |---|---|
//! | quota `c<MAC>` | counts a customer's bytes, both directions and families; ends sold bytes |
//! | maps `up4`, `up6` | MAC and IP address to quota; the entries of sold time end with it |
//! | maps `down4`, `down6` | IP address to quota, likewise |
//! | map `macs` | MAC to quota, likewise |
//! | sets `fresh4`, `fresh6` | MAC and IP address of what customers sent from addresses that are not known yet |
//! | set `dns` | how much those ask who have not paid |
//! | chains | let pass what the maps know, before firewall4 has a say; refuse the rest |
//!
//! The table stays when the daemon ends: nobody new gets in, and who has paid
//! flows until the kernel ends it. The next daemon takes the table over.

mod batch;
mod clients;
mod install;
mod kernel;
mod keys;
mod known;
mod offload;
mod release;
mod rules;
mod serve;
mod state;

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use log::warn;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Error, Failures, Gate, Labour, Limit, Open, Work};
use crate::net::Mac;
use crate::net::neighbours::{self, Neighbour};
use crate::net::netlink::BUFFER;
pub use kernel::Quota;
pub use release::unfit;
pub use rules::Place;
use state::State;

/// How often it is looked whether the table is as it should be, if no event
/// says that something has changed.
const LOOK: Duration = Duration::from_secs(1);

/// Shortest time between two looks that events call for.
const PAUSE: Duration = Duration::from_millis(100);

/// Of so many looks, one asks for everything.
const LOOKS_TO_ALL: u32 = 30;

/// Most events that are looked at together.
const MOST: usize = 1_000;

/// The gate in the kernel.
#[derive(Debug)]
pub struct Nftables {
    state: Mutex<State>,
    /// What the last look has found.
    trouble: std::sync::Mutex<Option<String>>,
}

impl Nftables {
    /// A gate for the customers of a place; `firewall` has firewall4's settings.
    /// Nothing is done until it is asked for something.
    pub fn new(place: Place, firewall: PathBuf) -> Self {
        Self {
            state: Mutex::new(State::new(place, firewall)),
            trouble: std::sync::Mutex::default(),
        }
    }

    async fn look(&self, is_all: bool) {
        let mut state = self.state.lock().await;
        let failure = state.look(is_all).await.err();
        let found = failure.as_ref().map(|error| error.0.clone());
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = found.or_else(|| state.offload());
        drop(trouble);
        failure.into_iter().for_each(|error| state.complain(error));
    }

    async fn learn(&self, told: Told) {
        let neighbours = match told {
            Told::Neighbours(neighbours) => neighbours,
            Told::TooMuch => return self.look(true).await,
        };
        let mut state = self.state.lock().await;
        if let Err(error) = state.learn(&neighbours).await {
            state.complain(error);
        }
    }
}

impl Gate for Nftables {
    fn ready(&self, _: Mac) -> Work<'_, ()> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            state.check().await?;
            match state.offload() {
                Some(trouble) => Err(Error(trouble)),
                None => Ok(()),
            }
        })
    }

    fn open(&self, mac: Mac, limit: Limit) -> Work<'_, ()> {
        Box::pin(async move { self.state.lock().await.open(&[(mac, limit)]).await })
    }

    fn close(&self, mac: Mac) -> Work<'_, ()> {
        Box::pin(async move { self.state.lock().await.close(&[mac]).await })
    }

    fn open_all(&self, many: Vec<(Mac, Limit)>) -> Labour<'_> {
        Box::pin(async move {
            let result = self.state.lock().await.open(&many).await;
            failures(result, many.into_iter().map(|(mac, _)| mac))
        })
    }

    fn close_all(&self, many: Vec<Mac>) -> Labour<'_> {
        Box::pin(async move {
            let result = self.state.lock().await.close(&many).await;
            failures(result, many)
        })
    }

    fn keeps_limits(&self) -> bool {
        true
    }

    fn left(&self, mac: Mac) -> Work<'_, Option<(Limit, u64)>> {
        Box::pin(async move { self.state.lock().await.left(mac).await })
    }

    fn usage(&self, mac: Mac) -> Work<'_, Option<u64>> {
        Box::pin(async move { self.state.lock().await.usage(mac).map(Some) })
    }

    fn list(&self) -> Work<'_, Vec<Open>> {
        Box::pin(async move { self.state.lock().await.list().await })
    }

    fn tend(&self) -> Work<'_, ()> {
        Box::pin(async move {
            let neighbours = listen("neighbours", neighbours::watch());
            let ruleset = listen("nftables", kernel::watch());
            let mut tick = interval(LOOK);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut looks = 0;
            loop {
                tokio::select! {
                    told = hear(neighbours.as_ref()) => self.learn(told).await,
                    _ = hear(ruleset.as_ref()) => {
                        self.look(false).await;
                        sleep(PAUSE).await;
                    }
                    _ = tick.tick() => {
                        self.look(looks % LOOKS_TO_ALL == 0).await;
                        looks = looks.wrapping_add(1);
                    }
                }
            }
        })
    }

    fn trouble(&self, _: Option<String>) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }
}

/// What was done together has failed for all.
fn failures(result: Result<(), Error>, many: impl IntoIterator<Item = Mac>) -> Failures {
    let Err(error) = result else {
        return Failures::new();
    };
    let all = many.into_iter().map(|mac| (mac, error.clone()));
    all.collect()
}

/// What a socket has told.
enum Told {
    Neighbours(Vec<Neighbour>),
    /// More than there was room for.
    TooMuch,
}

/// Readies a socket for [`hear`]. Without it, changes are seen when they are
/// looked for.
#[expect(
    deprecated,
    reason = "what replaces it is unsafe; a descriptor that is owned is safe with both"
)]
fn listen(what: &str, socket: io::Result<OwnedFd>) -> Option<AsyncFd<OwnedFd>> {
    let socket = socket.and_then(|socket| AsyncFd::with_interest(socket, Interest::READABLE));
    socket
        .inspect_err(|error| warn!(error:%; "cannot be told of changes of {what}"))
        .ok()
}

/// Waits for what a socket tells; for ever where there is none.
async fn hear(socket: Option<&AsyncFd<OwnedFd>>) -> Told {
    let Some(socket) = socket else {
        return pending().await;
    };
    let Ok(mut ready) = socket.readable().await else {
        return pending().await;
    };
    let mut found = Vec::new();
    let mut is_lost = false;
    let mut buffer = vec![0; BUFFER];
    while found.len() < MOST {
        match recv(socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((_, length)) => found.extend(neighbours::changes(&buffer[..length.min(BUFFER)])),
            // Said once, then it goes on.
            Err(Errno::NOBUFS) => is_lost = true,
            Err(Errno::INTR) => {}
            Err(_) => {
                ready.clear_ready();
                break;
            }
        }
    }
    match is_lost {
        true => Told::TooMuch,
        false => Told::Neighbours(found),
    }
}

/// A sign that a daemon works the gate of this network namespace, as long as it
/// is held; the kernel takes it back from one that is killed.
///
/// # Errors
/// That there is one already.
pub fn claim() -> io::Result<UnixDatagram> {
    let name = SocketAddr::from_abstract_name("tollgate-wrt gate")?;
    UnixDatagram::bind_addr(&name).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => io::Error::other("another daemon works it"),
        _ => error,
    })
}

/// Makes the gate with nobody let through, where there is none: `false` if
/// there was one. For the time until the daemon is there.
///
/// # Errors
/// What `nft` or the kernel say.
pub async fn shut(place: &Place) -> Result<bool, Error> {
    let found = kernel::rules().map_err(|error| state::failed("be read", &error))?;
    if found.is_some() {
        return Ok(false);
    }
    rules::load(&(rules::maps() + &rules::chains(place))).await?;
    Ok(true)
}

/// Removes the table: everybody has access then, as firewall4 has it. `false`
/// if there was none.
///
/// # Errors
/// What the kernel says.
pub fn remove() -> io::Result<bool> {
    let mut batch = batch::Batch::default();
    batch.remove_table();
    match batch.commit() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why packets may pass without gate and counters, and the way out.
pub fn offload(firewall: &Path) -> Option<String> {
    offload::found(firewall).map(|what| offload::advice(&what))
}

/// What the kernel has counted; `None` where there is no table.
///
/// # Errors
/// What the kernel says.
pub fn quotas() -> io::Result<Option<Vec<Quota>>> {
    match kernel::rules()? {
        None => Ok(None),
        Some(_) => kernel::quotas().map(Some),
    }
}
