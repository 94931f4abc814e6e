//! What all pages share.

use serde_json::{Map, Value};

use super::html::{escape, fill, filled};
use super::{Answer, Portal, Visitor};
use crate::payment::Refusal;

const LAYOUT: &str = include_str!("page/layout.html");
const NOTICE: &str = include_str!("page/notice.html");

/// The style sheet.
pub const STYLE: &str = include_str!("page/style.css");

/// The script.
pub const SCRIPT: &str = include_str!("page/script.js");

/// Changes with what pages load, so that it can be kept for long.
const VERSION: u32 = hash(hash(0x811c_9dc5, STYLE.as_bytes()), SCRIPT.as_bytes());

/// The texts that the script needs.
const WORDS: [&str; 16] = [
    "bytes-gb",
    "bytes-kb",
    "bytes-mb",
    "bytes-tb",
    "copied",
    "decimal",
    "full-hours",
    "hours",
    "left",
    "low",
    "low-note",
    "minutes",
    "online",
    "over",
    "over-note",
    "seconds",
];

/// How a notice looks, and how urgently it is read out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warning,
    Bad,
}

/// FNV-1a.
const fn hash(start: u32, bytes: &[u8]) -> u32 {
    let (mut hash, mut at) = (start, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

impl Portal {
    /// A page around its main part. `address` is where it is, without the
    /// language, and `head` what its head has beside the usual.
    pub(super) fn page(
        &self,
        visitor: &Visitor<'_>,
        status: u16,
        (title, address, head): (&str, &str, &str),
        main: &str,
    ) -> Answer {
        let language = visitor.language;
        let own = |name: &str| (name.to_owned(), Value::from(language.text(name)));
        let words: Map<String, Value> = WORDS.into_iter().chain(["used"]).map(own).collect();
        let words = Value::Object(words).to_string();
        let place = match &*self.place {
            "" => language.text("internet"),
            place => place,
        };
        let mut page = String::with_capacity(16 * 1024);
        let title = format!("{title} · {place}");
        let version = format!("{VERSION:08x}");
        let values = [
            ("lang", &*language.tag),
            ("title", &title),
            ("version", &version),
            ("head", head),
            ("place", place),
            ("words", &words),
            ("main", main),
            ("languages", &self.language_links(visitor, address)),
        ];
        fill(&mut page, LAYOUT, language, &values);
        Answer::Page(status, page)
    }

    fn language_links(&self, visitor: &Visitor<'_>, address: &str) -> String {
        let mut links = String::new();
        if self.languages.all().count() < 2 {
            return links;
        }
        for language in self.languages.all() {
            let current = match language.tag == visitor.language.tag {
                true => " aria-current=\"true\"",
                false => "",
            };
            let link = "<li><a href=\"{address}lang={tag}\" lang=\"{tag}\" hreflang=\"{tag}\" dir=\"{=direction}\"{+current}>{=language}</a></li>";
            let values = [
                ("address", address),
                ("tag", &language.tag),
                ("current", current),
            ];
            fill(&mut links, link, language, &values);
        }
        links
    }
}

impl Visitor<'_> {
    /// What is said about the request that this page answers. The addresses of
    /// such pages end in `#result`, so that it has the focus.
    pub(super) fn result(&self, tone: Tone, heading: &str, text: &str) -> String {
        let (class, role) = match tone {
            Tone::Good => ("good", "status"),
            Tone::Warning => ("warning", "status"),
            Tone::Bad => ("bad", "alert"),
        };
        let values = [
            ("class", class),
            ("role", role),
            ("heading", heading),
            ("text", text),
        ];
        filled(NOTICE, self.language, &values)
    }

    /// What is said about the shop.
    pub(super) fn warning(&self, text: &str) -> String {
        let mut html = "<p class=\"card notice warning\">".to_owned();
        escape(&mut html, text);
        html + "</p>\n"
    }

    /// A refusal in the customer's words; in the protocol's where the language
    /// has none.
    pub(super) fn refusal(&self, refusal: &Refusal) -> String {
        let name = format!("refusal-{}", refusal.key);
        let values = refusal.values.iter().map(|(name, value)| {
            // Prices have a unit behind them, and a unit stands alone.
            let (amount, unit) = value.split_at(value.find(' ').map_or(0, |at| at + 1));
            (*name, format!("{amount}{}", unit_name(unit)))
        });
        let values: Vec<(&str, String)> = values.collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, &**v)).collect();
        let text = match self.language.known(&name) {
            Some(_) => self.language.say(&name, &values),
            None => refusal.text.clone(),
        };
        let tone = match refusal.level {
            crate::nostr::tollgate::Level::Warning => Tone::Warning,
            _ => Tone::Bad,
        };
        self.result(tone, self.language.text("refused"), &text)
    }
}

/// A price in its unit.
pub fn price(amount: u64, unit: &str) -> String {
    format!("{amount} {}", unit_name(unit))
}

/// What a unit is called: those of money are hundredths (NUT-01).
pub fn unit_name(unit: &str) -> &str {
    match unit {
        "usd" => "US cent",
        "eur" => "euro cent",
        unit => unit,
    }
}
