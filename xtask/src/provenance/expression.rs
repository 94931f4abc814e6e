//! Licence expressions (SPDX 2.3, Annex D), as crates write them: also with the
//! `/` that cargo once took for OR.

use anyhow::{Result, bail, ensure};

/// An expression that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A licence, with its exception: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    /// All of them hold.
    All(Vec<Expression>),
    /// One of them is chosen.
    Any(Vec<Expression>),
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is none: with the word that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let mut words: Vec<&str> = spaced.split_whitespace().collect();
        words.reverse();
        ensure!(!words.is_empty(), "a licence expression is empty");
        let expression = any(&mut words, 0)?;
        match words.pop() {
            None => Ok(expression),
            Some(word) => bail!("{text:?} is no licence expression: {word:?} is not expected"),
        }
    }

    /// True when `allowed` licences are enough.
    pub fn is_satisfied(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(name) => allowed(name),
            Self::All(parts) => parts.iter().all(|part| part.is_satisfied(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.is_satisfied(allowed)),
        }
    }

    /// Every licence that is named, in order.
    pub fn licences(&self) -> Vec<&str> {
        match self {
            Self::Licence(name) => vec![name],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::licences).collect(),
        }
    }

    /// The expression as SPDX writes it today.
    pub fn spdx(&self) -> String {
        let join = |parts: &[Self], word: &str| {
            let parts = parts.iter().map(|part| match part {
                Self::Licence(name) => name.clone(),
                other => format!("({})", other.spdx()),
            });
            parts.collect::<Vec<_>>().join(word)
        };
        match self {
            Self::Licence(name) => name.clone(),
            Self::All(parts) => join(parts, " AND "),
            Self::Any(parts) => join(parts, " OR "),
        }
    }
}

/// Deeper than anybody writes, and shallow enough for the stack.
const MAX_DEPTH: usize = 20;

fn any(words: &mut Vec<&str>, depth: usize) -> Result<Expression> {
    list(words, "OR", depth, all, Expression::Any)
}

fn all(words: &mut Vec<&str>, depth: usize) -> Result<Expression> {
    list(words, "AND", depth, one, Expression::All)
}

fn list(
    words: &mut Vec<&str>,
    word: &str,
    depth: usize,
    part: fn(&mut Vec<&str>, usize) -> Result<Expression>,
    join: fn(Vec<Expression>) -> Expression,
) -> Result<Expression> {
    let mut parts = vec![part(words, depth)?];
    while words.last() == Some(&word) {
        words.pop();
        parts.push(part(words, depth)?);
    }
    Ok(match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    })
}

fn one(words: &mut Vec<&str>, depth: usize) -> Result<Expression> {
    ensure!(depth < MAX_DEPTH, "a licence expression is too deep");
    match words.pop() {
        Some("(") => {
            let inner = any(words, depth + 1)?;
            ensure!(words.pop() == Some(")"), "a licence expression lacks a `)`");
            Ok(inner)
        }
        Some(name) if is_name(name) => {
            if words.last() != Some(&"WITH") {
                return Ok(Expression::Licence(name.to_owned()));
            }
            words.pop();
            match words.pop() {
                Some(exception) if is_name(exception) => {
                    Ok(Expression::Licence(format!("{name} WITH {exception}")))
                }
                _ => bail!("a licence expression lacks the exception after WITH"),
            }
        }
        Some(word) => bail!("{word:?} is no licence"),
        None => bail!("a licence expression ends too early"),
    }
}

fn is_name(word: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "-.+:".contains(c);
    !["OR", "AND", "WITH"].contains(&word) && word.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_closer_than_or() {
        let parsed = Expression::parse("(MIT OR Apache-2.0) AND Unicode-3.0").unwrap();
        let allows = |names: &'static [&str]| move |name: &str| names.contains(&name);
        assert!(parsed.is_satisfied(&allows(&["MIT", "Unicode-3.0"])));
        assert!(!parsed.is_satisfied(&allows(&["MIT", "Apache-2.0"])));
        let loose = Expression::parse("MIT OR Apache-2.0 AND ISC").unwrap();
        assert!(loose.is_satisfied(&allows(&["MIT"])));
        assert!(!loose.is_satisfied(&allows(&["Apache-2.0"])));
        assert_eq!(loose.spdx(), "MIT OR (Apache-2.0 AND ISC)");
        let old = Expression::parse("MIT/Apache-2.0").unwrap();
        assert_eq!(old.spdx(), "MIT OR Apache-2.0");
        let with = "Apache-2.0 WITH LLVM-exception";
        assert_eq!(Expression::parse(with).unwrap().licences(), [with]);
    }

    #[test]
    fn what_is_none_is_said() {
        let deep = format!("{}MIT{}", "(".repeat(99), ")".repeat(99));
        for text in [
            "", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT MIT", "A WITH", "M,T", &deep,
        ] {
            assert!(Expression::parse(text).is_err(), "{text:?}");
        }
    }
}
