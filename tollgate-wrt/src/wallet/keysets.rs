//! What a mint's list of keysets means for money (NUT-02).

use std::cmp::Reverse;
use std::time::{SystemTime, UNIX_EPOCH};

use cashu::{CurrencyUnit, KeySetInfo, Proof};

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
