//! The file format of `/etc/config`: OpenWrt's Unified Configuration Interface.
//!
//! ```text
//! config tollgate 'main'            # a section: type and, optionally, name
//!     option port '2121'            # one value
//!     list interface 'br-lan'       # one of several values
//! ```
//!
//! Quoting follows libuci, which follows the shell: text in single quotes is
//! taken as it is, also over several lines; a backslash escapes the next
//! character elsewhere; quoted and unquoted parts that touch are one word. A
//! `#` outside quotes begins a comment, a `;` ends a statement.
//!
//! So does what statements do to each other: a section with a name that was
//! there goes on with that section; an `option` replaces what had its name, and
//! changes nothing when it is empty; a `list` adds to what had its name.

use std::iter::Peekable;
use std::str::Chars;

/// A section with its values in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The type, the first word after `config`.
    pub kind: String,
    /// The name; anonymous sections have none.
    pub name: Option<String>,
    /// The line of `config`.
    pub line: usize,
    /// Options and list items.
    pub entries: Vec<Entry>,
}

/// An `option` or one item of a `list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of the option or of the list.
    pub name: String,
    /// The text without quotes.
    pub value: String,
    /// Whether it was written with `list`.
    pub is_list: bool,
    /// The line on which the statement begins.
    pub line: usize,
}

/// Why a file could not be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    /// The line.
    pub line: usize,
    /// What is wrong there, and what would be right.
    pub message: String,
}

/// Reads a whole file.
///
/// # Errors
/// The first statement that is none.
pub fn parse(text: &str) -> Result<Vec<Section>, Error> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        line: 1,
    };
    let mut file = File::default();
    while let Some((line, words)) = reader.statement()? {
        file.add(line, words)
            .map_err(|message| Error { line, message })?;
    }
    Ok(file.sections)
}

#[derive(Default)]
struct File {
    sections: Vec<Section>,
    /// The section that options go to.
    current: Option<usize>,
}

impl File {
    fn add(&mut self, line: usize, words: Vec<String>) -> Result<(), String> {
        let mut words = words.into_iter();
        let command = words.next().unwrap_or_default();
        match (command.as_str(), words.next(), words.next(), words.next()) {
            // The package is the file's name; a line that repeats it changes nothing.
            ("package", Some(_), None, None) => Ok(()),
            ("config", Some(kind), name, None) => {
                check_name(&kind)?;
                name.as_deref().map_or(Ok(()), check_name)?;
                self.open(kind, name, line);
                Ok(())
            }
            ("option" | "list", Some(name), Some(value), None) => {
                check_name(&name)?;
                let section = self.current.and_then(|at| self.sections.get_mut(at)).ok_or(
                    "an option before the first section; write `config tollgate 'main'` above it",
                )?;
                section.set(Entry {
                    name,
                    value,
                    is_list: command == "list",
                    line,
                });
                Ok(())
            }
            ("option" | "list", _, _, None) => Err(format!("expected `{command} NAME 'VALUE'`")),
            ("option" | "list", ..) => Err(format!(
                "too many words; expected `{command} NAME 'VALUE'`, with quotes around a value that has spaces"
            )),
            ("config", ..) => Err("expected `config TYPE` or `config TYPE 'NAME'`".to_owned()),
            _ => Err(format!(
                "unknown statement `{command}`; expected `config`, `option` or `list`"
            )),
        }
    }

    fn open(&mut self, kind: String, name: Option<String>, line: usize) {
        let same = |section: &Section| section.name.is_some() && section.name == name;
        let known = self.sections.iter().position(same);
        match known {
            Some(at) => self.sections[at].kind = kind,
            None => self.sections.push(Section {
                kind,
                name,
                line,
                entries: Vec::new(),
            }),
        }
        self.current = Some(known.unwrap_or(self.sections.len() - 1));
    }
}

impl Section {
    /// The value of an option; of a list, the first item.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.entries.iter().find(|entry| entry.name == name);
        found.map(|entry| entry.value.as_str())
    }

    fn set(&mut self, entry: Entry) {
        if entry.is_list {
            let same = self.entries.iter_mut();
            same.filter(|known| known.name == entry.name)
                .for_each(|known| known.is_list = true);
        } else if entry.value.is_empty() {
            return;
        } else {
            self.entries.retain(|known| known.name != entry.name);
        }
        self.entries.push(entry);
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    match is_name {
        true => Ok(()),
        false => Err(format!(
            "`{}` is no name; names have letters, digits, `_` and `-`",
            name.escape_default()
        )),
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<char> {
        let next = self.rest.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    /// The next statement that has words, with its line.
    fn statement(&mut self) -> Result<Option<(usize, Vec<String>)>, Error> {
        let mut words = Vec::new();
        let mut line = self.line;
        loop {
            match self.rest.peek() {
                None if words.is_empty() => return Ok(None),
                None => return Ok(Some((line, words))),
                Some('\n' | ';') => {
                    self.take();
                    if !words.is_empty() {
                        return Ok(Some((line, words)));
                    }
                }
                Some('#') => while self.rest.next_if(|&next| next != '\n').is_some() {},
                Some(next) if next.is_ascii_whitespace() => {
                    self.take();
                }
                Some(_) => {
                    if words.is_empty() {
                        line = self.line;
                    }
                    words.push(self.word()?);
                }
            }
        }
    }

    /// One word: quoted and unquoted parts up to white space, `;` or a comment.
    fn word(&mut self) -> Result<String, Error> {
        let mut word = String::new();
        while let Some(&next) = self.rest.peek() {
            match next {
                '\'' | '"' => self.quoted(&mut word)?,
                '#' | ';' => break,
                next if next.is_ascii_whitespace() => break,
                '\\' => {
                    self.take();
                    // A backslash at the end of a line joins it with the next.
                    word.extend(self.take().filter(|&escaped| escaped != '\n'));
                }
                next => {
                    self.take();
                    word.push(next);
                }
            }
        }
        Ok(word)
    }

    fn quoted(&mut self, word: &mut String) -> Result<(), Error> {
        let line = self.line;
        let quote = self.take();
        loop {
            match self.take() {
                None => {
                    let message = "a quote that is never closed".to_owned();
                    return Err(Error { line, message });
                }
                end if end == quote => return Ok(()),
                Some('\\') if quote == Some('"') => {
                    word.extend(self.take().filter(|&escaped| escaped != '\n'));
                }
                Some(inner) => word.push(inner),
            }
        }
    }
}

#[cfg(test)]
mod tests;
