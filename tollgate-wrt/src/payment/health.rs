//! Which mints can be reached: looked after by themselves, never judged by a
//! payment.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use log::{info, warn};
use tokio::time::{Instant, sleep};

use super::Till;
use crate::clock::Clock;
use crate::config::MintUrl;
use crate::wallet::{Mint, MintError};

/// How often a mint that answers is asked. Its keysets are fresh thereby when
/// somebody pays.
const PAUSE: Duration = Duration::from_secs(300);

/// The same for one that does not answer: at first, when a router's network
/// and clock may not be up yet, and later.
const RETRY: Duration = Duration::from_secs(10);
const LATER: Duration = Duration::from_secs(60);

/// How long no mint may answer until that is told in place of the offer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is known of a mint.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// When it last answered.
    pub answered: Option<Instant>,
    /// Since when it does not answer, and why, when it was last asked.
    pub down: Option<(Instant, String)>,
}

impl Till {
    /// Begins to look after all mints that are accepted.
    pub fn look_after_mints(self: &Arc<Self>) {
        for (url, (mint, _)) in &self.mints {
            let (till, url, mint) = (Arc::clone(self), url.clone(), Arc::clone(mint));
            tokio::spawn(async move { till.look_after(&url, &mint).await });
        }
    }

    async fn look_after(&self, url: &MintUrl, mint: &Mint) {
        loop {
            let result = mint.probe().await;
            let error = match result {
                // Whatever it says, it is there.
                Ok(()) | Err(MintError::Refused { .. } | MintError::RateLimited(_)) => None,
                Err(error) => Some(error),
            };
            let pause = self.note(url, error.as_ref());
            tokio::select! {
                () = sleep(pause) => {}
                // Certificates may be valid by now.
                () = self.wake.notified() => {}
            }
        }
    }

    /// Notes whether a mint answers; gives how long to leave it alone.
    fn note(&self, url: &MintUrl, error: Option<&MintError>) -> Duration {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let health = health.entry(url.clone()).or_default();
        let Some(error) = error else {
            if health.down.take().is_some() {
                info!(mint:% = url; "the mint answers again");
            }
            health.answered = Some(Instant::now());
            return PAUSE;
        };
        let text = error.to_string();
        let since = match &mut health.down {
            Some((since, last)) => {
                *last = text;
                *since
            }
            None => {
                warn!(mint:% = url, error:%; "the mint does not answer, it is tried again");
                // TLS fails, too, while the clock is not set.
                if !self.is_clock_right() {
                    warn!("this router's clock is not set: mints cannot be reached before it is");
                }
                health.down.insert((Instant::now(), text)).0
            }
        };
        match since.elapsed() < PAUSE {
            true => RETRY,
            false => LATER,
        }
    }

    /// Has mints that do not answer asked at once, for their certificates may be
    /// valid now.
    pub fn clock_was_set(&self) {
        self.wake.notify_waiters();
    }

    /// Whether the time of day can be right.
    pub fn is_clock_right(&self) -> bool {
        Clock::new().read().is_plausible() && !self.client.is_clock_behind()
    }

    /// How the mints that are accepted are, by address.
    pub fn mint_health(&self) -> Vec<(MintUrl, Health)> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |url: &MintUrl| health.get(url).cloned().unwrap_or_default();
        let mut all: Vec<_> = (self.mints.keys())
            .map(|url| (url.clone(), of(url)))
            .collect();
        all.sort_by(|(left, _), (right, _)| left.cmp(right));
        all
    }

    /// Whether no mint has answered for a while, so that nobody can pay.
    pub fn is_cut_off(&self) -> bool {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |url: &MintUrl| Some(health.get(url)?.down.as_ref()?.0);
        // Before the clock is set there is nothing to wait for.
        let patience = match self.is_clock_right() {
            true => PATIENCE,
            false => Duration::ZERO,
        };
        is_cut_off(self.mints.keys().map(since), Instant::now(), patience)
    }
}

fn is_cut_off(
    since: impl Iterator<Item = Option<Instant>>,
    now: Instant,
    patience: Duration,
) -> bool {
    let mut since = since.peekable();
    let has_some = since.peek().is_some();
    has_some && since.all(|since| since.is_some_and(|since| now - since >= patience))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_without_any_mint_for_a_while() {
        let start = Instant::now();
        let now = start + PATIENCE;
        let is = |since: &[Option<Instant>], now| is_cut_off(since.iter().copied(), now, PATIENCE);
        assert!(is(&[Some(start)], now));
        assert!(is(&[Some(start), Some(start)], now));
        assert!(!is(&[Some(start)], start));
        assert!(!is(&[Some(start), None], now));
        assert!(!is(&[Some(start), Some(now)], now));
        // Without a mint nothing is sold anyway, and that is said.
        assert!(!is(&[], now));
    }
}
