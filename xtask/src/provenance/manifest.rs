//! What a crate's Cargo.toml says of it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::util::fs;

/// Fields of a crate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// A licence expression.
    pub license: Option<String>,
    /// The file that says it instead.
    pub license_file: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Where its source is.
    pub repository: Option<String>,
    /// What it is, on one line.
    pub description: Option<String>,
    /// Names of the crates that its normal dependencies are, on any target.
    pub depends: BTreeSet<String>,
}

impl Manifest {
    /// Reads a Cargo.toml; fields that it takes from its workspace are there too.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let table = parse(path)?;
        let empty = Table::new();
        let package = table
            .get("package")
            .and_then(Value::as_table)
            .unwrap_or(&empty);
        let from_workspace = package.values().any(is_inherited);
        let shared = match from_workspace {
            true => workspace(path)?,
            false => Table::new(),
        };
        let field = |name: &str| match package.get(name) {
            Some(value) if is_inherited(value) => shared.get(name),
            value => value,
        };
        let text = |name: &str| Some(field(name)?.as_str()?.trim().to_owned());
        let authors = field("authors").and_then(Value::as_array);
        let authors = authors.into_iter().flatten().filter_map(Value::as_str);
        Ok(Self {
            license: text("license").filter(|text| !text.is_empty()),
            license_file: text("license-file"),
            authors: authors.map(str::to_owned).collect(),
            repository: text("repository").or_else(|| text("homepage")),
            description: text("description")
                .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
            depends: depends(&table),
        })
    }
}

fn parse(path: &Path) -> Result<Table> {
    let text = fs::read_text(path)?;
    text.parse()
        .with_context(|| format!("read {}", path.display()))
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// `[workspace.package]` of the nearest workspace above.
fn workspace(manifest: &Path) -> Result<Table> {
    for dir in manifest.ancestors().skip(1) {
        let file = dir.join("Cargo.toml");
        if !file.is_file() {
            continue;
        }
        if let Some(workspace) = parse(&file)?.get("workspace") {
            let package = workspace.get("package").and_then(Value::as_table);
            return Ok(package.cloned().unwrap_or_default());
        }
    }
    Ok(Table::new())
}

fn depends(table: &Table) -> BTreeSet<String> {
    let targets = table.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let places = targets.filter_map(Value::as_table).chain([table]);
    let lists = places.filter_map(|place| place.get("dependencies")?.as_table());
    lists
        .flatten()
        .map(|(name, value)| {
            let renamed = value.get("package").and_then(Value::as_str);
            renamed.unwrap_or(name).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_from_the_workspace_too() {
        let dir = tempfile::tempdir().unwrap();
        let root = "[workspace]\nmembers = ['a']\n[workspace.package]\nlicense = 'MIT'\nauthors = ['A', 'B']\n";
        std::fs::write(dir.path().join("Cargo.toml"), root).unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        let file = dir.path().join("a/Cargo.toml");
        let text = "[package]\nname = 'a'\nlicense.workspace = true\nauthors = { workspace = true }\n\
                    description = \"\"\"\ntwo\n lines\"\"\"\n[dependencies]\nb = '1'\nc = { package = 'd' }\n\
                    [target.'cfg(unix)'.dependencies]\ne = '1'\n[dev-dependencies]\nf = '1'\n";
        std::fs::write(&file, text).unwrap();
        let manifest = Manifest::read(&file).unwrap();
        assert_eq!(manifest.license.as_deref(), Some("MIT"));
        assert_eq!(manifest.authors, ["A", "B"]);
        assert_eq!(manifest.description.as_deref(), Some("two lines"));
        let depends: Vec<_> = manifest.depends.iter().map(String::as_str).collect();
        assert_eq!(depends, ["b", "d", "e"]);
    }
}
