//! Verifies a Nostr event (NIP-01) with k256, which the daemon does not use.

use anyhow::{Context, Result, ensure};
use k256::schnorr::signature::hazmat::PrehashVerifier;
use k256::schnorr::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::fingerprint::hex;

#[derive(Deserialize)]
struct Event {
    id: String,
    pubkey: String,
    created_at: u64,
    kind: u32,
    tags: Vec<Vec<String>>,
    content: String,
    sig: String,
}

/// Checks kind, id and signature; returns the kind.
///
/// # Errors
/// What is wrong with the event.
pub fn verify(text: &str, kinds: &[u32]) -> Result<u32> {
    let event: Event = serde_json::from_str(text).context("read it as a Nostr event")?;
    ensure!(
        kinds.contains(&event.kind),
        "its kind is {}, expected one of {kinds:?}",
        event.kind
    );
    let signed = (
        0,
        &event.pubkey,
        event.created_at,
        event.kind,
        &event.tags,
        &event.content,
    );
    let id = Sha256::digest(serde_json::to_vec(&signed).context("write what is signed")?);
    ensure!(
        hex(&id) == event.id,
        "its id is {}, its content gives {}",
        event.id,
        hex(&id)
    );
    let key = bytes(&event.pubkey)?;
    ensure!(
        key.len() == 32,
        "its public key has {} bytes, 32 are needed",
        key.len()
    );
    let key = VerifyingKey::from_bytes(&key).context("read its public key")?;
    let signature =
        Signature::try_from(bytes(&event.sig)?.as_slice()).context("read its signature")?;
    key.verify_prehash(&id, &signature)
        .context("its signature is not of that key")?;
    Ok(event.kind)
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let digits = hex.as_bytes();
    ensure!(
        digits.len() % 2 == 0 && digits.is_ascii(),
        "{hex:?} is not hexadecimal"
    );
    let pair = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16);
    digits
        .chunks(2)
        .map(|digits| pair(digits).with_context(|| format!("{hex:?} is not hexadecimal")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signed with the secret key 3 by BIP-340's reference code in Python.
    const EVENT: &str = include_str!("testdata/event.json");

    #[test]
    fn a_signed_event_is_accepted_and_any_change_refused() {
        assert_eq!(verify(EVENT, &[10021]).unwrap(), 10021);
        let error = |text: &str, kinds: &[u32]| format!("{:#}", verify(text, kinds).unwrap_err());
        assert!(error(EVENT, &[1]).contains("expected one of [1]"));
        assert!(error(&EVENT.replace("bytes", "bites"), &[10021]).contains("its content gives"));
        let sig = EVENT.split("\"sig\":\"").nth(1).unwrap();
        let other = if sig.starts_with('0') { "1" } else { "0" };
        let broken = EVENT.replace(&sig[..8], &format!("{other}{}", &sig[1..8]));
        assert!(error(&broken, &[10021]).contains("signature"));
        assert!(error("{}", &[1]).contains("read it as a Nostr event"));
    }
}
