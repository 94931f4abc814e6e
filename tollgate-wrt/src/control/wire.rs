//! What the command line and the daemon say to each other: one line of JSON
//! each, with the keys that the other TollGate daemons use.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

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
}

impl Answer {
    /// It was done.
    pub fn done(message: String, data: Value) -> Self {
        Self {
            success: true,
            message,
            data,
            error: String::new(),
        }
    }

    /// It was not.
    pub fn failed(error: impl Into<String>) -> Self {
        Self {
            success: false,
            message: String::new(),
            data: Value::Null,
            error: error.into(),
        }
    }
}
