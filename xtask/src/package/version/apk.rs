//! apk's versions: `digits{.digits}{letter}{_suffix{digits}}{~hash}{-rN}`
//! (apk-package(5)), their order, and how a Cargo version becomes one.

use std::cmp::Ordering;

use anyhow::{Result, bail};

/// Suffixes in their order; those before [`RELEASE`] make a version older.
const SUFFIXES: [&str; 10] = [
    "alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p",
];
/// Where the plain version stands among the suffixes.
const RELEASE: usize = 4;

/// One part. The kinds are in the order in which a version may have them, and
/// a version that has gone on further is the older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    First(&'a str),
    Number(&'a str),
    Letter(u8),
    Suffix(usize),
    SuffixNumber(&'a str),
    Hash(&'a str),
    Revision(&'a str),
    End,
    Invalid,
}

impl Part<'_> {
    fn rank(self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
            Self::Invalid => 8,
        }
    }

    /// A pre-release's suffix.
    fn is_before(self) -> bool {
        matches!(self, Self::Suffix(suffix) if suffix < RELEASE)
    }
}

/// The parts of a text, up to its end or the first that is wrong.
struct Parts<'a> {
    rest: &'a str,
    last: Option<Part<'a>>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            rest: text,
            last: None,
        }
    }

    fn next(&mut self) -> Part<'a> {
        let part = self.part().unwrap_or(Part::Invalid);
        self.last = Some(part);
        part
    }

    fn part(&mut self) -> Option<Part<'a>> {
        let Some(last) = self.last else {
            return self.digits().map(Part::First);
        };
        let Some(first) = self.rest.bytes().next() else {
            return Some(Part::End);
        };
        let before = |rank: u8| last.rank() < rank;
        match first {
            b'a'..=b'z' if before(2) => {
                self.rest = &self.rest[1..];
                Some(Part::Letter(first))
            }
            b'.' if before(2) => {
                self.rest = &self.rest[1..];
                self.digits().map(Part::Number)
            }
            b'0'..=b'9' if last.rank() == 3 => self.digits().map(Part::SuffixNumber),
            b'_' if before(5) => {
                let word = self.take(1, |byte| byte.is_ascii_lowercase());
                let known = SUFFIXES.iter().position(|suffix| *suffix == word);
                known.filter(|_| !word.is_empty()).map(Part::Suffix)
            }
            b'~' if before(5) => {
                let hash = self.take(1, |byte| {
                    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
                });
                (!hash.is_empty()).then_some(Part::Hash(hash))
            }
            b'-' if before(6) && self.rest.starts_with("-r") => {
                self.rest = &self.rest[2..];
                self.digits().map(Part::Revision)
            }
            _ => None,
        }
    }

    fn digits(&mut self) -> Option<&'a str> {
        let digits = self.take(0, |byte| byte.is_ascii_digit());
        (!digits.is_empty()).then_some(digits)
    }

    /// Skips `skip` bytes and takes those that `is` wants.
    fn take(&mut self, skip: usize, is: impl Fn(u8) -> bool) -> &'a str {
        let text = &self.rest[skip..];
        let end = text
            .bytes()
            .position(|byte| !is(byte))
            .unwrap_or(text.len());
        let (taken, rest) = text.split_at(end);
        self.rest = rest;
        taken
    }
}

/// True for a version that `apk mkpkg` accepts.
pub fn is_valid(text: &str) -> bool {
    let mut parts = Parts::of(text);
    loop {
        match parts.next() {
            Part::End => return true,
            Part::Invalid => return false,
            _ => {}
        }
    }
}

/// Refuses what apk refuses.
///
/// # Errors
/// The version, with what apk allows.
pub fn check(text: &str) -> Result<()> {
    if !is_valid(text) {
        bail!(
            "{text:?} is no version for apk: digits{{.digits}}, then a letter, _alpha _beta _pre _rc _p …, ~hash and -rN are allowed"
        );
    }
    Ok(())
}

/// Compares two valid versions as apk does; of those that are not valid the
/// parts before the first wrong one count.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Parts::of(a), Parts::of(b));
    loop {
        let (x, y) = (a.next(), b.next());
        let order = match (x, y) {
            (Part::Number(x), Part::Number(y)) if x.starts_with('0') || y.starts_with('0') => {
                x.cmp(y)
            }
            (Part::First(x), Part::First(y))
            | (Part::Number(x), Part::Number(y))
            | (Part::SuffixNumber(x), Part::SuffixNumber(y))
            | (Part::Revision(x), Part::Revision(y)) => number(x).cmp(&number(y)),
            (Part::Letter(x), Part::Letter(y)) => x.cmp(&y),
            (Part::Suffix(x), Part::Suffix(y)) => x.cmp(&y),
            (Part::Hash(x), Part::Hash(y)) => x.cmp(y),
            (Part::End | Part::Invalid, Part::End | Part::Invalid) if x == y => {
                return Ordering::Equal;
            }
            _ if x.is_before() => Ordering::Less,
            _ if y.is_before() => Ordering::Greater,
            _ => y.rank().cmp(&x.rank()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// apk reads numbers into 64 bits and lets them run over.
fn number(digits: &str) -> u64 {
    digits.bytes().fold(0, |number: u64, digit| {
        number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'))
    })
}

/// The version for apk of one that was written for opkg: `1.2.3~rc.1-r1`
/// becomes `1.2.3_rc1-r1`. What apk accepts stays as it is (`~` before hex
/// digits is a commit to apk).
///
/// # Errors
/// A version that has no counterpart in apk.
pub fn from_opkg(text: &str) -> Result<String> {
    if is_valid(text) {
        return Ok(text.to_owned());
    }
    let (version, release) = match text.rsplit_once("-r") {
        Some((version, release)) if is_number(release) => (version, format!("-r{release}")),
        _ => (text, String::new()),
    };
    let translated = from_cargo(&version.replace('~', "-"));
    match translated {
        Ok(version) if is_valid(&format!("{version}{release}")) => Ok(version + &release),
        _ => check(text).map(|()| text.to_owned()),
    }
}

/// The version for apk of a Cargo version: `1.2.3-rc.1` becomes `1.2.3_rc1`.
/// Build metadata goes: it orders nothing (semver.org, 10).
///
/// # Errors
/// A pre-release that apk has no suffix for.
pub fn from_cargo(text: &str) -> Result<String> {
    let version = text.split('+').next().unwrap_or(text);
    let translated = match version.split_once('-') {
        None => version.to_owned(),
        Some((base, pre)) => {
            let end = pre.find(|c: char| !c.is_ascii_lowercase());
            let (word, number) = pre.split_at(end.unwrap_or(pre.len()));
            let is_before = SUFFIXES[..RELEASE].contains(&word);
            let number = number.strip_prefix('.').unwrap_or(number);
            if !is_before || !(number.is_empty() || is_number(number)) {
                bail!(
                    "{text:?} is no version for apk: of pre-releases it knows -alpha.N, -beta.N, -pre.N and -rc.N"
                );
            }
            format!("{base}_{word}{number}")
        }
    };
    check(&translated)?;
    Ok(translated)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translation() {
        for (text, expected) in [
            ("1.2.3-r1", "1.2.3-r1"),
            ("1.2.3-rc1-r1", "1.2.3_rc1-r1"),
            ("1.2.3~rc.1-r2", "1.2.3_rc1-r2"),
            ("1.2.3~alpha.2", "1.2.3_alpha2"),
            ("1.2.3-beta", "1.2.3_beta"),
            ("1.2.3+git5-r1", "1.2.3-r1"),
            ("1.2.3~rc1+x-r1", "1.2.3_rc1-r1"),
            ("2024.01.02~0a1b2c3d-r4", "2024.01.02~0a1b2c3d-r4"),
        ] {
            assert_eq!(from_opkg(text).unwrap(), expected);
        }
        for wrong in ["v1.0", "1.2.3-dev", "1.2.3~rc.1.2", "1:1", "", "1-ra"] {
            let error = from_opkg(wrong).unwrap_err().to_string();
            assert!(error.contains("no version for apk"), "{error}");
        }
        assert_eq!(from_cargo("1.2.3-rc.1+b").unwrap(), "1.2.3_rc1");
        // A commit and a release number where they stand, and no pre-releases.
        for wrong in ["1.2.3-a1", "1.2.3-r1", "1.2.3-p1"] {
            assert!(from_cargo(wrong).is_err(), "{wrong}");
        }
    }
}
