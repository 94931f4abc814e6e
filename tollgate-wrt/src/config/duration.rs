//! Durations as Go programs write them.
//!
//! The Go daemon stores a `time.Duration` as its count of nanoseconds; its own
//! documentation and other programs write the text form (`"10s"`, `"1m30s"`).
//! Existing files hold either, so both are read.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a duration looks like, for error messages.
pub const EXPECTED: &str =
    "a duration such as \"10s\", \"1m30s\" or \"500ms\", or a count of nanoseconds";

/// Units and their nanoseconds, longest first, as [`Duration`] writes them.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5, the micro sign
    ("μs", 1_000), // U+03BC, the Greek letter
    ("ns", 1),
];

/// A length of time, from 0 to about 292 years (2⁶³ − 1 ns, as in Go).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(std::time::Duration);

/// A text or a number that is no [`Duration`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError;

impl Duration {
    /// A number of whole milliseconds.
    pub const fn from_millis(millis: u32) -> Self {
        Self(std::time::Duration::from_millis(millis as u64))
    }

    fn from_nanos(nanos: u64) -> Result<Self, ParseError> {
        i64::try_from(nanos).map_err(|_| ParseError)?;
        Ok(Self(std::time::Duration::from_nanos(nanos)))
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = ParseError;

    /// Reads a sequence of decimal numbers with units; `"0"` needs none.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.is_empty() {
            return Err(ParseError);
        }
        let mut total = 0u64;
        while !rest.is_empty() {
            let (number, after) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
            let (unit, after) = split_where(after, |c| c.is_ascii_digit() || c == '.');
            rest = after;
            let nanos = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .and_then(|&(_, nanos)| multiply(number, nanos))
                .ok_or(ParseError)?;
            total = total.checked_add(nanos).ok_or(ParseError)?;
        }
        Self::from_nanos(total)
    }
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// `number` × `nanos` for a decimal number such as `1`, `1.5` or `.5`; digits
/// below a nanosecond are dropped.
fn multiply(number: &str, nanos: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let mut total = match whole {
        "" => 0,
        digits => digits.parse::<u64>().ok()?.checked_mul(nanos)?,
    };
    // 18 digits fit; later ones are below a nanosecond for every unit.
    let (mut numerator, mut denominator) = (0u64, 1u64);
    for digit in fraction.bytes().take(18) {
        numerator = numerator * 10 + u64::from(digit - b'0');
        denominator *= 10;
    }
    let part = u128::from(numerator) * u128::from(nanos) / u128::from(denominator);
    total = total.checked_add(u64::try_from(part).ok()?)?;
    Some(total)
}

impl fmt::Display for Duration {
    /// Writes the parts that are not 0, largest unit first: `1m30s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let mut rest = self.0.as_nanos();
        let mut text = String::new();
        for (unit, nanos) in UNITS {
            let count = rest / u128::from(nanos);
            rest %= u128::from(nanos);
            if count > 0 {
                write!(text, "{count}{unit}")?;
            }
        }
        f.write_str(&text)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<Duration, E> {
                Duration::from_nanos(nanos)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(nanos), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                text.parse()
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> Option<u128> {
        let duration: Duration = text.parse().ok()?;
        Some(duration.0.as_nanos())
    }

    #[test]
    fn reads_what_go_reads() {
        assert_eq!(nanos("10s"), Some(10_000_000_000));
        assert_eq!(nanos("1m30s"), Some(90_000_000_000));
        assert_eq!(nanos("1h0m0.5s"), Some(3_600_500_000_000));
        assert_eq!(nanos("500ms"), Some(500_000_000));
        assert_eq!(nanos("1.5h"), Some(5_400_000_000_000));
        assert_eq!(nanos(".5s"), Some(500_000_000));
        assert_eq!(nanos("5.s"), Some(5_000_000_000));
        assert_eq!(nanos("100us100µs100μs"), Some(300_000));
        assert_eq!(nanos("0"), Some(0));
        assert_eq!(nanos("0s"), Some(0));
        assert_eq!(nanos("+2s"), Some(2_000_000_000));
        assert_eq!(nanos("0.000000001s"), Some(1));
        assert_eq!(nanos("0.0000000019s"), Some(1));
        assert_eq!(nanos("0.333333333333333333h"), Some(1_199_999_999_999));
        assert_eq!(nanos("9223372036854775807ns"), Some(i64::MAX as u128));
    }

    #[test]
    fn refuses_what_go_refuses_and_negative_ones() {
        let wrong = [
            "",
            "s",
            "10",
            "1.2.3s",
            ".s",
            ".",
            "10 s",
            "10S",
            "ten",
            "1s2",
            "-1s",
            "+",
            "1d",
            "9223372036854775808ns",
            "3000000h",
            "99999999999999999999s",
            "1e3s",
        ];
        for text in wrong {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn json_takes_both_forms() {
        let read = |json| serde_json::from_str::<Duration>(json);
        assert_eq!(read("\"1m30s\"").unwrap().to_string(), "1m30s");
        assert_eq!(read("10000000000").unwrap().to_string(), "10s");
        for wrong in ["-1", "1.5", "true", "\"soon\"", "18446744073709551615"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(EXPECTED), "{wrong}: {error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9.hmsuµn+-]{0,24}") {
            let _ = text.parse::<Duration>();
        }

        #[test]
        fn never_panics_on_any_text(text in any::<String>()) {
            let _ = text.parse::<Duration>();
        }

        #[test]
        fn text_round_trips(nanos in 0..=i64::MAX as u64) {
            let duration = Duration::from_nanos(nanos).unwrap();
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn fractions_are_exact(nanos in 0..1_000_000_000u64) {
            let text = format!("0.{nanos:09}s");
            prop_assert_eq!(text.parse(), Duration::from_nanos(nanos));
        }
    }
}
