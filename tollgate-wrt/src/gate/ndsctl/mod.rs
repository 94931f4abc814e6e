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

use super::{Error, Gate, Limit, Open, Work, nft};
use crate::net::Mac;
use crate::paths::Paths;
use state::State;

/// How often it is looked whether all is right.
const LOOK: Duration = Duration::from_millis(1_500);

/// The same while there is no answer.
const AGAIN: Duration = Duration::from_secs(1);

/// So many times as long as a look has taken, there is none, nor a list of all
/// for the keeper: openNDS answers no customer during one.
const SHARE: u32 = 3;

/// The gate of NoDogSplash and openNDS.
#[derive(Debug)]
pub struct Ndsctl {
    state: Mutex<State>,
    paths: Paths,
    interfaces: Vec<String>,
    /// Why there is no answer, and the ways around.
    trouble: std::sync::Mutex<[Option<String>; 3]>,
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
    fn tell(&self, fresh: [Option<String>; 3]) {
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
        Box::pin(async move {
            match offload(&self.paths) {
                Some(trouble) => Err(Error(trouble)),
                None => self.state.lock().await.ready(mac).await,
            }
        })
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
                let failure = result.err().map(|error| error.0);
                let ipv6 = ipv6::leak(&self.paths, &self.interfaces);
                self.tell([failure, offload(&self.paths), ipv6]);
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

/// Why packets may pass without NDS and its counters, and the way out: payments
/// are refused then.
fn offload(paths: &Paths) -> Option<String> {
    nft::offload(&paths.firewall()).map(told)
}

/// What to say of it: openNDS' own is not firewall4's to turn off.
fn told(advice: String) -> String {
    match advice.contains(OWN_FLOWTABLES) {
        true => "openNDS 10 takes connections past its own gate and counters (flowtables ndsftINC and ndsftOUT): payments are refused; use `option gate 'nftables'` in place of openNDS, or NoDogSplash".to_owned(),
        false => advice,
    }
}

/// How openNDS names them (libopennds.sh of 10.2 and newer).
const OWN_FLOWTABLES: &str = " ndsft";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_and_ended_is_told_of() {
        let gate = Ndsctl::new(Paths::new("/nonexistent"), Vec::new());
        assert_eq!(gate.trouble(None), None);
        assert_eq!(gate.trouble(Some("last".to_owned())).unwrap(), "last");
        let text = |text: &str| Some(text.to_owned());
        gate.tell([text("down"), None, text("IPv6")]);
        assert_eq!(gate.trouble(text("last")).unwrap(), "down; IPv6");
        gate.tell([None, None, None]);
        assert_eq!(gate.trouble(None), None);
    }

    #[test]
    fn offloading_of_both_kinds_has_a_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::new(directory.path());
        std::fs::create_dir_all(directory.path().join("etc/config")).unwrap();
        let setting = "config defaults\n option flow_offloading '1'\n";
        std::fs::write(paths.firewall(), setting).unwrap();
        let advice_on = |what: &str| format!("flow offloading is on ({what}): …");
        let advice = offload(&paths).unwrap();
        assert!(advice.contains("flow_offloading=0"), "{advice}");
        // As the kernel names openNDS' own, which not every kernel has.
        let own = advice_on("the flowtable `nds_mangle ndsftINC` of nftables");
        assert!(told(own).contains("openNDS 10"));
        let other = advice_on("the flowtable `inet fw4 ft` of nftables");
        assert!(!told(other).contains("openNDS 10"));
    }
}
