//! Finds a value in the text that it was read from.

use std::borrow::Cow;

use super::{Path, Position, Step};

/// Where the value at `path` begins in the JSON document `text`; where its
/// nearest parent begins, if the document does not have it.
pub fn locate(text: &str, path: &Path) -> Position {
    Position::of(text, Walker { text, at: 0 }.walk(&path.0).value)
}

/// Where the key of the value at `path` stands; else as [`locate`].
pub fn locate_key(text: &str, path: &Path) -> Position {
    let found = Walker { text, at: 0 }.walk(&path.0);
    Position::of(text, found.key.unwrap_or(found.value))
}

/// Byte offsets of a value and, inside an object, of its key.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) key: Option<usize>,
    pub(super) value: usize,
}

/// Walks a text that was JSON at least up to what is looked for. Anything
/// unexpected ends the walk at the last value that was found.
pub(super) struct Walker<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Walker<'a> {
    fn walk(mut self, steps: &[Step]) -> Found {
        self.skip_space();
        let mut found = Found {
            key: None,
            value: self.at,
        };
        for step in steps {
            match self.enter(step) {
                Some(inner) => found = inner,
                None => break,
            }
        }
        found
    }

    /// Goes from the beginning of a value to the beginning of a value in it.
    pub(super) fn enter(&mut self, step: &Step) -> Option<Found> {
        match step {
            Step::Index(wanted) => {
                self.expect(b'[')?;
                for _ in 0..*wanted {
                    self.skip_value()?;
                    self.expect(b',')?;
                }
                self.skip_space();
                (self.peek()? != b']').then_some(Found {
                    key: None,
                    value: self.at,
                })
            }
            Step::Key(wanted) => {
                self.expect(b'{')?;
                loop {
                    self.skip_space();
                    let key = self.at;
                    let name = self.string()?;
                    self.expect(b':')?;
                    self.skip_space();
                    if name == *wanted {
                        return Some(Found {
                            key: Some(key),
                            value: self.at,
                        });
                    }
                    self.skip_value()?;
                    self.expect(b',')?;
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads a string with its quotes.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let raw = self.text.get(start..self.at)?;
        match raw.contains('\\') {
            true => serde_json::from_str(raw).ok().map(Cow::Owned),
            false => Some(Cow::Borrowed(&raw[1..raw.len() - 1])),
        }
    }

    /// Skips one value of any kind. Counts brackets instead of recursing, so
    /// that deep nesting costs no stack.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            self.skip_space();
            match self.peek()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ => self.skip_word()?,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Skips a number or a literal.
    fn skip_word(&mut self) -> Option<()> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}
