//! The signed event that the daemon shows everybody, kept right.

use std::io;

use crate::clock::Reading;
use crate::config::schema::File;
use crate::nostr::tollgate::{Level, advertisement, notice};
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

    /// Says something else from the next signature on, which is due.
    pub fn say(&mut self, draft: Draft) {
        if self.draft != draft {
            self.draft = draft;
            self.signed = None;
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

/// What is said at the front: the offer, or why there is none.
pub fn offer(file: &File, is_cut_off: bool, is_clock_right: bool) -> Draft {
    match file.accepted_mints.len() {
        0 => notice(
            Level::Error,
            "service-unavailable",
            "This TollGate is not configured yet: its owner has not chosen a mint.",
        ),
        _ if is_cut_off && !is_clock_right => notice(
            Level::Warning,
            "no-reachable-mints",
            "This router's clock is not set yet, so that no mint can be reached and nobody can pay. Try again in a few minutes.",
        ),
        _ if is_cut_off => notice(
            Level::Warning,
            "no-reachable-mints",
            "No mint can be reached at the moment, so that nobody can pay. Try again later.",
        ),
        _ => advertisement(file),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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

    #[test]
    fn what_is_said_changes_only_with_the_offer() {
        let mut file = File::default();
        assert_eq!(offer(&file, true, true), offer(&file, false, true));
        let url = "https://mint.example".parse().unwrap();
        file.accepted_mints = vec![crate::config::schema::Mint::new(
            url,
            std::num::NonZeroU64::MIN,
            "sat".to_owned(),
        )];
        let key = SigningKey::generate().unwrap();
        let mut front = Front::new(offer(&file, false, true), key);
        let now = Reading {
            wall: Duration::from_secs(1_000),
            monotonic: Duration::ZERO,
        };
        assert_eq!(front.sign_if_due(now).unwrap().unwrap().kind, 10021);
        front.say(offer(&file, false, true));
        assert_eq!(front.sign_if_due(now).unwrap(), None);
        front.say(offer(&file, true, true));
        let event = front.sign_if_due(now).unwrap().unwrap();
        assert_eq!(
            event.tags,
            [["level", "warning"], ["code", "no-reachable-mints"]]
        );
        let unset = offer(&file, true, false);
        assert!(unset.content.contains("clock is not set"));
        assert_eq!(unset.tags, event.tags);
        // Where mints can be reached all the same, nobody is bothered with it.
        assert_eq!(offer(&file, false, false), offer(&file, false, true));
        front.say(offer(&file, false, true));
        assert_eq!(front.sign_if_due(now).unwrap().unwrap().kind, 10021);
    }
}
