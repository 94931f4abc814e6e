//! What lets customers through, and keeps everybody else out.

mod command;
pub mod ndsctl;
pub mod nft;
mod process;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::net::Mac;
pub use command::Command;
pub use ndsctl::Ndsctl;
pub use nft::Nftables;

/// Why a gate did not do what it was asked for, as a phrase for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a gate is doing.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// For whom it was not done, and why.
pub type Failures = Vec<(Mac, Error)>;

/// What a gate is doing for many.
pub type Labour<'a> = Pin<Box<dyn Future<Output = Failures> + Send + 'a>>;

/// How much a customer may have before the gate closes by itself, if it can:
/// the daemon closes it at the same point, unless it is gone by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So long from now on.
    Time(Duration),
    /// So many bytes, in both directions together, from what the gate has last
    /// said that was used, or from now on.
    Bytes(u64),
}

/// A customer who is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Who.
    pub mac: Mac,
    /// Bytes since some moment of the gate's own choice, if it counts them.
    pub bytes: Option<u64>,
}

/// Lets customers through, one by one.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Whether the gate could be opened for this customer now. Asked before
    /// money is taken, so that none is taken for nothing.
    fn ready(&self, mac: Mac) -> Work<'_, ()>;

    /// Opens the gate. For a customer who is let through already, the limit is
    /// replaced, and nothing is an error.
    fn open(&self, mac: Mac, limit: Limit) -> Work<'_, ()>;

    /// Closes the gate; for whom it is closed already, too.
    fn close(&self, mac: Mac) -> Work<'_, ()>;

    /// [`Gate::open`] for many: all of them at once, where the gate can do that.
    fn open_all(&self, many: Vec<(Mac, Limit)>) -> Labour<'_> {
        Box::pin(async move {
            let mut failures = Failures::new();
            for (mac, limit) in many {
                let failure = self.open(mac, limit).await.err();
                failures.extend(failure.map(|error| (mac, error)));
            }
            failures
        })
    }

    /// [`Gate::close`] for many, likewise.
    fn close_all(&self, many: Vec<Mac>) -> Labour<'_> {
        Box::pin(async move {
            let mut failures = Failures::new();
            for mac in many {
                let failure = self.close(mac).await.err();
                failures.extend(failure.map(|error| (mac, error)));
            }
            failures
        })
    }

    /// Whether nothing passes beyond a [`Limit`], even if nobody closes the gate.
    fn keeps_limits(&self) -> bool {
        false
    }

    /// What the gate lets a customer have still, with the counter as in [`Open`]; of
    /// gates that keep limits, for who is let through.
    fn left(&self, _: Mac) -> Work<'_, Option<(Limit, u64)>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The counter of a customer, as in [`Open`].
    fn usage(&self, mac: Mac) -> Work<'_, Option<u64>>;

    /// Everybody whom [`Gate::open`] let through, and [`Gate::close`] did not
    /// shut out since.
    fn list(&self) -> Work<'_, Vec<Open>>;

    /// Keeps it right while the daemon runs, for gates that change by
    /// themselves or by others. Goes on until it is dropped.
    fn tend(&self) -> Work<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// What the owner has to mend: why it cannot open, or lets through more
    /// than it should. `last` is why it did not do what it was last asked for,
    /// if it did not: a gate that looks after itself knows better.
    fn trouble(&self, last: Option<String>) -> Option<String> {
        last
    }
}

/// No gate at all: everybody has access, paid or not. Only for owners who say
/// so, for tests of payments and for networks that are gated by other means.
#[derive(Debug, Default)]
pub struct NoGate {
    open: Mutex<BTreeSet<Mac>>,
}

impl NoGate {
    fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut BTreeSet<Mac>) -> T) -> Work<'_, T> {
        let value = act(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(std::future::ready(Ok(value)))
    }
}

impl Gate for NoGate {
    fn ready(&self, _: Mac) -> Work<'_, ()> {
        self.with(|_| ())
    }

    fn open(&self, mac: Mac, _: Limit) -> Work<'_, ()> {
        self.with(|open| {
            open.insert(mac);
        })
    }

    fn close(&self, mac: Mac) -> Work<'_, ()> {
        self.with(|open| {
            open.remove(&mac);
        })
    }

    fn usage(&self, _: Mac) -> Work<'_, Option<u64>> {
        self.with(|_| None)
    }

    fn list(&self) -> Work<'_, Vec<Open>> {
        self.with(|open| {
            let open = open.iter().map(|&mac| Open { mac, bytes: None });
            open.collect()
        })
    }
}

/// The gate of an owner who has chosen none, or one that this system cannot
/// have, and why: it never opens, so that nothing is sold.
#[derive(Debug, Default)]
pub struct Missing(Option<String>);

impl Missing {
    /// A gate that this system cannot have.
    pub fn because(why: String) -> Self {
        Self(Some(why))
    }

    fn fail<T: Send + 'static>(&self) -> Work<'static, T> {
        let why = self.0.as_deref().unwrap_or("no gate is configured");
        Box::pin(std::future::ready(Err(Error(why.to_owned()))))
    }
}

impl Gate for Missing {
    fn ready(&self, _: Mac) -> Work<'_, ()> {
        self.fail()
    }

    fn open(&self, _: Mac, _: Limit) -> Work<'_, ()> {
        self.fail()
    }

    fn close(&self, _: Mac) -> Work<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn usage(&self, _: Mac) -> Work<'_, Option<u64>> {
        self.fail()
    }

    fn list(&self) -> Work<'_, Vec<Open>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn trouble(&self, last: Option<String>) -> Option<String> {
        self.0.clone().or(last)
    }
}
