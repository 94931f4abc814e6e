//! Bodies of requests, bounded in size, time and number, together and for each
//! client.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::limit::Owner;

/// Largest body. A token of 500 pieces has some 150 kB.
const MAX_BODY: usize = 1 << 20;

/// How long a body may take to come.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Memory for all bodies together, in units of [`UNIT`].
const UNITS: usize = 128;

/// 32 kB: what most bodies fit in.
const UNIT: usize = 32 * 1024;

/// What one client may have of them at once: the largest body, and some more.
const UNITS_OF_CLIENT: usize = 40;

/// What bodies larger than a unit leave to those that are not: tokens of a few
/// pieces, which nearly all are.
const UNITS_FOR_SMALL: usize = 32;

/// Reads bodies into a bounded memory.
#[derive(Debug)]
pub struct Reader {
    room: Semaphore,
    /// Units of each client that has any: no more clients than connections.
    held: Mutex<HashMap<Owner, usize>>,
}

/// A body's share of the memory, until this is dropped.
#[derive(Debug)]
struct Room<'a> {
    reader: &'a Reader,
    client: Owner,
    units: Vec<SemaphorePermit<'a>>,
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is larger than 1 MiB.
    TooLarge,
    /// It did not come in time, or not whole.
    Broken,
    /// There is no memory for it now.
    NoRoom,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            room: Semaphore::new(UNITS),
            held: Mutex::default(),
        }
    }
}

impl Reader {
    /// Reads a client's body to its end, and has `use_text` look at it.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn read<T>(
        &self,
        client: Owner,
        body: Incoming,
        use_text: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Fault> {
        if body.size_hint().lower() > MAX_BODY as u64 {
            return Err(Fault::TooLarge);
        }
        let mut room = Room {
            reader: self,
            client,
            units: Vec::new(),
        };
        match timeout(TIMEOUT, room.collect(body)).await {
            Ok(bytes) => Ok(use_text(&bytes?)),
            Err(_) => Err(Fault::Broken),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Owner, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    async fn collect(&mut self, mut body: Incoming) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Fault::Broken)?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if bytes.len() + data.len() > MAX_BODY {
                return Err(Fault::TooLarge);
            }
            while self.units.len() * UNIT < bytes.len() + data.len() {
                self.grow()?;
                bytes.reserve_exact(self.units.len() * UNIT - bytes.len());
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    }

    fn grow(&mut self) -> Result<(), Fault> {
        let room = &self.reader.room;
        if !self.units.is_empty() && room.available_permits() <= UNITS_FOR_SMALL {
            return Err(Fault::NoRoom);
        }
        let unit = room.try_acquire().map_err(|_| Fault::NoRoom)?;
        let mut held = self.reader.held();
        let of_client = held.entry(self.client).or_default();
        if *of_client >= UNITS_OF_CLIENT {
            return Err(Fault::NoRoom);
        }
        *of_client += 1;
        self.units.push(unit);
        Ok(())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut held = self.reader.held();
        if let Some(of_client) = held.get_mut(&self.client) {
            *of_client = of_client.saturating_sub(self.units.len());
            if *of_client == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grow(reader: &Reader, client: [u8; 4], units: usize) -> (Room<'_>, Result<(), Fault>) {
        let mut room = Room {
            reader,
            client: Owner::of(None, client.into()),
            units: Vec::new(),
        };
        let result = (0..units).try_for_each(|_| room.grow());
        (room, result)
    }

    #[test]
    fn a_client_has_a_share_and_small_bodies_have_room() {
        let reader = Reader::default();
        // Two bodies of one client are bounded together, and nobody else by them.
        let (first, all) = grow(&reader, [10, 0, 0, 1], 32);
        assert_eq!(all, Ok(()));
        let (second, some) = grow(&reader, [10, 0, 0, 1], 32);
        assert_eq!((some, second.units.len()), (Err(Fault::NoRoom), 8));
        let (third, all) = grow(&reader, [10, 0, 0, 2], 32);
        assert_eq!(all, Ok(()));
        // What is left is for small ones.
        let (fourth, some) = grow(&reader, [10, 0, 0, 3], 40);
        assert_eq!((some, fourth.units.len()), (Err(Fault::NoRoom), 24));
        let small: Vec<_> = (0..32).map(|n| grow(&reader, [10, 0, 1, n], 1)).collect();
        assert!(small.iter().all(|(_, result)| result.is_ok()));
        assert_eq!(grow(&reader, [10, 0, 0, 9], 1).1, Err(Fault::NoRoom));
        drop((first, second, third, fourth, small));
        assert!(reader.held().is_empty());
        assert_eq!(reader.room.available_permits(), UNITS);
    }
}
