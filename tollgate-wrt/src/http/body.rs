//! Bodies of requests, bounded in size, time and number.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Largest body. A token of 500 pieces has some 150 kB.
const MAX_BODY: usize = 1 << 20;

/// How long a body may take to come.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Memory for all bodies together, in units of [`UNIT`].
const UNITS: usize = 128;

/// 32 kB: what most bodies fit in.
const UNIT: usize = 32 * 1024;

/// Reads bodies into a bounded memory.
#[derive(Debug, Clone)]
pub struct Reader {
    room: Arc<Semaphore>,
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
            room: Arc::new(Semaphore::new(UNITS)),
        }
    }
}

impl Reader {
    /// Reads a body to its end, and has `use_text` look at it.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn read<T>(
        &self,
        body: Incoming,
        use_text: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Fault> {
        if body.size_hint().lower() > MAX_BODY as u64 {
            return Err(Fault::TooLarge);
        }
        let (bytes, _room) = match timeout(TIMEOUT, self.collect(body)).await {
            Ok(result) => result?,
            Err(_) => return Err(Fault::Broken),
        };
        Ok(use_text(&bytes))
    }

    async fn collect(
        &self,
        mut body: Incoming,
    ) -> Result<(Vec<u8>, Vec<tokio::sync::SemaphorePermit<'_>>), Fault> {
        let mut bytes = Vec::new();
        let mut room = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Fault::Broken)?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if bytes.len() + data.len() > MAX_BODY {
                return Err(Fault::TooLarge);
            }
            while room.len() * UNIT < bytes.len() + data.len() {
                room.push(self.room.try_acquire().map_err(|_| Fault::NoRoom)?);
                bytes.reserve_exact(room.len() * UNIT - bytes.len());
            }
            bytes.extend_from_slice(data);
        }
        Ok((bytes, room))
    }
}
