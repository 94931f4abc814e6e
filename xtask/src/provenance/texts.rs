//! The licences' texts, each once: from the crates' own files, and SPDX's text
//! for a crate that ships none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use walkdir::WalkDir;

use super::bill::{Component, Origin};
use super::expression::Expression;
use crate::util::fs;

/// What a licence's file begins with, in any case.
const NAMES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];
/// Ends of source files that are named so.
const CODE: [&str; 6] = [".rs", ".c", ".h", ".py", ".sh", ".toml"];
/// Folders in a crate that its parts' licences are in: `depend/x/COPYING`.
const DEPTH: usize = 4;
/// Longer than any licence: GPL-3.0 has 35 kB.
const MAX_TEXT: u64 = 256 << 10;
/// Standard texts, for crates that ship none.
const STANDARD: [(&str, &str); 2] = [
    ("Apache-2.0", include_str!("texts/Apache-2.0.txt")),
    ("MIT", include_str!("texts/MIT.txt")),
];
const LINE: &str =
    "================================================================================";

/// All texts as one file.
///
/// # Errors
/// A file that cannot be read, or is too long to be a licence.
pub fn collect(components: &[Component]) -> Result<String> {
    let mut texts: Vec<(String, Vec<String>)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut list = String::new();
    for component in components {
        let mut numbers = Vec::new();
        let mut add = |text: String, whence: String| {
            let number = *known.entry(text.clone()).or_insert_with(|| {
                texts.push((text, Vec::new()));
                texts.len()
            });
            texts[number - 1].1.push(whence);
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        };
        let title = format!("{} {}", component.name, component.version);
        let found = files(component)?;
        let ships_none = found.is_empty();
        for (name, text) in found {
            add(text, format!("{title} ({name})"));
        }
        let mut missing = Vec::new();
        if ships_none {
            for id in chosen(component) {
                match STANDARD.iter().find(|(known, _)| *known == id) {
                    Some((_, text)) => {
                        add(normal(text), format!("{title} (SPDX's text of {id})"));
                    }
                    None => missing.push(id),
                }
            }
        }
        list += &line(component, &title, &numbers, ships_none, &missing);
    }
    let mut out = format!(
        "Licences of what is linked into this package's programs. The texts follow\n\
         the list, each once.\n\n{list}"
    );
    for (number, (text, of)) in texts.iter().enumerate() {
        out += &format!(
            "\n{LINE}\nText {}, of {}\n{LINE}\n\n{text}\n",
            number + 1,
            of.join(", ")
        );
    }
    Ok(out)
}

fn line(
    component: &Component,
    title: &str,
    numbers: &[usize],
    ships_none: bool,
    missing: &[String],
) -> String {
    let expression = component.license.as_deref();
    let expression = expression.unwrap_or(match (component.origin, ships_none) {
        (Origin::Own, true) => "names no licence",
        _ => "see its text",
    });
    let mut line = format!("{title}: {expression}");
    if component.optional {
        line += " (maybe not used)";
    }
    if !numbers.is_empty() {
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let word = if numbers.len() == 1 { "text" } else { "texts" };
        line += &format!("; {word} {}", numbers.join(", "));
    }
    if ships_none && component.license.is_some() {
        line += "; ships no text of its own";
        if !component.authors.is_empty() {
            line += &format!(", authors: {}", component.authors.join(", "));
        }
        for id in missing {
            let page = id.split(' ').next().unwrap_or(id);
            line += &format!(", {id}: https://spdx.org/licenses/{page}.html");
        }
    }
    line + "\n"
}

/// The licences that stand for a component which ships no text: of several
/// choices the first whose texts are here.
fn chosen(component: &Component) -> Vec<String> {
    let text = component.license.as_deref().unwrap_or_default();
    let Ok(expression) = Expression::parse(text) else {
        return Vec::new();
    };
    let standard = |id: &str| STANDARD.iter().any(|(known, _)| *known == id);
    let choices = match &expression {
        Expression::Any(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let best = choices.iter().find(|part| part.is_satisfied(&standard));
    let names = best.or(choices.first()).map(Expression::licences);
    names
        .unwrap_or_default()
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// The texts in a component's folder, by file name.
fn files(component: &Component) -> Result<Vec<(String, String)>> {
    if component.dir.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    // A folder of one's own holds what cargo builds, zig's holds everything.
    let depth = match component.origin {
        Origin::Crate => DEPTH,
        _ => 1,
    };
    let mut found = match component.origin {
        Origin::Own => own(&component.dir)?,
        _ => in_folder(&component.dir, depth)?,
    };
    if let Some(name) = &component.license_file {
        if !found.iter().any(|(known, _)| known == name) {
            let path = component.dir.join(name);
            found.push((name.clone(), read(&path)?));
        }
    }
    Ok(found)
}

/// The texts of a crate of one's own, or of the workspace above it.
///
/// # Errors
/// Files that cannot be read.
pub fn own(dir: &Path) -> Result<Vec<(String, String)>> {
    let places = dir.ancestors();
    for place in places.take_while(|place| place.join("Cargo.toml").is_file()) {
        let found = in_folder(place, 1)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

fn in_folder(dir: &Path, depth: usize) -> Result<Vec<(String, String)>> {
    let walk = WalkDir::new(dir).max_depth(depth).sort_by_file_name();
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in walk {
        let entry = entry.with_context(|| format!("look for licences in {}", dir.display()))?;
        if entry.file_type().is_file() && is_licence(&entry.file_name().to_string_lossy()) {
            paths.push(entry.into_path());
        }
    }
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(dir).unwrap_or(&path);
            Ok((name.display().to_string(), read(&path)?))
        })
        .collect()
}

fn is_licence(name: &str) -> bool {
    let name = name.to_lowercase();
    NAMES.iter().any(|begin| name.starts_with(begin)) && !CODE.iter().any(|end| name.ends_with(end))
}

fn read(path: &Path) -> Result<String> {
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    let size = size.with_context(|| format!("read {}", path.display()))?;
    ensure!(
        size <= MAX_TEXT,
        "{} is no licence: it has {size} bytes",
        path.display()
    );
    Ok(normal(&String::from_utf8_lossy(&fs::read(path)?)))
}

/// One text with one kind of line ends, so that equal ones are found.
fn normal(text: &str) -> String {
    let lines = text.trim_start_matches('\u{feff}').lines();
    let lines: Vec<&str> = lines.map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str, license: Option<&str>, dir: &Path) -> Component {
        Component {
            purl: format!("pkg:cargo/{name}@1.0.0"),
            origin: Origin::Crate,
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            sha256: None,
            description: None,
            authors: vec!["An Author".to_owned()],
            repository: None,
            features: Vec::new(),
            optional: false,
            depends: Vec::new(),
            dir: dir.join(name),
            license_file: None,
        }
    }

    #[test]
    fn a_text_stands_once_and_says_whose_it_is() {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("a/LICENSE-MIT", "the text\r\n"),
            ("b/license.txt", "the text\n\n"),
            ("b/depend/c/COPYING", "of a part"),
            ("b/src/license.rs", "code"),
            ("n/src/lib.rs", "code"),
        ] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let of = |name, license| component(name, Some(license), dir.path());
        let all = [
            of("a", "MIT"),
            of("b", "MIT"),
            of("n", "ISC OR MIT"),
            of("n", "0BSD"),
        ];
        let text = collect(&all).unwrap();
        assert_eq!(text.matches("the text\n").count(), 1, "{text}");
        for line in [
            "a 1.0.0: MIT; text 1\n",
            "b 1.0.0: MIT; texts 2, 1\n",
            "Text 1, of a 1.0.0 (LICENSE-MIT), b 1.0.0 (license.txt)\n",
            "Text 2, of b 1.0.0 (depend/c/COPYING)\n",
            "n 1.0.0: ISC OR MIT; text 3; ships no text of its own, authors: An Author\n",
            "0BSD: https://spdx.org/licenses/0BSD.html\n",
            "Permission is hereby granted",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("code"), "{text}");
    }

    #[test]
    fn the_file_that_a_crate_names_is_read_and_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("x")).unwrap();
        let mut named = component("x", None, dir.path());
        named.license_file = Some("TERMS".to_owned());
        assert!(collect(std::slice::from_ref(&named)).is_err());
        std::fs::write(dir.path().join("x/TERMS"), "terms").unwrap();
        let text = collect(&[named]).unwrap();
        assert!(text.contains("x 1.0.0: see its text; text 1\n"), "{text}");
    }
}
