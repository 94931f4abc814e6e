//! Ecash in the making: amounts, blinding, and what becomes of signatures.

use std::fmt;
use std::io;

use bitcoin_hashes::hex::DisplayHex;
use cashu::dhke::{blind_message, unblind_message};
use cashu::secret::Secret;
use cashu::{Amount, BlindSignature, BlindedMessage, Id, Keys, Proof, SecretKey};

use crate::ledger::record::Output;

/// Signatures that are not those that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage(pub &'static str);

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Ecash of `total`, in the fewest pieces for which `keys` has a key; the
/// smallest first. `None` if it cannot be put together.
///
/// Secrets are random, not derived from a seed (docs/money.md says why).
///
/// # Errors
/// What the system says when it has no random numbers.
pub fn make(total: u64, keyset: Id, keys: &Keys) -> io::Result<Option<Vec<Output>>> {
    let mut amounts = Vec::new();
    let mut rest = total;
    for (amount, _) in keys.iter().collect::<Vec<_>>().into_iter().rev() {
        let value = u64::from(*amount);
        while value > 0 && value <= rest {
            rest -= value;
            amounts.push(*amount);
        }
    }
    if rest > 0 {
        return Ok(None);
    }
    amounts.reverse();
    let make = |amount| {
        Ok(Output {
            amount,
            keyset,
            secret: Secret::new(random()?.to_lower_hex_string()),
            r: random_key()?,
        })
    };
    amounts
        .into_iter()
        .map(make)
        .collect::<io::Result<_>>()
        .map(Some)
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::getrandom(&mut bytes)?;
    Ok(bytes)
}

fn random_key() -> io::Result<SecretKey> {
    loop {
        // All but 2⁻¹²⁷ of the numbers are valid keys.
        if let Ok(key) = SecretKey::from_slice(&random()?) {
            return Ok(key);
        }
    }
}

/// `count` outputs whose amounts the mint chooses (NUT-08).
///
/// # Errors
/// What the system says when it has no random numbers.
pub fn make_blank(count: usize, keyset: Id) -> io::Result<Vec<Output>> {
    let make = |_| {
        Ok(Output {
            amount: Amount::ZERO,
            keyset,
            secret: Secret::new(random()?.to_lower_hex_string()),
            r: random_key()?,
        })
    };
    (0..count).map(make).collect()
}

/// What the mint is given to sign.
///
/// # Errors
/// For an output that cannot be blinded: none that [`make`] made.
pub fn blind(outputs: &[Output]) -> Result<Vec<BlindedMessage>, Garbage> {
    let blind = |output: &Output| {
        let (blinded, _) = blind_message(output.secret.as_bytes(), Some(output.r.clone())).ok()?;
        Some(BlindedMessage::new(output.amount, output.keyset, blinded))
    };
    let blinded: Option<_> = outputs.iter().map(blind).collect();
    blinded.ok_or(Garbage("an output that cannot be blinded"))
}

/// Makes ecash of the mint's signatures, in the order of the outputs.
///
/// # Errors
/// If they are not what was asked for: others in number, amount or keyset, made
/// with another key than the mint shows everybody, or without the proof that
/// they are not, where one is due (NUT-12).
pub fn unblind(
    outputs: &[Output],
    signatures: &[BlindSignature],
    keys: &Keys,
    must_prove: bool,
) -> Result<Vec<Proof>, Garbage> {
    if signatures.len() != outputs.len() {
        return Err(Garbage("another number of signatures than outputs"));
    }
    let pairs = outputs.iter().zip(signatures);
    let prove = |(output, signature): (&Output, &BlindSignature)| {
        if signature.amount != output.amount {
            return Err(Garbage("a signature for another amount"));
        }
        unblind_one(output, signature, keys, must_prove)
    };
    pairs.map(prove).collect()
}

/// Makes ecash of a signature, with the amount that it has.
///
/// # Errors
/// As those of [`unblind`].
pub fn unblind_one(
    output: &Output,
    signature: &BlindSignature,
    keys: &Keys,
    must_prove: bool,
) -> Result<Proof, Garbage> {
    if signature.keyset_id != output.keyset {
        return Err(Garbage("a signature for another keyset"));
    }
    let key = keys
        .amount_key(signature.amount)
        .ok_or(Garbage("no key for the amount"))?;
    let (blinded, _) = blind_message(output.secret.as_bytes(), Some(output.r.clone()))
        .map_err(|_| Garbage("an output that cannot be blinded"))?;
    if signature.dleq.is_some() && signature.verify_dleq(key, blinded).is_err() {
        return Err(Garbage("a signature with another key (DLEQ)"));
    }
    if signature.dleq.is_none() && must_prove {
        return Err(Garbage(
            "a signature without the proof that the mint promises (NUT-12)",
        ));
    }
    let c = unblind_message(&signature.c, &output.r, &key)
        .map_err(|_| Garbage("a signature that is no point of the curve"))?;
    let (amount, secret) = (signature.amount, output.secret.clone());
    Ok(Proof::new(amount, output.keyset, secret, c))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cashu::PublicKey;
    use cashu::dhke::{sign_message, verify_message};
    use proptest::prelude::*;

    use super::*;

    fn secret_key(number: u8) -> SecretKey {
        SecretKey::from_slice(&[number + 1; 32]).unwrap()
    }

    /// Keys for 1, 2, 4 … 128.
    fn keys() -> Keys {
        let key = |bit: u8| -> (Amount, PublicKey) {
            (Amount::from(1 << bit), secret_key(bit).public_key())
        };
        Keys::new((0..8).map(key).collect::<BTreeMap<_, _>>())
    }

    fn id() -> Id {
        Id::v1_from_keys(&keys())
    }

    fn sign(blinded: &BlindedMessage) -> BlindSignature {
        let bit = u64::from(blinded.amount).trailing_zeros();
        let key = secret_key(u8::try_from(bit).unwrap());
        let c = sign_message(&key, &blinded.blinded_secret).unwrap();
        let (amount, id) = (blinded.amount, blinded.keyset_id);
        BlindSignature::new(amount, c, id, &blinded.blinded_secret, &key).unwrap()
    }

    #[test]
    fn signatures_become_ecash_that_the_mint_takes() {
        let outputs = make(21, id(), &keys()).unwrap().unwrap();
        let amounts: Vec<u64> = outputs.iter().map(|output| output.amount.into()).collect();
        assert_eq!(amounts, [1, 4, 16]);
        let blinded = blind(&outputs).unwrap();
        let mut signatures: Vec<_> = blinded.iter().map(sign).collect();
        let proofs = unblind(&outputs, &signatures, &keys(), true).unwrap();
        for (proof, bit) in proofs.iter().zip([0, 2, 4]) {
            verify_message(&secret_key(bit), proof.c, proof.secret.as_bytes()).unwrap();
        }

        let fails = |signatures: &[BlindSignature]| {
            unblind(&outputs, signatures, &keys(), true)
                .unwrap_err()
                .to_string()
        };
        let mut unproved = signatures.clone();
        unproved[1].dleq = None;
        assert!(fails(&unproved).contains("NUT-12"));
        assert!(unblind(&outputs, &unproved, &keys(), false).is_ok());
        assert!(fails(&signatures[1..]).contains("number"));
        let mut other = signatures.clone();
        other[0].amount = Amount::from(64);
        assert!(fails(&other).contains("amount"));
        // Signed with a key of its own for this customer, so as to know him again.
        let key = secret_key(99);
        let c = sign_message(&key, &blinded[0].blinded_secret).unwrap();
        let id = signatures[0].keyset_id;
        signatures[0] =
            BlindSignature::new(Amount::from(1), c, id, &blinded[0].blinded_secret, &key).unwrap();
        assert!(fails(&signatures).contains("DLEQ"));
    }

    #[test]
    fn what_cannot_be_put_together() {
        let even = Keys::new(BTreeMap::from([(
            Amount::from(2),
            secret_key(1).public_key(),
        )]));
        assert_eq!(make(3, id(), &even).unwrap(), None);
        assert_eq!(make(6, id(), &even).unwrap().unwrap().len(), 3);
        assert_eq!(make(0, id(), &even).unwrap(), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn amounts_add_up(total in 0u64..5_000) {
            let outputs = make(total, id(), &keys()).unwrap().unwrap();
            prop_assert_eq!(outputs.iter().map(|output| u64::from(output.amount)).sum::<u64>(), total);
            let secrets: std::collections::BTreeSet<_> =
                outputs.iter().map(|output| &output.secret).collect();
            prop_assert_eq!(secrets.len(), outputs.len());
        }
    }
}
