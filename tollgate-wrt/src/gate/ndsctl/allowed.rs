//! How long a customer may be through, and what openNDS is told of it.
//!
//! openNDS shuts a client out by itself at the end of its minutes or of the
//! bytes in one direction: `ndsctl auth MAC minutes uprate downrate upquota
//! downquota` (ndsctl_auth in src/ndsctl_thread.c, fw_refresh_client_list in
//! src/auth.c; 0 is openNDS' own setting). NoDogSplash's `auth` takes no limits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::report::{Client, KIBI};
use crate::gate::Limit;

/// What is between openNDS' limit and ours by rounding.
const SLACK: u64 = 4 * KIBI;

/// So long before openNDS' limit it is renewed even if the customer is busy.
const SOON: u64 = 20;

/// Or so many looks, at the pace of the last one.
const LOOKS: u64 = 5;

/// One customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    end: Option<Instant>,
    /// The value of the customer's counter.
    bytes: Option<u64>,
    /// What was counted at the last look.
    pub last: u64,
}

impl Allowed {
    /// For so much from now on, with this on the counter.
    pub fn new(limit: Limit, counted: u64) -> Self {
        let (end, bytes) = match limit {
            Limit::Time(time) => (Instant::now().checked_add(time), None),
            Limit::Bytes(bytes) => (None, Some(counted.saturating_add(bytes))),
        };
        let last = counted;
        Self { end, bytes, last }
    }

    /// As NDS has it.
    pub fn adopt(client: &Client, counted: u64) -> Self {
        let limits = client.limits.unwrap_or_default();
        let end = limits.end.and_then(|end| {
            let left = Duration::from_secs(end.saturating_sub(now()));
            Instant::now().checked_add(left)
        });
        let left = |quota: Option<u64>, used: u64| quota.map(|quota| quota.saturating_sub(used));
        let (down, up) = (left(limits.down, client.down), left(limits.up, client.up));
        let bytes = down.min(up).or(down).or(up);
        Self {
            end,
            bytes: bytes.map(|bytes| counted.saturating_add(bytes)),
            last: counted,
        }
    }

    /// Whether there is nothing left.
    pub fn is_over(&self, counted: u64) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
            || self.bytes.is_some_and(|bytes| bytes <= counted)
    }

    /// Whether openNDS' limit has to be renewed now: it comes before ours, and
    /// either soon, or the customer does not notice. `fresh` bytes have passed
    /// since the last look.
    pub fn is_due(&self, client: &Client, counted: u64, fresh: u64) -> bool {
        let Some(limits) = client.limits else {
            return false;
        };
        let is_idle = fresh == 0;
        if let (Some(end), Some(theirs)) = (self.end, limits.end) {
            let ours = end.saturating_duration_since(Instant::now()).as_secs();
            let theirs = theirs.saturating_sub(now());
            if theirs < ours && (is_idle || theirs < SOON) {
                return true;
            }
        }
        let Some(bytes) = self.bytes else {
            return false;
        };
        let ours = bytes.saturating_sub(counted);
        let pairs = [(limits.down, client.down), (limits.up, client.up)];
        pairs.into_iter().any(|(quota, used)| {
            let theirs = quota.map_or(u64::MAX, |quota| quota.saturating_sub(used));
            let is_soon = theirs < fresh.saturating_mul(LOOKS);
            theirs.saturating_add(SLACK) < ours && (is_idle || is_soon)
        })
    }
}

/// The words after `auth MAC`: minutes, rates, quotas in 1024 bytes. What is
/// sold ends at these at the latest, if the daemon is gone.
pub(super) fn arguments(allowed: &Allowed, counted: u64) -> [String; 5] {
    let minutes = allowed.end.map_or(0, |end| {
        let left = end.saturating_duration_since(Instant::now()).as_secs();
        left / 60 + 1
    });
    let kibibytes = allowed
        .bytes
        .map_or(0, |bytes| bytes.saturating_sub(counted) / KIBI + 1);
    [minutes, 0, 0, kibibytes, kibibytes].map(|number| number.to_string())
}

/// Unix time, which openNDS goes by.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
