//! The events that a TollGate sends (TollGate protocol, TIP-01 and TIP-02).

use super::Draft;
use crate::config::schema::{File, Metric};

/// What is sold, for how much, and which mints' ecash is taken.
const ADVERTISEMENT: u16 = 10021;

/// A message to the customer or to the software that pays for one.
const NOTICE: u16 = 21023;

/// What a customer has bought.
const SESSION: u16 = 1022;

/// A payment in an event, as software that is older than the plain one sends it.
pub const PAYMENT: u16 = 21000;

/// How bad a notice is. Portals offer another try after a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum Level {
    Error,
    Warning,
    Info,
    Debug,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The advertisement of all configured mints.
pub fn advertisement(file: &File) -> Draft {
    let mut tags = vec![
        tag(["metric", file.metric.as_str()]),
        tag(["step_size", &file.step().to_string()]),
    ];
    tags.extend(file.accepted_mints.iter().map(|mint| {
        tag([
            "price_per_step",
            "cashu",
            &mint.price_per_step.to_string(),
            &mint.price_unit,
            mint.url.as_str(),
            &mint.purchase_min_steps.to_string(),
        ])
    }));
    tags.push(tag(["tips", "1", "2"]));
    Draft {
        kind: ADVERTISEMENT,
        tags,
        content: String::new(),
    }
}

/// A notice; `code` is one of the protocol's words for programs, `text` is for people.
pub fn notice(level: Level, code: &str, text: &str) -> Draft {
    Draft {
        kind: NOTICE,
        tags: vec![tag(["level", level.as_str()]), tag(["code", code])],
        content: text.to_owned(),
    }
}

/// A session, as it is after a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session<'a> {
    /// The customer's public key. Who sent none has the MAC address in its place.
    pub customer: Option<&'a str>,
    /// The customer's device.
    pub mac: &'a str,
    /// All that was bought, in milliseconds or bytes.
    pub allotment: u64,
    /// Which of them.
    pub metric: Metric,
    /// When it began, in seconds since 1970.
    pub started: u64,
}

/// A session, for whoever has paid.
pub fn session(session: &Session<'_>) -> Draft {
    Draft {
        kind: SESSION,
        tags: vec![
            tag(["p", session.customer.unwrap_or(session.mac)]),
            tag(["device-identifier", "mac", session.mac]),
            tag(["allotment", &session.allotment.to_string()]),
            tag(["metric", session.metric.as_str()]),
            tag(["start-time", &session.started.to_string()]),
        ],
        content: String::new(),
    }
}

fn tag<const N: usize>(items: [&str; N]) -> Vec<String> {
    items.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::config::schema::Mint;

    #[test]
    fn advertisement_names_every_mint() {
        let mint = |url: &str| Mint::new(url.parse().unwrap(), NonZeroU64::MIN, "sat".into());
        let file = File {
            metric: Metric::Milliseconds,
            step_size: NonZeroU64::new(60_000),
            accepted_mints: vec![mint("https://a.example"), mint("https://b.example/x")],
            ..File::default()
        };
        let draft = advertisement(&file);
        assert_eq!((draft.kind, draft.content.as_str()), (10021, ""));
        let expected: [&[&str]; 5] = [
            &["metric", "milliseconds"],
            &["step_size", "60000"],
            &[
                "price_per_step",
                "cashu",
                "1",
                "sat",
                "https://a.example",
                "1",
            ],
            &[
                "price_per_step",
                "cashu",
                "1",
                "sat",
                "https://b.example/x",
                "1",
            ],
            &["tips", "1", "2"],
        ];
        assert_eq!(draft.tags, expected);
    }

    #[test]
    fn session_has_the_total() {
        let draft = session(&Session {
            customer: None,
            mac: "02:00:00:00:00:01",
            allotment: 120_000,
            metric: Metric::Milliseconds,
            started: 1_700_000_000,
        });
        assert_eq!((draft.kind, draft.content.as_str()), (1022, ""));
        let expected: [&[&str]; 5] = [
            &["p", "02:00:00:00:00:01"],
            &["device-identifier", "mac", "02:00:00:00:00:01"],
            &["allotment", "120000"],
            &["metric", "milliseconds"],
            &["start-time", "1700000000"],
        ];
        assert_eq!(draft.tags, expected);
    }

    #[test]
    fn notice_has_level_and_code() {
        let draft = notice(Level::Warning, "no-reachable-mints", "later");
        assert_eq!(draft.kind, 21023);
        assert_eq!(
            draft.tags,
            [["level", "warning"], ["code", "no-reachable-mints"]]
        );
        assert_eq!(draft.content, "later");
    }
}
