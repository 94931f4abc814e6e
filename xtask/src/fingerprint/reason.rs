//! Why something is built: one variant a cause, one sentence each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A cause with the old and the new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing of the kind was built before.
    FirstBuild,
    /// An input has another value.
    InputChanged {
        /// The input's name.
        name: String,
        /// Its value in the record.
        old: String,
        /// Its value now.
        new: String,
    },
    /// An input that the record does not know.
    InputAdded {
        /// The input's name.
        name: String,
        /// Its value now.
        new: String,
    },
    /// An input that the record knows and that is gone.
    InputRemoved {
        /// The input's name.
        name: String,
        /// Its value in the record.
        old: String,
    },
    /// It could not be used as it was.
    NotReady {
        /// What was wrong.
        why: String,
    },
    /// The record itself cannot be read.
    RecordBroken {
        /// What is wrong with it.
        why: String,
    },
    /// A file that was built is gone.
    FileMissing {
        /// Its path below the entry.
        path: String,
    },
    /// A file that nothing built lies among what was built.
    FileAdded {
        /// Its path below the entry.
        path: String,
    },
    /// A file that was built has another content.
    FileChanged {
        /// Its path below the entry.
        path: String,
        /// What the record says: size or hash.
        old: String,
        /// What is there.
        new: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstBuild => write!(f, "it was not built here before"),
            Self::InputChanged { name, old, new } => {
                write!(f, "{name} changed from {old} to {new}")
            }
            Self::InputAdded { name, new } => write!(f, "{name} is new: {new}"),
            Self::InputRemoved { name, old } => {
                write!(f, "{name} is no longer an input (was {old})")
            }
            Self::NotReady { why } => write!(f, "{why}"),
            Self::RecordBroken { why } => write!(f, "its record is broken: {why}"),
            Self::FileMissing { path } => write!(f, "{path} is missing"),
            Self::FileAdded { path } => write!(f, "{path} is not in its record"),
            Self::FileChanged { path, old, new } => {
                write!(f, "{path} is corrupted: {new} where the record says {old}")
            }
        }
    }
}

impl Reason {
    /// Its kind, as JSON has it: `first-build`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FirstBuild => "first-build",
            Self::InputChanged { .. } => "input-changed",
            Self::InputAdded { .. } => "input-added",
            Self::InputRemoved { .. } => "input-removed",
            Self::NotReady { .. } => "not-ready",
            Self::RecordBroken { .. } => "record-broken",
            Self::FileMissing { .. } => "file-missing",
            Self::FileAdded { .. } => "file-added",
            Self::FileChanged { .. } => "file-changed",
        }
    }

    /// The sentence with hashes cut to their first 12 digits.
    pub fn short(&self) -> String {
        let text = self.to_string();
        let mut short = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find(|char: char| char.is_ascii_hexdigit()) {
            let tail = &rest[start..];
            let length = tail
                .find(|char: char| !char.is_ascii_hexdigit())
                .unwrap_or(tail.len());
            let kept = if length == 64 { 12 } else { length };
            short += &rest[..start + kept];
            rest = &tail[length..];
        }
        short + rest
    }
}

/// Several reasons as one clause, hashes cut to what an eye compares.
pub fn join_short(reasons: &[Reason]) -> String {
    let all: Vec<String> = reasons.iter().map(Reason::short).collect();
    all.join("; ")
}

/// Several reasons as one clause.
pub fn join(reasons: &[Reason]) -> String {
    let all: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_short_hashes() {
        let reason = |old: String, new: String| Reason::InputChanged {
            name: "openwrt/Dockerfile".to_owned(),
            old,
            new,
        };
        let hash = |digit: &str| format!("0644 sha256:{}", digit.repeat(64));
        assert_eq!(
            reason(hash("a"), hash("b")).short(),
            "openwrt/Dockerfile changed from 0644 sha256:aaaaaaaaaaaa to 0644 sha256:bbbbbbbbbbbb"
        );
        let (odd, commit) = ("é".repeat(3) + &"a".repeat(65), "1".repeat(40));
        let text = reason(odd, commit);
        assert_eq!(text.short(), text.to_string());
    }

    #[test]
    fn every_reason_is_a_sentence_and_json() {
        let text = |text: &str| text.to_owned();
        let cases = [
            (
                Reason::FirstBuild,
                "it was not built here before",
                r#"{"reason":"first-build"}"#,
            ),
            (
                Reason::FileMissing { path: text("a/b") },
                "a/b is missing",
                r#"{"reason":"file-missing","path":"a/b"}"#,
            ),
            (
                Reason::FileChanged {
                    path: text("a"),
                    old: text("1 byte"),
                    new: text("2 bytes"),
                },
                "a is corrupted: 2 bytes where the record says 1 byte",
                r#"{"reason":"file-changed","path":"a","old":"1 byte","new":"2 bytes"}"#,
            ),
            (
                Reason::FileAdded { path: text("a") },
                "a is not in its record",
                r#"{"reason":"file-added","path":"a"}"#,
            ),
            (
                Reason::NotReady { why: text("gone") },
                "gone",
                r#"{"reason":"not-ready","why":"gone"}"#,
            ),
            (
                Reason::RecordBroken { why: text("EOF") },
                "its record is broken: EOF",
                r#"{"reason":"record-broken","why":"EOF"}"#,
            ),
        ];
        for (reason, sentence, json) in cases {
            assert_eq!(reason.to_string(), sentence);
            assert_eq!(serde_json::to_string(&reason).unwrap(), json);
            assert!(json.contains(&format!("\"{}\"", reason.kind())));
        }
    }
}
