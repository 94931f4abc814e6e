//! usign's keys and signatures, which are those of OpenBSD's signify: Ed25519,
//! in two lines of text (openwrt/usign, main.c).

use anyhow::{Context, Result, ensure};
use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha512};

/// How a key is named: in its own file, in signatures, and in `/etc/opkg/keys`.
pub type KeyId = [u8; 8];

const COMMENT: &str = "untrusted comment: ";

/// A secret key with its name.
pub struct Secret {
    id: KeyId,
    key: SigningKey,
}

/// A public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// Its name.
    pub id: KeyId,
    key: VerifyingKey,
}

/// Nothing of a secret key is ever printed.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The name as a router's file name has it.
pub fn shown(id: &KeyId) -> String {
    crate::fingerprint::hex(id)
}

impl Secret {
    /// A new key.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn generate() -> Result<Self> {
        Ok(Self {
            id: super::random()?,
            key: SigningKey::from_bytes(&super::random()?),
        })
    }

    /// Reads a secret key file.
    ///
    /// # Errors
    /// Broken files and keys with a passphrase. The text is never quoted.
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes: [u8; 104] = decode(text, "a secret key of usign")?;
        ensure!(
            bytes[..4] == *b"EdBK",
            "it is no secret key of usign (algorithm Ed, key derivation BK)"
        );
        ensure!(
            bytes[4..8] == [0; 4],
            "the key has a passphrase; usign's have none (signify -G -n makes one without)"
        );
        let secret = bytes[40..].first_chunk::<64>();
        let secret = secret.context("read the key")?;
        ensure!(
            Sha512::digest(secret)[..8] == bytes[24..32],
            "the key's checksum is wrong: the file is damaged"
        );
        let key = SigningKey::from_keypair_bytes(secret)
            .ok()
            .context("the key's halves do not belong together")?;
        Ok(Self {
            id: copy(&bytes[32..40]),
            key,
        })
    }

    /// The key file's text.
    pub fn to_text(&self) -> String {
        let pair = self.key.to_keypair_bytes();
        let salt = [0; 16];
        let bytes = [
            b"EdBK".as_slice(),
            &[0; 4],
            &salt,
            &Sha512::digest(pair)[..8],
            &self.id,
            &pair,
        ];
        encode(&format!("private key {}", shown(&self.id)), &bytes.concat())
    }

    /// The public half.
    pub fn public(&self) -> Public {
        Public {
            id: self.id,
            key: self.key.verifying_key(),
        }
    }

    /// The text of a signature file.
    pub fn sign(&self, message: &[u8]) -> String {
        let signature = self.key.sign(message).to_bytes();
        encode(
            &format!("signed by key {}", shown(&self.id)),
            &[b"Ed".as_slice(), &self.id, &signature].concat(),
        )
    }
}

impl Public {
    /// Reads a public key file.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes: [u8; 42] = decode(text, "a public key of usign")?;
        ensure!(bytes[..2] == *b"Ed", "it is no Ed25519 key");
        let key = VerifyingKey::from_bytes(&copy(&bytes[10..]))
            .ok()
            .context("it is no Ed25519 key")?;
        Ok(Self {
            id: copy(&bytes[2..10]),
            key,
        })
    }

    /// The key file's text.
    pub fn to_text(&self) -> String {
        encode(
            &format!("public key {}", shown(&self.id)),
            &[b"Ed".as_slice(), &self.id, self.key.as_bytes()].concat(),
        )
    }

    /// Checks a signature file.
    ///
    /// # Errors
    /// Another key's signature, by both names; another message's; no signature.
    pub fn verify(&self, message: &[u8], signature: &str) -> Result<()> {
        let bytes: [u8; 74] = decode(signature, "a signature of usign")?;
        ensure!(bytes[..2] == *b"Ed", "it is no Ed25519 signature");
        let id: KeyId = copy(&bytes[2..10]);
        ensure!(
            id == self.id,
            "it was made with the key {}, not with {}",
            shown(&id),
            shown(&self.id)
        );
        let signature = Signature::from_bytes(&copy(&bytes[10..]));
        self.key
            .verify_strict(message, &signature)
            .ok()
            .context("it is not the signature of this content")
    }
}

fn encode(comment: &str, bytes: &[u8]) -> String {
    format!("{COMMENT}{comment}\n{}\n", Base64::encode_string(bytes))
}

/// Both lines; `what` names the kind of file in errors.
fn decode<const N: usize>(text: &str, what: &str) -> Result<[u8; N]> {
    let is_none = || format!("it is not {what}");
    let (comment, rest) = text.split_once('\n').with_context(is_none)?;
    ensure!(comment.starts_with(COMMENT), is_none());
    let mut bytes = [0; N];
    // Exactly a line: what is cut off or added was not written by usign.
    let line = rest.strip_suffix('\n').with_context(is_none)?;
    let length = Base64::decode(line, &mut bytes)
        .ok()
        .with_context(is_none)?
        .len();
    ensure!(length == N, is_none());
    Ok(bytes)
}

fn copy<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_and_signatures_hold() {
        let key = Secret::generate().unwrap();
        let back = Secret::from_text(&key.to_text()).unwrap();
        assert_eq!(back.public(), key.public());
        let public = Public::from_text(&key.public().to_text()).unwrap();
        assert_eq!(public, key.public());
        let signature = key.sign(b"x");
        assert_eq!(back.sign(b"x"), signature);
        public.verify(b"x", &signature).unwrap();
        let error = public.verify(b"y", &signature).unwrap_err().to_string();
        assert_eq!(error, "it is not the signature of this content");
        let other = Secret::generate().unwrap();
        let error = other.public().verify(b"x", &signature).unwrap_err();
        assert!(error.to_string().starts_with("it was made with the key "));
        assert_eq!(format!("{key:?}"), "Secret(…)");
    }

    #[test]
    fn broken_files_say_what_is_wrong() {
        let text = Secret::generate().unwrap().to_text();
        let with = |at: usize, byte: u8| {
            let mut bytes: [u8; 104] = decode(&text, "x").unwrap();
            bytes[at] ^= byte;
            Secret::from_text(&encode("x", &bytes))
                .unwrap_err()
                .to_string()
        };
        assert!(with(1, 1).contains("no secret key of usign"));
        assert!(with(7, 1).contains("passphrase"));
        assert!(with(30, 1).contains("checksum"));
        assert!(with(50, 1).contains("checksum"));
        for wrong in [
            "",
            "untrusted comment: x",
            "x\nAAAA\n",
            "untrusted comment: x\n!\n",
        ] {
            assert!(Secret::from_text(wrong).is_err());
            assert!(Public::from_text(wrong).is_err());
        }
    }
}
