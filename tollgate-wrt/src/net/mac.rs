//! MAC addresses in one spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The address of one device: six bytes, written `02:00:5e:10:00:ff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

/// A text that is no address of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError;

impl Mac {
    /// The address with these bytes. `None` for addresses that stand for no
    /// device (all zero) or for several (group addresses).
    pub fn new(bytes: [u8; 6]) -> Option<Self> {
        const GROUP: u8 = 1;
        (bytes != [0; 6] && bytes[0] & GROUP == 0).then_some(Self(bytes))
    }

    /// The six bytes.
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for Mac {
    type Err = ParseError;

    /// Reads six pairs of hexadecimal digits in any case, with `:` or `-` between.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.as_bytes();
        let separator = *text.get(2).ok_or(ParseError)?;
        if text.len() != 17 || !matches!(separator, b':' | b'-') {
            return Err(ParseError);
        }
        let mut bytes = [0; 6];
        for (byte, digits) in bytes.iter_mut().zip(text.chunks(3)) {
            if digits.get(2).is_some_and(|&found| found != separator) {
                return Err(ParseError);
            }
            let digit = |at: usize| char::from(digits[at]).to_digit(16).ok_or(ParseError);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(|_| ParseError)?;
        }
        Self::new(bytes).ok_or(ParseError)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|ParseError| de::Error::custom("no MAC address"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_spelling() {
        for text in [
            "02:00:5e:10:00:ff",
            "02:00:5E:10:00:FF",
            "02-00-5e-10-00-fF",
        ] {
            let mac: Mac = text.parse().unwrap();
            assert_eq!(mac.to_string(), "02:00:5e:10:00:ff");
        }
    }

    #[test]
    fn what_is_no_device() {
        let wrong = [
            "",
            "02",
            "02:00:5e:10:00",
            "02:00:5e:10:00:ff:00",
            "02:00:5e:10:00-ff",
            "02005e1000ff",
            "02:00:5e:10:00:fg",
            "+2:00:5e:10:00:ff",
            "é2:00:5e:10:00:f",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Mac>(), Err(ParseError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = text.parse::<Mac>();
        }

        #[test]
        fn never_panics_on_similar_text(text in "[0-9a-fA-F:é-]{0,18}") {
            let _ = text.parse::<Mac>();
        }

        #[test]
        fn round_trips(bytes: [u8; 6]) {
            if let Some(mac) = Mac::new(bytes) {
                prop_assert_eq!(mac.to_string().parse(), Ok(mac));
                prop_assert_eq!(mac.to_string().to_uppercase().replace(':', "-").parse(), Ok(mac));
            }
        }
    }
}
