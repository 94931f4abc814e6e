//! EC keys as apk-tools and OpenWrt use them: prime256v1 in PEM
//! (`openssl ecparam -name prime256v1 -genkey -noout`), ECDSA over SHA-512.

use anyhow::{Context, Result, anyhow, bail};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{AssociatedOid, DecodePrivateKey, DecodePublicKey, EncodePublicKey, LineEnding};
use p256::{NistP256, SecretKey};
use sec1::der::EncodePem;
use sec1::{EcParameters, EcPrivateKey};
use sha2::{Digest, Sha512};

/// How a key is named in a signature.
pub type KeyId = [u8; 16];

/// A secret key.
pub struct Secret(SigningKey);

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public(VerifyingKey);

/// Nothing of a secret key is ever printed.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new key.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn generate() -> Result<Self> {
        loop {
            // A number that is no key of the curve comes once in 2^32 times.
            if let Ok(key) = SigningKey::from_slice(&super::random::<32>()?) {
                return Ok(Self(key));
            }
        }
    }

    /// Reads `EC PRIVATE KEY` (openssl's) or `PRIVATE KEY` (PKCS #8); what
    /// stands before it, as `EC PARAMETERS`, is passed over.
    ///
    /// # Errors
    /// Other curves, encrypted keys, broken ones. The text is never quoted.
    pub fn from_pem(text: &str) -> Result<Self> {
        const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----";
        const PKCS8: &str = "-----BEGIN PRIVATE KEY-----";
        let key = if let Some(at) = text.find(SEC1) {
            SecretKey::from_sec1_pem(text[at..].trim_end()).ok()
        } else if let Some(at) = text.find(PKCS8) {
            SecretKey::from_pkcs8_pem(text[at..].trim_end()).ok()
        } else {
            bail!("no EC private key in PEM (`-----BEGIN EC PRIVATE KEY-----`) is in it");
        };
        let key = key.context(
            "it is no EC private key on the curve prime256v1, without a passphrase, in PEM",
        )?;
        Ok(Self(SigningKey::from(key)))
    }

    /// The key as openssl writes it.
    ///
    /// # Errors
    /// None for a key.
    pub fn to_pem(&self) -> Result<String> {
        // p256 itself leaves the curve out, and openssl, apk too, then refuses it.
        let point = self.0.verifying_key().to_encoded_point(false);
        let secret = self.0.to_bytes();
        let key = EcPrivateKey {
            private_key: &secret,
            parameters: Some(EcParameters::NamedCurve(NistP256::OID)),
            public_key: Some(point.as_bytes()),
        };
        key.to_pem(LineEnding::LF)
            .map_err(|error| anyhow!("write the key as PEM: {error}"))
    }

    /// The public half.
    pub fn public(&self) -> Public {
        Public(*self.0.verifying_key())
    }

    /// The DER signature of a message. Nonces come from key and message
    /// (RFC 6979): the same message has the same signature.
    ///
    /// # Errors
    /// None for a SHA-512.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let signature: Signature = self
            .0
            .sign_prehash(&Sha512::digest(message))
            .map_err(|error| anyhow!("sign: {error}"))?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

impl Public {
    /// Reads `PUBLIC KEY`.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_pem(text: &str) -> Result<Self> {
        VerifyingKey::from_public_key_pem(text.trim())
            .ok()
            .map(Self)
            .context("it is no public key on the curve prime256v1 in PEM")
    }

    /// The key as openssl writes it.
    ///
    /// # Errors
    /// None for a key.
    pub fn to_pem(&self) -> Result<String> {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .map_err(|error| anyhow!("write the public key as PEM: {error}"))
    }

    /// The first half of the SHA-512 of the uncompressed point, cut to 16 bytes.
    pub fn id(&self) -> KeyId {
        let point = self.0.to_encoded_point(false);
        let hash = Sha512::digest(point.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        id
    }

    /// True when this key signed `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature)
            .ok()
            .and_then(|signature| Signature::try_from(signature).ok())
            .is_some_and(|signature| {
                self.0
                    .verify_prehash(&Sha512::digest(message), &signature)
                    .is_ok()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_key_s_and_the_message_s() {
        let (key, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        let signature = key.sign(b"x").unwrap();
        assert_eq!(key.sign(b"x").unwrap(), signature, "RFC 6979");
        assert!(key.public().verifies(b"x", &signature));
        assert!(!key.public().verifies(b"y", &signature));
        assert!(!other.public().verifies(b"x", &signature));
        assert!(!key.public().verifies(b"x", &signature[1..]));
    }

    #[test]
    fn keys_come_back_from_their_text() {
        let key = Secret::generate().unwrap();
        let pem = key.to_pem().unwrap();
        let with_parameters = format!(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{pem}"
        );
        for text in [&pem, &with_parameters] {
            let back = Secret::from_pem(text).unwrap();
            assert_eq!(back.public(), key.public());
        }
        let public = key.public();
        assert_eq!(Public::from_pem(&public.to_pem().unwrap()).unwrap(), public);
        assert_eq!(format!("{key:?}"), "Secret(…)");
        for wrong in [
            "",
            "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        ] {
            assert!(Secret::from_pem(wrong).is_err());
            assert!(Public::from_pem(wrong).is_err());
        }
    }
}
