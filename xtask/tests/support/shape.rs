//! The shape of a log's line: what is left of it without the tree's path,
//! hashes, numbers and the values of variables.
#![allow(dead_code)]

use std::collections::BTreeSet;
use std::path::Path;

/// The shapes of all lines of the recorded logs.
pub fn recorded(dir: &Path) -> BTreeSet<String> {
    let mut shapes = BTreeSet::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let text = std::fs::read_to_string(&path).unwrap();
            shapes.extend(text.lines().map(|line| of(line, "/builder")));
        }
    }
    assert!(shapes.len() > 500, "{} shapes", shapes.len());
    shapes
}

/// The shape of a line from the tree at `top`.
pub fn of(line: &str, top: &str) -> String {
    let line = line
        .replace(top, "/builder")
        .replace("/builder-moved", "/builder");
    // The recorded feed lay outside of the tree.
    let line = line.replace("/builder/feeds/tollgate", "/feeds/tollgate");
    let line = without_variables(&line);
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let line = line
        .replace(&host, "HOST")
        .replace("x86_64-unknown-linux-gnu", "HOST");
    let line = without_target(&line);
    let mut shape = String::new();
    for word in line.split_whitespace() {
        if !shape.is_empty() {
            shape.push(' ');
        }
        numbers(word, &mut shape);
    }
    shape
}

/// What make's own words and those of its check for newer files are about: any
/// of the stamps may be.
fn without_target(line: &str) -> String {
    let about = ["No need to rebuild ", "Need to rebuild ", "Target "];
    if let Some(words) = about.into_iter().find(|words| line.starts_with(words)) {
        let rest = line[words.len()..].split_once(' ');
        return format!("{words}P{}", rest.map_or("", |(_, rest)| rest));
    }
    let open = line
        .find(": *** [")
        .and_then(|at| Some(at + line[at..].find(": /")? + 2));
    match open.zip(line.rfind(']')) {
        Some((from, to)) if from < to => format!("{}P{}", &line[..from], &line[to..]),
        _ => line.to_owned(),
    }
}

/// Takes `NAME=value` and `NAME="a value"` away: flags are a target's own.
fn without_variables(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(' ').map_or(rest.len(), |at| at + 1);
        let word = &rest[..end];
        let name = word.split_once('=').map_or("", |(name, _)| name);
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            out += word;
            rest = &rest[end..];
            continue;
        }
        let value = &rest[name.len() + 1..];
        rest = match value
            .strip_prefix('"')
            .and_then(|text| text.split_once('"'))
        {
            Some((_, rest)) => rest,
            None => &rest[end..],
        };
    }
    out
}

/// Hashes become `H`, numbers and versions `N`.
fn numbers(word: &str, out: &mut String) {
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let hash = rest.find(|c| !hex(c)).unwrap_or(rest.len());
        if hash == 32 || hash == 64 {
            out.push('H');
            rest = &rest[hash..];
        } else if first.is_ascii_digit() {
            out.push('N');
            let number = |c: char| c.is_ascii_digit() || c == '.';
            let end = rest.find(|c| !number(c)).unwrap_or(rest.len());
            // A full stop belongs to the sentence.
            let end = rest[..end].trim_end_matches('.').len();
            rest = &rest[end..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
}
