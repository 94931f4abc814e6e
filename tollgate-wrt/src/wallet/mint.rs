//! One mint, by the paths of its API: NUT-02, 03 and 07.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cashu::dhke::hash_to_curve;
use cashu::{
    BlindSignature, CheckStateRequest, CheckStateResponse, Id, KeySetInfo, Keys, KeysResponse,
    KeysetResponse, Proof, State, SwapRequest, SwapResponse,
};
use log::warn;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

use super::error::MintError;
use super::http::{Answer, Client, Connection};
use super::info::Abilities;
use super::{keysets, outputs};
use crate::config::MintUrl;
use crate::ledger::record::Output;

/// How long the list of keysets is believed. Mints change it rarely, and a
/// change that matters is noticed by the mint's answer.
const KEYSETS_AGE: Duration = Duration::from_secs(600);

/// Most keysets of a mint of which the keys are kept, some 5 kB each.
const MAX_KEYS: usize = 8;

/// How often a request that the mint had no time for is made.
const TRIES: u32 = 3;

/// The same of one in which ecash is sent.
const TRIES_WITH_ECASH: u32 = 4;

/// Longest pause between two of them.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// A mint and what is known of it.
#[derive(Debug)]
pub struct Mint {
    url: MintUrl,
    client: Arc<Client>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) abilities: Option<Abilities>,
    keysets: Arc<Vec<KeySetInfo>>,
    read: Option<Instant>,
    keys: BTreeMap<Id, Arc<Keys>>,
}

impl Mint {
    /// A mint that nobody has asked yet.
    pub fn new(url: MintUrl, client: Arc<Client>) -> Self {
        Self {
            url,
            client,
            known: Mutex::default(),
        }
    }

    /// Its address.
    pub fn url(&self) -> &MintUrl {
        &self.url
    }

    pub(super) async fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().await
    }

    /// The keysets that it was last seen with; none if it was never asked. Asks
    /// nobody, and waits for nobody who does.
    pub fn last_keysets(&self) -> Arc<Vec<KeySetInfo>> {
        let known = self.known.try_lock();
        known.map_or_else(|_| Arc::default(), |known| Arc::clone(&known.keysets))
    }

    /// Opens a connection, for [`Mint::swap`].
    ///
    /// # Errors
    /// [`MintError::Unreachable`].
    pub async fn connect(&self) -> Result<Connection, MintError> {
        Ok(self.client.connect(&self.url).await?)
    }

    /// Its keysets, active and retired.
    ///
    /// # Errors
    /// When it does not say, and never has.
    pub async fn keysets(&self) -> Result<Arc<Vec<KeySetInfo>>, MintError> {
        let mut known = self.known.lock().await;
        let is_fresh = known.read.is_some_and(|read| read.elapsed() < KEYSETS_AGE);
        if !is_fresh {
            match self.get::<KeysetResponse>("/v1/keysets").await {
                Ok(response) => {
                    known.keysets = Arc::new(response.keysets);
                    known.read = Some(Instant::now());
                }
                // The old ones are as good as they were.
                Err(error) if known.read.is_some() => {
                    warn!(mint:% = self.url, error:%; "cannot read the keysets again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Arc::clone(&known.keysets))
    }

    /// Reads the keysets and what else can change now.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn probe(&self) -> Result<(), MintError> {
        let response: KeysetResponse = self.get("/v1/keysets").await?;
        {
            let mut known = self.known.lock().await;
            known.keysets = Arc::new(response.keysets);
            known.read = Some(Instant::now());
        }
        self.learn_abilities().await;
        Ok(())
    }

    /// Has the keysets read anew when they are next asked for.
    pub async fn forget_keysets(&self) {
        self.known.lock().await.read = None;
    }

    /// The public keys of a keyset. They are what its name says that they are.
    ///
    /// # Errors
    /// When the mint does not say, or shows other keys.
    pub async fn keys(&self, id: Id) -> Result<Arc<Keys>, MintError> {
        let keysets = self.keysets().await?;
        let mut known = self.known.lock().await;
        if let Some(keys) = known.keys.get(&id) {
            return Ok(Arc::clone(keys));
        }
        let response: KeysResponse = self.get(&format!("/v1/keys/{id}")).await?;
        let mut found = response.keysets.into_iter();
        let found = found.find(|keyset| keyset.id == id);
        let info = keysets.iter().find(|info| info.id == id);
        let (Some(keyset), Some(info)) = (found, info) else {
            return Err(MintError::Lost("not the keys that were asked for".into()));
        };
        if !keysets::is_named(id, &keyset.keys, info) {
            return Err(MintError::Lost("keys that do not fit their name".into()));
        }
        if known.keys.len() >= MAX_KEYS {
            known.keys.clear();
        }
        let keys = Arc::new(keyset.keys);
        known.keys.insert(id, Arc::clone(&keys));
        Ok(keys)
    }

    /// Asks for a swap, once. What it means that this fails, the error says.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn swap(
        &self,
        connection: Connection,
        inputs: &[Proof],
        wanted: &[Output],
    ) -> Result<Vec<BlindSignature>, MintError> {
        let outputs =
            outputs::blind(wanted).map_err(|garbage| MintError::Lost(garbage.to_string()))?;
        let request = SwapRequest::new(inputs.to_vec(), outputs);
        let answer = connection
            .request("/v1/swap", Some(encode(&request)?))
            .await?;
        let response: SwapResponse = read(&answer)?;
        Ok(response.signatures)
    }

    /// The state of each piece of ecash (NUT-07), in their order.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn states(&self, proofs: &[Proof]) -> Result<Vec<State>, MintError> {
        let ys = proofs
            .iter()
            .map(|proof| hash_to_curve(proof.secret.as_bytes()));
        let ys = ys
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| MintError::Lost(error.to_string()))?;
        let request = CheckStateRequest { ys: ys.clone() };
        let response: CheckStateResponse = self.post("/v1/checkstate", &request).await?;
        let states: BTreeMap<_, _> = (response.states.iter())
            .map(|state| (state.y, state.state))
            .collect();
        let states: Option<Vec<State>> = ys.iter().map(|y| states.get(y).copied()).collect();
        states.ok_or_else(|| MintError::Lost("not the states that were asked for".into()))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, MintError> {
        self.ask(path, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, MintError> {
        self.ask(path, Some(encode(body)?)).await
    }

    /// Asks, and asks again while the mint has no time.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, MintError> {
        let mut tried = 1;
        loop {
            let answer = self.connect().await?.request(path, body.clone()).await?;
            match read(&answer) {
                Err(MintError::RateLimited(after)) if tried < TRIES => {
                    sleep(pause(tried, after)).await;
                    tried += 1;
                }
                result => return result,
            }
        }
    }

    /// A connection on which a request with ecash is made again that was
    /// `tried` so often, once the mint may have time for it.
    ///
    /// # Errors
    /// The `error` of that request, where it is another one or there were
    /// enough of them; or that there is no connection.
    pub(super) async fn once_more(
        &self,
        error: MintError,
        tried: u32,
    ) -> Result<Connection, MintError> {
        match error {
            MintError::RateLimited(after) if tried < TRIES_WITH_ECASH => {
                sleep(pause(tried, after)).await;
                self.connect().await
            }
            error => Err(error),
        }
    }
}

/// How long to wait before a request is made again, for the `tried`th time.
fn pause(tried: u32, after: Option<Duration>) -> Duration {
    let own = Duration::from_millis(250).saturating_mul(1 << tried.min(8));
    after.unwrap_or(own).max(own).min(MAX_PAUSE)
}

/// Whether a mint's name for a quote can be put into the path of a request, and
/// is worth being written down.
///
/// # Errors
/// [`MintError::Lost`].
pub(super) fn check_name(quote: &str) -> Result<(), MintError> {
    /// Known mints have 20 to 64 characters.
    const MAX_LENGTH: usize = 256;

    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#%\"<>\\^`{|}".contains(&byte);
    match (1..=MAX_LENGTH).contains(&quote.len()) && quote.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(MintError::Lost("a quote with an unusable name".into())),
    }
}

pub(super) fn encode(body: &impl Serialize) -> Result<Vec<u8>, MintError> {
    serde_json::to_vec(body).map_err(|error| MintError::Lost(error.to_string()))
}

/// Reads an answer by its status and the mint's number, never by its words.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, MintError> {
    /// Longest text of a mint that is passed on.
    const MAX_DETAIL: usize = 200;

    match answer.status {
        200..=299 => serde_json::from_slice(&answer.body)
            .map_err(|error| MintError::Lost(format!("it cannot be read: {error}"))),
        429 => Err(MintError::RateLimited(answer.retry_after)),
        400..=499 => {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let detail = match body["detail"].as_str() {
                Some(text) => text.chars().take(MAX_DETAIL).collect(),
                None => format!("status {}", answer.status),
            };
            Err(MintError::Refused {
                code: body["code"].as_u64(),
                detail,
            })
        }
        status => Err(MintError::Lost(format!("status {status}"))),
    }
}
