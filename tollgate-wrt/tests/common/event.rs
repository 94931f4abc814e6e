//! Nostr events, read with software that the daemon does not use.

use k256::schnorr::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Reads a Nostr event; its id and its signature are verified with software
/// that the daemon does not use.
pub fn verified_event(json: &str) -> Value {
    let event: Value = serde_json::from_str(json).unwrap();
    let fields =
        ["pubkey", "created_at", "kind", "tags", "content"].map(|field| event[field].clone());
    let mut canonical = vec![Value::from(0)];
    canonical.extend(fields);
    let digest: [u8; 32] = Sha256::digest(serde_json::to_string(&canonical).unwrap()).into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(event["id"], hex);

    let key = VerifyingKey::from_bytes(&unhex(&event["pubkey"])).unwrap();
    let signature = Signature::try_from(&unhex(&event["sig"])[..]).unwrap();
    key.verify_raw(&digest, &signature).unwrap();
    event
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The values of all tags with this name.
pub fn tags(event: &Value, name: &str) -> Vec<Vec<String>> {
    let tags: Vec<Vec<String>> = serde_json::from_value(event["tags"].clone()).unwrap();
    let named = tags.into_iter().filter(|tag| tag[0] == name);
    named.map(|tag| tag[1..].to_vec()).collect()
}
