//! The key that events are signed with.

use std::fmt;
use std::io;

use bitcoin_hashes::hex::{DisplayHex, FromHex};
use secp256k1::{Keypair, Message, Secp256k1, SecretKey};

/// A secp256k1 key for BIP-340 Schnorr signatures.
///
/// The secret never leaves the type but through [`SigningKey::secret_hex`],
/// and is not shown by `Debug`.
#[derive(Clone)]
pub struct SigningKey {
    pair: Keypair,
}

impl SigningKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// What the system says when it has none.
    pub fn generate() -> io::Result<Self> {
        loop {
            let secret = random()?;
            // All but 2⁻¹²⁷ of the numbers are valid keys.
            if let Ok(key) = SecretKey::from_slice(&secret) {
                return Ok(Self::new(&key));
            }
        }
    }

    /// Reads a key from 64 hexadecimal digits. `None` if it is none; the text
    /// is secret, so that there is nothing to say about it.
    pub fn from_hex(text: &str) -> Option<Self> {
        let secret = <[u8; 32]>::from_hex(text).ok()?;
        Some(Self::new(&SecretKey::from_slice(&secret).ok()?))
    }

    fn new(secret: &SecretKey) -> Self {
        Self {
            pair: Keypair::from_secret_key(&Secp256k1::signing_only(), secret),
        }
    }

    /// The secret as 64 hexadecimal digits: for the identity file only.
    pub fn secret_hex(&self) -> String {
        self.pair.secret_bytes().to_lower_hex_string()
    }

    /// The public key as events carry it: its x coordinate, 64 hexadecimal digits.
    pub fn public_hex(&self) -> String {
        self.pair
            .x_only_public_key()
            .0
            .serialize()
            .to_lower_hex_string()
    }

    /// The public key as people exchange it (NIP-19): `npub1…`.
    pub fn npub(&self) -> String {
        bech32("npub", &self.pair.x_only_public_key().0.serialize())
    }

    /// Signs 32 bytes; the signature is given as 128 hexadecimal digits.
    ///
    /// # Errors
    /// What the system says when it has no random numbers, which protect the
    /// key from an attacker who can measure or disturb the computation.
    pub fn sign(&self, digest: [u8; 32]) -> io::Result<String> {
        let signature = Secp256k1::signing_only().sign_schnorr_with_aux_rand(
            &Message::from_digest(digest),
            &self.pair,
            &random()?,
        );
        Ok(signature.serialize().to_lower_hex_string())
    }
}

/// Text with a checksum (BIP-173), of bytes.
fn bech32(prefix: &str, bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let mut data = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            data.push(bits >> count & 31);
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        data.push(bits << (5 - count) & 31);
    }
    let high = prefix.bytes().map(|byte| u32::from(byte) >> 5);
    let low = prefix.bytes().map(|byte| u32::from(byte) & 31);
    let checked = high.chain([0]).chain(low).chain(data.iter().copied());
    let sum = checked.chain([0; 6]).fold(1, polymod) ^ 1;
    data.extend((0..6).map(|at| sum >> (5 * (5 - at)) & 31));
    let letters = data.iter().map(|&value| {
        let letter = LETTERS[usize::try_from(value).unwrap_or(0) & 31];
        char::from(letter)
    });
    format!("{prefix}1{}", letters.collect::<String>())
}

/// One step of BIP-173's checksum.
fn polymod(sum: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let top = sum >> 25;
    let next = (sum & 0x01ff_ffff) << 5 ^ value;
    let bits = GENERATOR.iter().enumerate();
    bits.filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(next, |sum, (_, generator)| sum ^ generator)
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::getrandom(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP-340, test vector 0: the public key of the secret key 3.
    const THREE: &str = "0000000000000000000000000000000000000000000000000000000000000003";
    const THREE_PUBLIC: &str = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";

    /// The example of NIP-19.
    #[test]
    fn npub_of_nip19() {
        let hex = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e";
        let npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg";
        assert_eq!(bech32("npub", &<[u8; 32]>::from_hex(hex).unwrap()), npub);
    }

    #[test]
    fn public_key_of_bip340() {
        let key = SigningKey::from_hex(THREE).unwrap();
        assert_eq!(key.public_hex(), THREE_PUBLIC);
        assert_eq!(key.secret_hex(), THREE);
    }

    #[test]
    fn what_is_no_key() {
        for text in ["", "03", &"0".repeat(64), &"f".repeat(64), &"x".repeat(64)] {
            assert!(SigningKey::from_hex(text).is_none(), "{text}");
        }
        assert!(SigningKey::from_hex(&THREE.replace('3', "A")).is_some());
    }

    #[test]
    fn debug_hides_the_secret() {
        let key = SigningKey::generate().unwrap();
        assert!(!format!("{key:?}").contains(&key.secret_hex()));
    }

    #[test]
    fn signatures_verify_with_another_library() {
        use k256::schnorr::{Signature, VerifyingKey};
        let key = SigningKey::generate().unwrap();
        let signature = <[u8; 64]>::from_hex(&key.sign([7; 32]).unwrap()).unwrap();
        let public = <[u8; 32]>::from_hex(&key.public_hex()).unwrap();
        let verifying = VerifyingKey::from_bytes(&public).unwrap();
        let signature = Signature::try_from(&signature[..]).unwrap();
        verifying.verify_raw(&[7; 32], &signature).unwrap();
        verifying.verify_raw(&[8; 32], &signature).unwrap_err();
    }
}
