//! The command line, read by the table.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use super::{Command, Opt, Runs};
use crate::config::fields::closest;

/// A command that was asked for.
#[derive(Debug)]
pub struct Parsed {
    /// Which.
    pub command: &'static Command,
    /// The options, in their order.
    pub options: Vec<(&'static str, OsString)>,
    /// The words behind the command's own.
    pub words: Vec<OsString>,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// The help of a command.
    Help(&'static Command),
    /// The program's version.
    Version,
    /// To carry a command out.
    Run(Parsed),
}

/// Reads the arguments without the program's name.
///
/// # Errors
/// What is wrong with them, and what would be right.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, lexopt::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut command = find("")?;
    let mut options = Vec::new();
    let mut words = Vec::new();
    let mut is_help = false;
    while let Some(argument) = parser.next()? {
        let name = match argument {
            Short('h') | Long("help") => {
                is_help = true;
                continue;
            }
            Short('V') | Long("version") if command.name.is_empty() => {
                return Ok(Request::Version);
            }
            Value(word) if command.name.is_empty() && word == "help" => {
                is_help = true;
                continue;
            }
            Value(word) if matches!(command.runs, Runs::Group) => {
                command = child(command, &word.string()?)?;
                continue;
            }
            Value(word) => {
                words.push(word);
                continue;
            }
            Long(name) => name.to_owned(),
            Short(letter) => {
                let mut options = command.options.iter();
                let found = options.find(|option| option.short() == Some(letter));
                found.ok_or_else(|| argument.unexpected())?.long.to_owned()
            }
        };
        let Some(option) = command.options.iter().find(|opt| opt.long == name) else {
            return Err(unknown(command, &name).into());
        };
        let value = match option.value {
            Some(_) => parser.value()?,
            None => OsString::new(),
        };
        options.push((option.long, value));
    }
    if is_help {
        return Ok(Request::Help(command));
    }
    if matches!(command.runs, Runs::Group) {
        let of = match command.name {
            "" => "a command is missing".to_owned(),
            name => format!("`{name}` needs a command"),
        };
        let all: Vec<_> = command.children().map(Command::word).collect();
        return Err(format!("{of}: {}", all.join(", ")).into());
    }
    // Those that stood before the command's last word.
    if let Some((name, _)) = options.iter().find(|(name, _)| !has(command, name)) {
        return Err(unknown(command, name).into());
    }
    let (least, most) = command.arity();
    if words.len() < least || words.len() > most {
        let what = if words.len() < least {
            "too few"
        } else {
            "too many"
        };
        return Err(format!("{what} words; expected `tollgate-wrt {}`", command.usage()).into());
    }
    Ok(Request::Run(Parsed {
        command,
        options,
        words,
    }))
}

/// The command that the first words name, as far as they name one.
pub fn named(arguments: impl IntoIterator<Item = OsString>) -> &'static str {
    let mut name = "";
    for word in arguments {
        let Some(word) = word.to_str() else { break };
        let longer = format!("{name} {word}");
        match Command::find(longer.trim_start()) {
            Some(command) => name = command.name,
            None => break,
        }
    }
    name
}

fn find(name: &str) -> Result<&'static Command, lexopt::Error> {
    Command::find(name).ok_or_else(|| format!("there is no command `{name}`").into())
}

fn child(group: &'static Command, word: &str) -> Result<&'static Command, lexopt::Error> {
    if let Some(found) = group.children().find(|child| child.word() == word) {
        return Ok(found);
    }
    let name = match group.name {
        "" => word.to_owned(),
        name => format!("{name} {word}"),
    };
    let near = closest(word, group.children().map(Command::word));
    let hint = near.map(|near| format!("; did you mean `{near}`?"));
    Err(format!("there is no command `{name}`{}", hint.unwrap_or_default()).into())
}

fn has(command: &Command, name: &str) -> bool {
    command.options.iter().any(|option| option.long == name)
}

fn unknown(command: &Command, name: &str) -> String {
    let near = closest(name, command.options.iter().map(|option| option.long));
    let hint = near.map(|near| format!("; did you mean --{near}?"));
    let of = match command.name {
        "" => "here".to_owned(),
        name => format!("of `{name}`"),
    };
    format!("--{name} is no option {of}{}", hint.unwrap_or_default())
}

impl Parsed {
    /// Whether an option is there.
    pub fn has(&self, option: &Opt) -> bool {
        self.values(option).next().is_some()
    }

    /// The values of an option, in their order.
    pub fn values(&self, option: &Opt) -> impl Iterator<Item = &OsString> {
        let long = option.long;
        let given = self.options.iter().filter(move |(name, _)| *name == long);
        given.map(|(_, value)| value)
    }

    /// The last value of an option.
    pub fn value(&self, option: &Opt) -> Option<&OsString> {
        self.values(option).last()
    }

    /// Whether the answer is for programs.
    pub fn json(&self) -> bool {
        self.has(&super::options::JSON)
    }

    /// Below which directory the system's files are. It has to be there: else
    /// a daemon would make it, and run on defaults.
    ///
    /// # Errors
    /// It is not there.
    pub fn root(&self) -> Result<PathBuf, lexopt::Error> {
        let Some(root) = self.value(&super::options::ROOT) else {
            return Ok(PathBuf::from("/"));
        };
        let root = PathBuf::from(root);
        match root.is_dir() {
            true => Ok(root),
            false => Err(format!("--root {}: no such directory", root.display()).into()),
        }
    }

    /// The words behind the command's own, as texts.
    ///
    /// # Errors
    /// One of them is no text.
    pub fn texts(&self) -> Result<Vec<String>, lexopt::Error> {
        let words = self.words.iter().cloned();
        words.map(ValueExt::string).collect()
    }
}
