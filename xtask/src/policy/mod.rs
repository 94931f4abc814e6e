//! May all of it be in the project? Licences, sources, banned crates and
//! versions that were taken back, by `deny.toml`; known faults by a copy of
//! RustSec's database. Nothing is asked over a network.
//!
//! | module | |
//! |---|---|
//! | [`deny`] | the rules |
//! | [`graph`] | every crate of Cargo.lock, and what the rules say of it |
//! | [`index`] | cargo's own copy of the registry's index: yanked versions |
//! | [`advisory`] | RustSec's database |

pub mod advisory;
pub mod deny;
pub mod graph;
pub mod index;

use serde::Serialize;

use deny::Level;

/// Something that the rules do not want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check fails.
    pub error: bool,
    /// `licenses`, `bans`, `sources`, `advisories`.
    pub rule: &'static str,
    /// `name version`; empty for none.
    #[serde(rename = "crate")]
    pub subject: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Findings, by what the rules say of each kind.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds one, unless the rules allow it.
    pub fn add(&mut self, level: Level, rule: &'static str, subject: String, message: String) {
        if level != Level::Allow {
            self.0.push(Finding {
                error: level == Level::Deny,
                rule,
                subject,
                message,
            });
        }
    }
}
