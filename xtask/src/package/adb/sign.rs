//! Signatures of ADB files: a block behind the values that names the key.

use anyhow::{Context, Result};
use sha2::{Digest, Sha512};

use super::block::Schema;
use crate::keys::ec::{KeyId, Public, Secret};

/// Signature format 0, hashes by SHA-512 (apk-tools' number for it).
const HEADER: [u8; 2] = [0, 4];

/// The content of a signature block over the payload `adb`.
///
/// # Errors
/// None for a key.
pub fn sign(key: &Secret, schema: Schema, adb: &[u8]) -> Result<Vec<u8>> {
    let head = [HEADER.as_slice(), &key.public().id()].concat();
    let signature = key.sign(&message(schema, &head, adb))?;
    Ok([head, signature].concat())
}

/// A signature block taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The key that made it.
    pub key: KeyId,
    head: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signature<'a> {
    /// Reads a block's content.
    ///
    /// # Errors
    /// Another format or hash.
    pub fn read(block: &'a [u8]) -> Result<Self> {
        let (head, signature) = block
            .split_at_checked(18)
            .filter(|(head, _)| head[..2] == HEADER)
            .context("its signature has a form that apk-tools 3.0 does not make")?;
        let mut key = KeyId::default();
        key.copy_from_slice(&head[2..]);
        Ok(Self {
            key,
            head,
            signature,
        })
    }

    /// True when `key` made it over this payload.
    pub fn verifies(&self, key: &Public, schema: Schema, adb: &[u8]) -> bool {
        self.key == key.id() && key.verifies(&message(schema, self.head, adb), self.signature)
    }
}

/// What is signed: the schema, the block's own head, the payload's hash.
fn message(schema: Schema, head: &[u8], adb: &[u8]) -> Vec<u8> {
    [schema.tag().as_slice(), head, &Sha512::digest(adb)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_over_schema_and_payload() {
        let key = Secret::generate().unwrap();
        let block = sign(&key, Schema::Index, b"payload").unwrap();
        let signature = Signature::read(&block).unwrap();
        assert_eq!(signature.key, key.public().id());
        assert!(signature.verifies(&key.public(), Schema::Index, b"payload"));
        assert!(!signature.verifies(&key.public(), Schema::Package, b"payload"));
        assert!(!signature.verifies(&key.public(), Schema::Index, b"Payload"));
        assert!(Signature::read(&block[..17]).is_err());
        assert!(Signature::read(&[1; 20]).is_err());
    }
}
