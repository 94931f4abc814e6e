//! Which mints can be reached: looked after by themselves, never judged by a
//! payment.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use log::{info, warn};
use tokio::time::{Instant, sleep};

use super::Till;
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
            let pause = {
                let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
                match error {
                    None => {
                        if down.remove(url).is_some() {
                            info!(mint:% = url; "the mint answers again");
                        }
                        PAUSE
                    }
                    Some(error) => {
                        let since = down.get(url).copied();
                        if since.is_none() {
                            // TLS fails, too, while the clock is not set.
                            warn!(mint:% = url, error:%; "the mint does not answer, it is tried again");
                        }
                        let since = *down.entry(url.clone()).or_insert_with(Instant::now);
                        if since.elapsed() < PAUSE {
                            RETRY
                        } else {
                            LATER
                        }
                    }
                }
            };
            sleep(pause).await;
        }
    }

    /// Whether no mint has answered for a while, so that nobody can pay.
    pub fn is_cut_off(&self) -> bool {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        let since = self.mints.keys().map(|url| down.get(url).copied());
        is_cut_off(since, Instant::now())
    }
}

fn is_cut_off(since: impl Iterator<Item = Option<Instant>>, now: Instant) -> bool {
    let mut since = since.peekable();
    let has_some = since.peek().is_some();
    has_some && since.all(|since| since.is_some_and(|since| now - since >= PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_without_any_mint_for_a_while() {
        let start = Instant::now();
        let now = start + PATIENCE;
        let is = |since: &[Option<Instant>], now| is_cut_off(since.iter().copied(), now);
        assert!(is(&[Some(start)], now));
        assert!(is(&[Some(start), Some(start)], now));
        assert!(!is(&[Some(start)], start));
        assert!(!is(&[Some(start), None], now));
        assert!(!is(&[Some(start), Some(now)], now));
        // Without a mint nothing is sold anyway, and that is said.
        assert!(!is(&[], now));
    }
}
