//! opkg's order of versions, which is Debian's (deb-version(7)) with its own
//! reading of the text.

use std::cmp::Ordering;

/// Compares two versions, release numbers included.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Parts::of(a), Parts::of(b));
    a.epoch
        .cmp(&b.epoch)
        .then_with(|| compare_part(a.upstream, b.upstream))
        .then_with(|| compare_part(a.revision, b.revision))
}

struct Parts<'a> {
    epoch: u32,
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.trim();
        let (epoch, rest) = match text.split_once(':') {
            // Digits up to whatever else stands there, as strtoul reads them.
            Some((epoch, rest)) => {
                let end = epoch.find(|c: char| !c.is_ascii_digit());
                let digits = &epoch[..end.unwrap_or(epoch.len())];
                let number = digits.parse().unwrap_or(match digits {
                    "" => 0,
                    _ => u64::MAX,
                });
                (number as u32, rest)
            }
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self {
            epoch,
            upstream: upstream.as_bytes(),
            revision: revision.as_bytes(),
        }
    }
}

/// Runs of other characters by letter, then runs of digits by number, in turn.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        while starts_other(a) || starts_other(b) {
            let order = rank(a.first()).cmp(&rank(b.first()));
            if order.is_ne() {
                return order;
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let (number_a, number_b) = (digits(&mut a), digits(&mut b));
        let order = number_a.len().cmp(&number_b.len());
        let order = order.then_with(|| number_a.cmp(number_b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn starts_other(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| !byte.is_ascii_digit())
}

/// `~` before the end, the end and digits before letters, letters before all
/// else. C's `char` has a sign where opkg is compiled for x86.
fn rank(byte: Option<&u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte as i8) + 256,
    }
}

/// Takes the digits at the beginning, without leading zeros.
fn digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tildes_come_first_and_numbers_count() {
        for (a, order, b) in [
            ("1.0~rc1", Ordering::Less, "1.0"),
            ("1.9", Ordering::Less, "1.10"),
            ("1.0-r2", Ordering::Less, "1.0-r10"),
            ("1.01", Ordering::Equal, "1.1"),
            ("1:1", Ordering::Greater, "2"),
            ("3x:1", Ordering::Less, "20.x:1"),
            ("1.0a", Ordering::Less, "1.0.1"),
            ("", Ordering::Less, "1"),
        ] {
            assert_eq!(compare(a, b), order, "{a} {b}");
            assert_eq!(compare(b, a), order.reverse(), "{b} {a}");
        }
    }
}
