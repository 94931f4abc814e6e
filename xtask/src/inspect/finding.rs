//! Findings, how many of them are kept, and text that is safe on a terminal.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Findings of one rule that are kept; a package with 100,000 wrong owners has
/// one mistake, not 100,000.
const MAX_OF_A_RULE: usize = 100;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Installs, and will surprise somebody.
    Warning,
    /// A router refuses it, or it cannot run.
    Error,
}

/// One thing that a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule's name, stable for machines.
    pub rule: &'static str,
    /// The file or member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity} [{}] ", self.rule)?;
        if let Some(path) = &self.path {
            write!(f, "{}: ", printable(path))?;
        }
        f.write_str(&printable(&self.message))
    }
}

/// The findings while they are made.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    /// By severity as well: a hundred harmless ones must not hide an error.
    counts: BTreeMap<(&'static str, Severity), usize>,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        severity: Severity,
        rule: &'static str,
        path: Option<&str>,
        message: impl Into<String>,
    ) {
        let count = self.counts.entry((rule, severity)).or_default();
        *count += 1;
        if *count <= MAX_OF_A_RULE {
            self.kept.push(Finding {
                severity,
                rule,
                path: path.map(str::to_owned),
                message: message.into(),
            });
        }
    }

    pub(super) fn error(
        &mut self,
        rule: &'static str,
        path: Option<&str>,
        message: impl Into<String>,
    ) {
        self.add(Severity::Error, rule, path, message);
    }

    pub(super) fn warning(
        &mut self,
        rule: &'static str,
        path: Option<&str>,
        message: impl Into<String>,
    ) {
        self.add(Severity::Warning, rule, path, message);
    }

    pub(super) fn info(
        &mut self,
        rule: &'static str,
        path: Option<&str>,
        message: impl Into<String>,
    ) {
        self.add(Severity::Info, rule, path, message);
    }

    /// Worst first, those that were not kept counted in one of their own.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        for ((rule, severity), count) in self.counts {
            if count > MAX_OF_A_RULE {
                self.kept.push(Finding {
                    severity,
                    rule,
                    path: None,
                    message: format!("and {} more of this rule", count - MAX_OF_A_RULE),
                });
            }
        }
        self.kept
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.kept
    }
}

/// `text` with everything escaped that would move the cursor, colour the
/// screen or forge a line of our own: control characters, line and paragraph
/// separators, and what changes the direction of writing.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unprintable(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(
            printable("a\x1b[31m\n\r\t\x07\x7f\u{9b}\u{202e}b"),
            "a\\u{1b}[31m\\n\\r\\t\\u{7}\\u{7f}\\u{9b}\\u{202e}b"
        );
        for plain in ["/etc/config/x", "Grüße, 日本 ~!\\", ""] {
            assert!(matches!(printable(plain), Cow::Borrowed(same) if same == plain));
        }
        let finding = Finding {
            severity: Severity::Info,
            rule: "x",
            path: Some("a\nerror [y] b".into()),
            message: "c\x1bd".into(),
        };
        assert_eq!(
            finding.to_string(),
            "info [x] a\\nerror [y] b: c\\u{1b}d",
            "one finding is one line"
        );
    }

    #[test]
    fn a_rule_that_finds_very_much_is_cut_short() {
        let mut findings = Findings::default();
        for _ in 0..MAX_OF_A_RULE + 7 {
            findings.info("owner", Some("x"), "y");
        }
        for _ in 0..MAX_OF_A_RULE {
            findings.info("mode", Some("x"), "y");
        }
        findings.error("owner", Some("x"), "y");
        let findings = findings.finish();
        assert_eq!(findings.len(), 2 * MAX_OF_A_RULE + 2);
        assert_eq!(findings[0].severity, Severity::Error);
        let last = &findings[findings.len() - 1];
        assert_eq!(
            (last.rule, last.message.as_str()),
            ("owner", "and 7 more of this rule")
        );
    }
}
