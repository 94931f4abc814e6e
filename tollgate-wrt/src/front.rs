//! The signed event that the daemon shows everybody, kept right.

use std::io;

use crate::clock::Reading;
use crate::nostr::{Draft, Event, SigningKey};

/// What is said, and when it was last signed.
#[derive(Debug)]
pub struct Front {
    draft: Draft,
    key: SigningKey,
    signed: Option<Reading>,
}

impl Front {
    /// Nothing is signed yet.
    pub fn new(draft: Draft, key: SigningKey) -> Self {
        Self {
            draft,
            key,
            signed: None,
        }
    }

    /// Signs it, as of now.
    ///
    /// # Errors
    /// Those of [`SigningKey::sign`].
    pub fn sign(&mut self, now: Reading) -> io::Result<Event> {
        let event = self.draft.clone().sign(&self.key, now.wall.as_secs())?;
        self.signed = Some(now);
        Ok(event)
    }

    /// Signs it if the clock was set since the last time, for `created_at` then
    /// is of another time. Software that keeps the newest of several events
    /// would otherwise keep a wrong one.
    ///
    /// # Errors
    /// Those of [`SigningKey::sign`].
    pub fn sign_if_due(&mut self, now: Reading) -> io::Result<Option<Event>> {
        let is_right = |signed: Reading| !now.has_jumped_since(&signed);
        match self.signed.is_some_and(is_right) {
            true => Ok(None),
            false => self.sign(now).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::nostr::tollgate::{Level, notice};

    #[test]
    fn signed_once_and_again_when_the_clock_was_set() {
        let key = SigningKey::generate().unwrap();
        let pubkey = key.public_hex();
        let mut front = Front::new(notice(Level::Info, "code", "text"), key);
        let mut sign = |wall, monotonic| {
            let now = Reading {
                wall: Duration::from_secs(wall),
                monotonic: Duration::from_secs(monotonic),
            };
            front.sign_if_due(now).unwrap()
        };
        let first = sign(1_000, 0).unwrap();
        assert_eq!(first.created_at, 1_000);
        assert_eq!(sign(1_002, 2), None);
        let second = sign(1_700_000_000, 4).unwrap();
        assert_eq!(second.created_at, 1_700_000_000);
        assert_eq!((&second.pubkey, &first.pubkey), (&pubkey, &pubkey));
        assert_eq!(second.tags, first.tags);
        assert_ne!(second.id, first.id);
        assert_eq!(sign(1_700_000_002, 6), None);
        // And back.
        assert_eq!(sign(1_600_000_000, 8).unwrap().created_at, 1_600_000_000);
    }
}
