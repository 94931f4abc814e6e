//! What the command line and the daemon say to each other: one line of JSON
//! each, with the keys that the other TollGate daemons use.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::calendar::rfc3339;
use crate::json::shape;

/// Longest line. A token of the whole wallet is the longest thing in it.
pub const MAX_LINE: usize = 4 << 20;

/// Longest answer, in bytes: a backup, twice as long as JSON in JSON.
pub const MAX_ANSWER: u64 = 2 * crate::backup::MAX_LENGTH;

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The command's name, such as `wallet`.
    pub command: String,
    /// Its words.
    #[serde(
        default,
        deserialize_with = "shape::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub args: Vec<String>,
    /// Its options by name; an option without a value has an empty one.
    #[serde(
        default,
        deserialize_with = "flags",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub flags: BTreeMap<String, String>,
}

/// Options; the Go daemon's client may write `null` for none.
fn flags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub success: bool,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// For programs.
    #[serde(default)]
    pub data: Value,
    /// Why it was not done.
    #[serde(default)]
    pub error: String,
    /// When, by the daemon's clock (RFC 3339).
    #[serde(default)]
    pub timestamp: String,
}

impl Answer {
    /// It was done.
    pub fn done(message: String, data: Value) -> Self {
        Self {
            success: true,
            message,
            data,
            error: String::new(),
            timestamp: now(),
        }
    }

    /// It was not.
    pub fn failed(error: impl Into<String>) -> Self {
        Self {
            success: false,
            message: String::new(),
            data: Value::Null,
            error: error.into(),
            timestamp: now(),
        }
    }
}

fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    rfc3339(now.map_or(0, |now| now.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the Go daemon's client sends, and what it wants to read.
    #[test]
    fn the_go_daemons_words() {
        let text = r#"{"command":"wallet","args":["drain","cashu"],"flags":{"json":"true"},"timestamp":"2026-01-02T03:04:05Z"}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request.args, ["drain", "cashu"]);
        assert_eq!(request.flags["json"], "true");
        let text =
            r#"{"command":"status","args":null,"flags":null,"timestamp":"0001-01-01T00:00:00Z"}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert!(request.args.is_empty() && request.flags.is_empty());

        let answer = serde_json::to_value(Answer::failed("no")).unwrap();
        assert_eq!(
            (&answer["success"], &answer["error"]),
            (&Value::Bool(false), &Value::from("no"))
        );
        let time = answer["timestamp"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    }
}
