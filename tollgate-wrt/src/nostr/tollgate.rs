//! The events that a TollGate sends (TollGate protocol, TIP-01 and TIP-02).

use super::Draft;
use crate::config::schema::File;

/// What is sold, for how much, and which mints' ecash is taken.
const ADVERTISEMENT: u16 = 10021;

/// A message to the customer or to the software that pays for one.
const NOTICE: u16 = 21023;

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

fn tag<const N: usize>(items: [&str; N]) -> Vec<String> {
    items.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::config::schema::{Metric, Mint};

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
