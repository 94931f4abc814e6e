//! What a mint's list of keysets means for money (NUT-02).

use std::cmp::Reverse;
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin_hashes::{Hash as _, sha256};
use cashu::nuts::nut02::KeySetVersion;
use cashu::{CurrencyUnit, Id, KeySetInfo, Keys, Proof};

/// How long before its end a keyset is not used any more, in seconds: 30 days.
/// A router may be off for a while.
const EARLY: u64 = 30 * 86_400;

/// The keyset for new ecash of a unit: the cheapest to spend of those that sign.
/// One that is about to expire is not taken while there is another.
pub fn choose<'a>(keysets: &'a [KeySetInfo], unit: &CurrencyUnit) -> Option<&'a KeySetInfo> {
    let candidates = keysets
        .iter()
        .filter(|info| info.active && info.unit == *unit && !is_expired(info));
    candidates.min_by_key(|info| {
        (
            is_ending(info),
            info.input_fee_ppk,
            Reverse(end(info).unwrap_or(u64::MAX)),
        )
    })
}

/// Whether the mint takes the keyset's ecash no more, by this router's clock.
pub fn is_expired(info: &KeySetInfo) -> bool {
    end(info).is_some_and(|end| end <= now())
}

/// Whether the mint will soon take the keyset's ecash no more, by this router's
/// clock. True for one that is expired.
pub fn is_ending(info: &KeySetInfo) -> bool {
    end(info).is_some_and(|end| end <= now().saturating_add(EARLY))
}

/// When the keyset's ecash ends. Some mints write 0 for "never".
fn end(info: &KeySetInfo) -> Option<u64> {
    info.final_expiry.filter(|end| *end > 0)
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

/// Whether keys are those that the name of a keyset promises.
pub fn is_named(id: Id, keys: &Keys, info: &KeySetInfo) -> bool {
    match id.get_version() {
        KeySetVersion::Version00 => Id::v1_from_keys(keys) == id,
        KeySetVersion::Version01 => {
            let (fee, expiry) = (info.input_fee_ppk, info.final_expiry);
            let name = Id::v2_from_data(keys, &info.unit, fee, expiry);
            // nutshell 0.20 writes "never" as 0 into the name, for keysets that
            // were made by its management command.
            name == id || expiry == Some(0) && v2_with_zero(keys, info) == id.to_bytes()
        }
    }
}

/// A name (NUT-02, version 2) with an end at 0.
fn v2_with_zero(keys: &Keys, info: &KeySetInfo) -> Vec<u8> {
    let pairs: Vec<String> = keys
        .iter()
        .map(|(amount, key)| format!("{amount}:{}", key.to_hex()))
        .collect();
    let fee = match info.input_fee_ppk {
        0 => String::new(),
        fee => format!("|input_fee_ppk:{fee}"),
    };
    let text = format!("{}|unit:{}{fee}|final_expiry:0", pairs.join(","), info.unit);
    let hash = sha256::Hash::hash(text.as_bytes());
    [&[1], hash.as_byte_array().as_slice()].concat()
}

/// The fee for spending `proofs` (NUT-02), in their unit. `None` for a keyset
/// that is not in the list, or fees beyond all numbers.
pub fn fee(proofs: &[Proof], keysets: &[KeySetInfo]) -> Option<u64> {
    let mut total = 0u64;
    for proof in proofs {
        let info = keysets.iter().find(|info| info.id == proof.keyset_id)?;
        total = total.checked_add(info.input_fee_ppk)?;
    }
    Some(total.div_ceil(1_000))
}
