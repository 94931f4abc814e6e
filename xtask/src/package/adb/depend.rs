//! Dependencies as apk writes them: `name`, `name>=1.0-r2`, `!name`.

use anyhow::{Context, Result, bail, ensure};

use super::read::Object;
use super::schema::dependency;
use super::value::Value;
use super::write::Writer;
use crate::package::version::apk as version;

/// The bits of `match`.
const EQUAL: u64 = 1;
const LESS: u64 = 2;
const GREATER: u64 = 4;
const FUZZY: u64 = 8;
const CONFLICT: u64 = 16;

/// A name and what its version has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Package name, or that of something provided.
    pub name: String,
    /// The version that it is compared with; empty for any.
    pub version: String,
    /// How: the bits `=` 1, `<` 2, `>` 4, `~` 8, and `!` 16.
    pub op: u64,
}

impl Dependency {
    /// Reads `[!]name[op version]`.
    ///
    /// # Errors
    /// A name, an operator or a version that `apk mkpkg` refuses.
    pub fn parse(text: &str) -> Result<Self> {
        let (conflict, rest) = match text.strip_prefix('!') {
            Some(rest) => (CONFLICT, rest),
            None => (0, text),
        };
        let is_operator = |c: char| "<>=~".contains(c);
        let (name, rest) = rest.split_at(rest.find(is_operator).unwrap_or(rest.len()));
        let (operator, version) =
            rest.split_at(rest.find(|c| !is_operator(c)).unwrap_or(rest.len()));
        let is_name = |c: char| c.is_ascii_alphanumeric() || "+-._,:/[]".contains(c);
        ensure!(
            !name.is_empty() && name.chars().all(is_name),
            "{text:?} is no dependency that apk reads: its name has to be of letters, digits and +-._"
        );
        if operator.is_empty() {
            return Ok(Self {
                name: name.to_owned(),
                version: String::new(),
                op: conflict,
            });
        }
        version::check(version).with_context(|| format!("the dependency {text:?}"))?;
        let bits = operator.chars().fold(0, |bits, c| {
            bits | match c {
                '<' => LESS,
                '>' => GREATER,
                '~' => FUZZY | EQUAL,
                _ => EQUAL,
            }
        });
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
            op: bits | conflict,
        })
    }

    fn write(&self, writer: &mut Writer) -> Value {
        let name = writer.blob(self.name.as_bytes());
        let version = writer.blob(self.version.as_bytes());
        let op = match self.op {
            EQUAL | 0 => Value::NULL,
            op => writer.int(op),
        };
        writer.object(&[name, version, op])
    }

    /// Reads it from a package.
    ///
    /// # Errors
    /// Values of other types, and one without a name.
    pub fn read(object: Object<'_>) -> Result<Self> {
        let text = |slot| -> Result<String> {
            Ok(String::from_utf8_lossy(object.blob(slot)?).into_owned())
        };
        let name = text(dependency::NAME)?;
        if name.is_empty() {
            bail!("a dependency without a name");
        }
        Ok(Self {
            name,
            version: text(dependency::VERSION)?,
            op: object.int(dependency::MATCH)?,
        })
    }
}

impl std::fmt::Display for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.op & CONFLICT != 0 {
            f.write_str("!")?;
        }
        f.write_str(&self.name)?;
        if self.version.is_empty() {
            return Ok(());
        }
        let operator = match self.op & !CONFLICT {
            0 | EQUAL => "=",
            LESS => "<",
            GREATER => ">",
            op if op == LESS | EQUAL => "<=",
            op if op == GREATER | EQUAL => ">=",
            op if op & FUZZY != 0 && op & LESS != 0 => "<~",
            op if op & FUZZY != 0 && op & GREATER != 0 => ">~",
            op if op & FUZZY != 0 => "~",
            op if op == LESS | GREATER => "><",
            _ => "?",
        };
        write!(f, "{operator}{}", self.version)
    }
}

/// Writes a list: each in its order, then the list sorted by name, equal ones
/// once.
///
/// # Errors
/// What [`Dependency::parse`] refuses.
pub fn write_list<S: AsRef<str>>(writer: &mut Writer, words: &[S]) -> Result<Value> {
    let mut list = Vec::new();
    for word in words {
        let dependency = Dependency::parse(word.as_ref())?;
        let value = dependency.write(writer);
        list.push((dependency.name, value));
    }
    list.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut values: Vec<Value> = list.into_iter().map(|(_, value)| value).collect();
    values.dedup();
    Ok(writer.object(&values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for text in [
            "libc",
            "a=1",
            "a<1",
            "a>1",
            "a<=1",
            "a>=1.0-r2",
            "a~1.2",
            "!a",
            "!a>1",
            "a><1",
            "so:x",
        ] {
            assert_eq!(Dependency::parse(text).unwrap().to_string(), text);
        }
        for (text, shown) in [
            ("a<<1", "a<1"),
            ("a>>1", "a>1"),
            ("a==1", "a=1"),
            ("a=<1", "a<=1"),
        ] {
            assert_eq!(Dependency::parse(text).unwrap().to_string(), shown);
        }
        for wrong in [
            "",
            "!",
            "a b",
            ">=1",
            "a>=",
            "a=x",
            "ä",
            "a=1.0~rc1",
            "a(=1)",
        ] {
            assert!(Dependency::parse(wrong).is_err(), "{wrong}");
        }
    }
}
