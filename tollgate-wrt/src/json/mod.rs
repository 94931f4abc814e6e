//! JSON with the positions that an error message needs.
//!
//! serde_json says where a file stops being JSON, and serde_path_to_error at
//! which field a value does not fit. Neither says where a field *is* once the
//! file was read, which is what a complaint about a value ("the same mint
//! twice") has to name. [`locate()`] walks the text a second time for that: only
//! when something is wrong, so that no position is stored for what is right.

mod edit;
mod locate;
mod object;
pub mod shape;
mod tree;

use std::fmt;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use edit::{set, value_at};
pub use locate::{locate, locate_key};
pub use object::Object;
use tree::Tree;

/// One step from a JSON value to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array, counted from 0.
    Index(usize),
}

/// The way from the top of a document to one value: `accepted_mints[0].url`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// Reads a path as it is shown: `accepted_mints[0].url`. `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut path = Self::default();
        for part in text.split('.') {
            let (name, rest) = part
                .split_once('[')
                .map_or((part, None), |(n, r)| (n, Some(r)));
            if name.is_empty() {
                return None;
            }
            path = path.key(name);
            for index in rest.into_iter().flat_map(|rest| rest.split('[')) {
                path = path.index(index.strip_suffix(']')?.parse().ok()?);
            }
        }
        Some(path)
    }

    /// The path of the member `key` of the value at this path.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// The path of the element `index` of the array at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The path with every index left out: `accepted_mints[].url`.
    pub fn pattern(&self) -> String {
        self.render(|_| "[]".to_owned())
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    fn render(&self, index: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Step::Index(number) => text.push_str(&index(*number)),
            }
        }
        text
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(|number| format!("[{number}]")))
    }
}

/// A place in a text; line and column count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    fn of(text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + before[start..].chars().count(),
        }
    }
}

/// Why a text could not be read, and where.
#[derive(Debug)]
pub struct Error {
    /// The field, as far as the reader had come. Empty at the top.
    pub path: Path,
    /// Where it stands.
    pub position: Position,
    /// What is wrong. It may quote the value: not for files that hold secrets.
    pub message: String,
    /// Whether the text is JSON at all, so that the fault is in a value.
    pub is_json: bool,
}

/// Reads `text`, a JSON object, as the struct `T`; also gives the paths of keys
/// that `T` does not know. Members for which `is_unset` says so are read as if
/// they were not there.
///
/// First the text has to be JSON, then its values have to fit: a value of the
/// wrong type is never called a mistake in the JSON.
///
/// # Errors
/// The first thing that does not fit.
pub fn parse<T: DeserializeOwned>(
    text: &str,
    is_unset: impl Fn(&Path, &Value) -> bool,
) -> Result<(T, Vec<Path>), Error> {
    let mut track = serde_path_to_error::Track::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let tree = Tree::deserialize(serde_path_to_error::Deserializer::new(
        &mut reader,
        &mut track,
    ))
    .map_err(|error| Error::new(text, &error, tracked_path(&track.path())))?;
    reader
        .end()
        .map_err(|error| Error::new(text, &error, Path::default()))?;

    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let Object(value) = serde_ignored::deserialize(
        serde_path_to_error::Deserializer::new(tree.without(is_unset), &mut track),
        |path| unknown.push(ignored_path(&path)),
    )
    .map_err(|error| Error::new(text, &error, tracked_path(&track.path())))?;
    Ok((value, unknown))
}

impl Error {
    fn new(text: &str, error: &serde_json::Error, path: Path) -> Self {
        let full = error.to_string();
        let message = match full.rfind(" at line ") {
            Some(end) => full[..end].to_owned(),
            None => full,
        };
        // Of these two faults serde gives the object as the place, not the field.
        let field = ["missing field `", "duplicate field `"]
            .iter()
            .find_map(|fault| message.strip_prefix(fault)?.strip_suffix('`'));
        let path = field.map_or(path.clone(), |name| path.key(name));
        let is_json = error.is_data();
        // What was wrong with the text, serde_json counted to; what is wrong
        // with a value has only a path. A key that stands there twice is of the
        // first kind, because a path leads to the first.
        let position = if error.line() == 0 {
            locate(text, &path)
        } else {
            Position {
                line: error.line().max(1),
                column: error.column().max(1),
            }
        };
        Self {
            path,
            position,
            message,
            is_json,
        }
    }
}

fn tracked_path(path: &serde_path_to_error::Path) -> Path {
    use serde_path_to_error::Segment;
    let steps = path.iter().map_while(|segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    Path(steps.collect())
}

fn ignored_path(path: &serde_ignored::Path<'_>) -> Path {
    use serde_ignored::Path as Ignored;
    match path {
        Ignored::Root => Path::default(),
        Ignored::Seq { parent, index } => ignored_path(parent).index(*index),
        Ignored::Map { parent, key } => ignored_path(parent).key(key),
        Ignored::Some { parent }
        | Ignored::NewtypeStruct { parent }
        | Ignored::NewtypeVariant { parent } => ignored_path(parent),
    }
}

#[cfg(test)]
mod tests;
