//! The gate of a router that runs NoDogSplash or openNDS, worked by `ndsctl`.
//!
//! | | NoDogSplash 5.0.2 | openNDS 9.10, 10.3 |
//! |---|---|---|
//! | `auth` of a client that is through already | no | no |
//! | `auth` of a client it does not know | no | its owner may allow it |
//! | shuts out by itself | when idle | when idle, at the limits of `auth` |
//! | sets counters to zero | when it shuts out | likewise, and forgets the client |
//! | is restarted | all clients are forgotten, and shut out | likewise |
//! | is stopped | everybody has access | likewise |
//!
//! (auth_change_state and fw_refresh_client_list in src/auth.c, ndsctl_auth in
//! src/ndsctl_thread.c, client_reset in src/client_list.c of either)
//!
//! `ndsctl` is asked one thing at a time. About every second and a half all clients
//! are looked at: whoever has paid is let through again where they are not,
//! whoever was let through by somebody else is shut out.

mod allowed;
mod introduce;
mod ipv6;
mod meter;
mod nds;
pub mod owner;
mod program;
mod report;
mod state;

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use log::{info, warn};
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::{Error, Gate, Limit, Open, Work};
use crate::net::Mac;
use crate::paths::Paths;
use state::State;

/// How often it is looked whether all is right.
const LOOK: Duration = Duration::from_millis(1_500);

/// The same while there is no answer.
const AGAIN: Duration = Duration::from_secs(1);

/// So many times as long as a look has taken, there is none: openNDS answers no
/// customer during one.
const SHARE: u32 = 3;

/// The gate of NoDogSplash and openNDS.
#[derive(Debug)]
pub struct Ndsctl {
    state: Mutex<State>,
    paths: Paths,
    interfaces: Vec<String>,
    /// Why there is no answer, and the way around by IPv6.
    trouble: std::sync::Mutex<[Option<String>; 2]>,
}

impl Ndsctl {
    /// A gate for the customers on `interfaces`. Nothing is done until it is
    /// asked for something.
    pub fn new(paths: Paths, interfaces: Vec<String>) -> Self {
        Self {
            state: Mutex::new(State::new(paths.clone())),
            paths,
            interfaces,
            trouble: std::sync::Mutex::default(),
        }
    }

    /// Says what has begun or ended.
    fn tell(&self, fresh: [Option<String>; 2]) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        for (before, now) in trouble.iter().zip(&fresh) {
            match (before, now) {
                (Some(before), Some(now)) if before == now => {}
                (_, Some(now)) => warn!("the gate: {now}"),
                (Some(_), None) => info!("the gate is well again"),
                (None, None) => {}
            }
        }
        *trouble = fresh;
    }
}

impl Gate for Ndsctl {
    fn ready(&self, mac: Mac) -> Work<'_, ()> {
        Box::pin(async move { self.state.lock().await.ready(mac).await })
    }

    fn open(&self, mac: Mac, limit: Limit) -> Work<'_, ()> {
        Box::pin(async move { self.state.lock().await.open(mac, limit).await })
    }

    fn close(&self, mac: Mac) -> Work<'_, ()> {
        Box::pin(async move { self.state.lock().await.close(mac).await })
    }

    fn usage(&self, mac: Mac) -> Work<'_, Option<u64>> {
        Box::pin(async move { self.state.lock().await.usage(mac).await })
    }

    fn list(&self) -> Work<'_, Vec<Open>> {
        Box::pin(async move { self.state.lock().await.list().await })
    }

    fn tend(&self) -> Work<'_, ()> {
        Box::pin(async move {
            loop {
                let start = Instant::now();
                let result = self.state.lock().await.look().await;
                let pause = match &result {
                    Ok(()) => LOOK.max(start.elapsed().saturating_mul(SHARE)),
                    Err(_) => AGAIN,
                };
                let ipv6 = ipv6::leak(&self.paths, &self.interfaces);
                self.tell([result.err().map(|error| error.0), ipv6]);
                sleep(pause).await;
            }
        })
    }

    fn trouble(&self, last: Option<String>) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let own: Vec<&str> = trouble.iter().flatten().map(String::as_str).collect();
        match own.is_empty() {
            true => last,
            false => Some(own.join("; ")),
        }
    }
}
