//! What commands there are: the one place that says so.
//!
//! Parsing ([`parse`]), `--help` ([`help`]), the manual page ([`manual`]) and
//! the shells' completions ([`shell`]) are all made of [`COMMANDS`].

pub mod commands;
pub mod help;
pub mod manual;
pub mod options;
pub mod parse;
pub mod shell;

use std::process::ExitCode;

pub use commands::COMMANDS;
pub use parse::Parsed;

/// A command, or a group of them.
#[derive(Debug)]
pub struct Command {
    /// Its words, such as `wallet send`; none for the program itself.
    pub name: &'static str,
    /// What follows them, such as `AMOUNT [MINT]`: `[]` is optional, `...` may
    /// be repeated.
    pub args: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// All that is to be said about it: paragraphs, parted by `\n`.
    pub about: &'static str,
    /// Its options, beside `--help`.
    pub options: &'static [Opt],
    /// Command lines to begin with, each with what it is for.
    pub examples: &'static [(&'static str, &'static str)],
    /// Who carries it out.
    pub runs: Runs,
}

/// Who carries a command out.
#[derive(Debug, Clone, Copy)]
pub enum Runs {
    /// Nobody: it has commands of its own.
    Group,
    /// This process. An error is one of usage.
    Here(fn(&Parsed) -> Result<ExitCode, lexopt::Error>),
    /// The running daemon, which is asked over its socket.
    Daemon,
}

/// An option of a command.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// The name behind the two dashes.
    pub long: &'static str,
    /// What its value is called, if it has one.
    pub value: Option<&'static str>,
    /// What it does: a sentence or two.
    pub help: &'static str,
    /// What its value can be, for completions.
    pub hint: Hint,
}

/// What the value of an option can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Anything, or nothing.
    None,
    /// A directory.
    Directory,
    /// One of a few words.
    Words(&'static [&'static str]),
}

impl Command {
    /// The command with these words.
    pub fn find(name: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| command.name == name)
    }

    /// The last of its words.
    pub fn word(&self) -> &'static str {
        self.name.rsplit(' ').next().unwrap_or_default()
    }

    /// The commands of this group, in the table's order.
    pub fn children(&self) -> impl Iterator<Item = &'static Self> {
        let parent = self.name;
        COMMANDS.iter().filter(move |command| {
            !command.name.is_empty()
                && command.name.rsplit_once(' ').map_or("", |(above, _)| above) == parent
        })
    }

    /// The program's name and the command's words.
    pub fn full_name(&self) -> String {
        match self.name {
            "" => "tollgate-wrt".to_owned(),
            name => format!("tollgate-wrt {name}"),
        }
    }

    /// How it is written, without the program's name.
    pub fn usage(&self) -> String {
        [self.name, self.args]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Fewest and most words behind the command's own.
    fn arity(&self) -> (usize, usize) {
        let words = self.args.split_whitespace();
        let least = words.clone().take_while(|word| !word.starts_with('['));
        match self.args.contains("...") {
            true => (least.count(), usize::MAX),
            false => (least.count(), words.count()),
        }
    }
}

impl Opt {
    /// Its letter, if it has one.
    pub fn short(&self) -> Option<char> {
        let (_, letter) = options::LETTERS
            .iter()
            .find(|(long, _)| *long == self.long)?;
        Some(*letter)
    }

    /// How it is written: `-n, --lines COUNT`.
    pub fn usage(&self) -> String {
        let short = self.short().map(|letter| format!("-{letter}, "));
        let value = self.value.map(|value| format!(" {value}"));
        format!(
            "{}--{}{}",
            short.unwrap_or_default(),
            self.long,
            value.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests;
