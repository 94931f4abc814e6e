//! Value types of the package table that read as a recipe writes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// A list: `"a b c"` as in a recipe, or `["a", "b", "c"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WordsForm")]
pub struct Words(pub Vec<String>);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string of words or a list of strings"
)]
enum WordsForm {
    Text(String),
    List(Vec<String>),
}

impl From<WordsForm> for Words {
    fn from(form: WordsForm) -> Self {
        Self(match form {
            WordsForm::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
            WordsForm::List(list) => list,
        })
    }
}

/// A list separated by commas, kept as written: `"foo (>=1.0), bar"`, or
/// `["foo (>=1.0)", "bar"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "CommasForm")]
pub struct Commas(pub String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
enum CommasForm {
    Text(String),
    List(Vec<String>),
}

impl From<CommasForm> for Commas {
    fn from(form: CommasForm) -> Self {
        Self(match form {
            CommasForm::Text(text) => text,
            CommasForm::List(list) => list.join(", "),
        })
    }
}

/// A value that a recipe writes as text: `"1"` or `1`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "ScalarForm")]
pub struct Scalar(pub String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or a whole number")]
enum ScalarForm {
    Text(String),
    Number(i64),
}

impl From<ScalarForm> for Scalar {
    fn from(form: ScalarForm) -> Self {
        Self(match form {
            ScalarForm::Text(text) => text,
            ScalarForm::Number(number) => number.to_string(),
        })
    }
}

/// A script: its text, or `{ file = "PATH" }` beside the table's own file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a script's text or { file = \"PATH\" }"
)]
pub enum Script {
    /// The text itself.
    Text(String),
    /// A file that holds it.
    File(ScriptFile),
}

/// `{ file = "PATH" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptFile {
    /// Relative to the folder of the file that names it.
    pub file: PathBuf,
}

impl Script {
    /// The script's text.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, base: &Path) -> Result<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(ScriptFile { file }) => {
                let file = base.join(file);
                fs::read_to_string(&file).with_context(|| format!("read script {}", file.display()))
            }
        }
    }
}

/// Permission bits, written in octal as a string: `"0755"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(pub u32);

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        u32::from_str_radix(&text, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777)
            .map(Self)
            .ok_or_else(|| format!("mode {text:?} is not octal (such as \"0755\")"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Values {
        words: Words,
        commas: Commas,
        scalar: Scalar,
        mode: Mode,
        script: Script,
    }

    fn values(text: &str) -> Result<Values, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn every_spelling_of_a_value() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("s"), "echo\n").unwrap();
        let words = values(
            "words = ' a  b\\n'\ncommas = 'a (>= 1), b'\nscalar = 1\nmode = '0755'\nscript = 'echo\\n'",
        );
        let lists = values(
            "words = ['a', 'b\\n']\ncommas = ['a (>= 1)', 'b']\nscalar = '1'\nmode = '4755'\nscript = { file = 's' }",
        );
        let (words, lists) = (words.unwrap(), lists.unwrap());
        assert_eq!(words.words.0, ["a", "b\\n"]);
        assert_eq!(words.words, lists.words);
        assert_eq!(words.commas.0, "a (>= 1), b");
        assert_eq!(words.commas, lists.commas);
        assert_eq!(words.scalar, lists.scalar);
        assert_eq!((words.mode.0, lists.mode.0), (0o755, 0o4755));
        assert_eq!(words.script.read(dir.path()).unwrap(), "echo\\n");
        assert_eq!(lists.script.read(dir.path()).unwrap(), "echo\n");
    }

    #[test]
    fn modes_are_octal_and_bounded() {
        for mode in ["0855", "10000", "u+s", ""] {
            let error = Mode::try_from(mode.to_owned()).unwrap_err();
            assert!(error.contains("is not octal"), "{error}");
        }
    }
}
