//! RustSec's database of known faults, in a copy on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use semver::{Version, VersionReq};
use serde::Deserialize;
use walkdir::WalkDir;

use crate::util::fs;

/// One advisory.
#[derive(Clone, Debug)]
pub struct Advisory {
    /// `RUSTSEC-2024-0001`.
    pub id: String,
    /// The crate.
    pub package: String,
    /// Its title.
    pub title: String,
    /// `unmaintained`, `unsound`, `notice`; none for a vulnerability.
    pub informational: Option<String>,
    /// Versions that are not concerned.
    fine: Vec<VersionReq>,
    /// It was taken back.
    withdrawn: bool,
}

impl Advisory {
    /// True when it is about this version.
    pub fn concerns(&self, name: &str, version: &Version) -> bool {
        !self.withdrawn
            && self.package == name
            && !self.fine.iter().any(|fine| fine.matches(version))
    }
}

/// The front matter (RustSec's advisory-db, README.md).
#[derive(Deserialize)]
struct Front {
    advisory: Head,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    package: String,
    informational: Option<String>,
    withdrawn: Option<toml::Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Versions {
    patched: Vec<String>,
    unaffected: Vec<String>,
}

/// Where cargo-audit and cargo-deny keep their copies.
pub fn usual_places(home: &Path) -> Vec<PathBuf> {
    let mut places = vec![home.join("advisory-db")];
    let others = std::fs::read_dir(home.join("advisory-dbs"));
    places.extend(others.into_iter().flatten().flatten().map(|one| one.path()));
    places.retain(|place| place.join("crates").is_dir());
    places
}

/// Reads every advisory about a crate.
///
/// # Errors
/// A folder that is no database; an advisory that cannot be read.
pub fn read(dir: &Path) -> Result<Vec<Advisory>> {
    let crates = dir.join("crates");
    ensure!(
        crates.is_dir(),
        "{} is no copy of RustSec's advisory-db: it has no folder `crates`",
        dir.display()
    );
    let mut advisories = Vec::new();
    for entry in WalkDir::new(&crates).sort_by_file_name() {
        let entry = entry.with_context(|| format!("list {}", crates.display()))?;
        if entry.path().extension().is_some_and(|end| end == "md") {
            let text = fs::read_text(entry.path())?;
            let advisory = parse(&text);
            advisories.push(advisory.with_context(|| format!("read {}", entry.path().display()))?);
        }
    }
    ensure!(
        !advisories.is_empty(),
        "{} has no advisory",
        crates.display()
    );
    Ok(advisories)
}

fn parse(text: &str) -> Result<Advisory> {
    let rest = text
        .trim_start()
        .strip_prefix("```toml")
        .context("it does not begin with ```toml")?;
    let (front, body) = rest.split_once("\n```").context("its ```toml has no end")?;
    let front: Front = toml::from_str(front).context("read its front matter")?;
    let requirements = front
        .versions
        .patched
        .iter()
        .chain(&front.versions.unaffected);
    let fine = requirements
        .map(|text| VersionReq::parse(text).with_context(|| format!("read the versions {text:?}")));
    let title = body.lines().find_map(|line| line.strip_prefix("# "));
    Ok(Advisory {
        id: front.advisory.id,
        package: front.advisory.package,
        title: title.unwrap_or("no title").trim().to_owned(),
        informational: front.advisory.informational,
        fine: fine.collect::<Result<_>>()?,
        withdrawn: front.advisory.withdrawn.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2020-0001\"\npackage = \"a\"\ndate = \"2020-01-01\"\n\n\
                        [versions]\npatched = [\">= 1.2.3, < 2.0.0\", \">= 2.1.0\"]\nunaffected = [\"< 1.0.0\"]\n```\n\n# It is bad\n\nText.\n";

    #[test]
    fn versions_between_the_fixes_are_concerned() {
        let advisory = parse(TEXT).unwrap();
        let concerned = |version: &str| advisory.concerns("a", &version.parse().unwrap());
        for (version, is) in [
            ("0.9.0", false),
            ("1.0.0", true),
            ("1.2.2", true),
            ("1.2.3", false),
            ("2.0.9", true),
            ("2.1.0", false),
        ] {
            assert_eq!(concerned(version), is, "{version}");
        }
        assert!(!advisory.concerns("b", &Version::new(1, 0, 0)));
        assert_eq!(
            (advisory.title.as_str(), advisory.informational.as_deref()),
            ("It is bad", None)
        );
        let withdrawn = TEXT.replace("date =", "withdrawn = \"2021-01-01\"\ndate =");
        assert!(
            !parse(&withdrawn)
                .unwrap()
                .concerns("a", &Version::new(1, 0, 0))
        );
        for wrong in [
            "",
            "# x",
            "```toml\n[advisory]\n```\n",
            &TEXT.replace(">= 2.1.0", "hello"),
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
