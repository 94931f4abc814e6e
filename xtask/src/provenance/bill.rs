//! What is in a package's binaries: crates, the standard library, the C library.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::expression::Expression;
use super::lock::Lock;
use super::manifest::Manifest;
use crate::compile::Linked;

/// Whose a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The user's own folders.
    Own,
    /// A registry or a repository.
    Crate,
    /// Rust's standard library.
    Std,
    /// What the linker adds.
    Runtime,
}

/// A part of the binaries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its package URL, which names it.
    pub purl: String,
    /// Whose it is.
    pub origin: Origin,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// An SPDX expression; none where only a file says it.
    pub license: Option<String>,
    /// SHA-256 of what a registry gave, in hex.
    pub sha256: Option<String>,
    /// One line.
    pub description: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Where its source is.
    pub repository: Option<String>,
    /// cargo's features.
    pub features: Vec<String>,
    /// Offered to the linker, which takes what is used of it: maybe nothing.
    pub optional: bool,
    /// The purls of what it depends on.
    pub depends: Vec<String>,
    /// The folder that its licence's text is in.
    #[serde(skip)]
    pub dir: PathBuf,
    /// The file that its Cargo.toml names for it.
    #[serde(skip)]
    pub license_file: Option<String>,
}

/// Licences that Cargo.toml does not name, by crate (`[[licenses.clarify]]`).
pub type Clarified = BTreeMap<String, String>;

/// The crates that cargo linked.
///
/// # Errors
/// A crate of others whose licence is not known, by its name.
pub fn crates(linked: &[Linked], lock: &Lock, clarified: &Clarified) -> Result<Vec<Component>> {
    let mut components: Vec<Component> = Vec::new();
    let mut wanted = Vec::new();
    for one in linked {
        let manifest = Manifest::read(&one.manifest)?;
        let locked = lock.find(&one.name, &one.version);
        let license = license(one, &manifest, clarified)?;
        let purl = locked.map_or_else(
            || format!("pkg:cargo/{}@{}", one.name, one.version),
            |locked| locked.purl(),
        );
        // One crate can be there with two sets of features.
        if let Some(known) = components.iter_mut().find(|known| known.purl == purl) {
            known.features.extend(one.features.iter().cloned());
            known.features.sort();
            known.features.dedup();
            continue;
        }
        let depends: Vec<String> = locked
            .map(|locked| lock.depends(locked))
            .into_iter()
            .flatten()
            .filter(|dependency| manifest.depends.contains(&dependency.name))
            .map(|dependency| dependency.purl())
            .collect();
        wanted.push(depends);
        components.push(Component {
            purl,
            origin: match one.is_path {
                true => Origin::Own,
                false => Origin::Crate,
            },
            name: one.name.clone(),
            version: one.version.clone(),
            license,
            sha256: locked.and_then(|locked| locked.checksum.clone()),
            description: manifest.description,
            authors: manifest.authors,
            repository: manifest.repository,
            features: one.features.clone(),
            optional: false,
            depends: Vec::new(),
            dir: one.manifest.parent().unwrap_or(Path::new("")).to_owned(),
            license_file: manifest.license_file,
        });
    }
    let there: Vec<String> = components.iter().map(|one| one.purl.clone()).collect();
    for (component, mut depends) in components.iter_mut().zip(wanted) {
        depends.retain(|purl| there.contains(purl));
        depends.sort();
        depends.dedup();
        component.depends = depends;
    }
    Ok(components)
}

fn license(one: &Linked, manifest: &Manifest, clarified: &Clarified) -> Result<Option<String>> {
    let text = clarified.get(&one.name).or(manifest.license.as_ref());
    match text {
        Some(text) => {
            let read = Expression::parse(text)
                .with_context(|| format!("read the licence of {} {}", one.name, one.version))?;
            Ok(Some(read.spdx()))
        }
        None if one.is_path || manifest.license_file.is_some() => Ok(None),
        None => anyhow::bail!(
            "the licence of {} {} is not known: its Cargo.toml has neither `license` nor \
             `license-file`. Ask its authors, then name it in deny.toml: \
             [[licenses.clarify]] with crate = {:?} and expression = \"…\"",
            one.name,
            one.version,
            one.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(dir: &Path, name: &str, manifest: &str, is_path: bool) -> Linked {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("Cargo.toml"), manifest).unwrap();
        Linked {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            is_path,
            features: Vec::new(),
            manifest: dir.join("Cargo.toml"),
        }
    }

    #[test]
    fn only_normal_dependencies_that_are_linked_are_edges() {
        let dir = tempfile::tempdir().unwrap();
        let a = "[package]\nname = 'a'\nlicense = 'MIT'\n[dependencies]\nb = '1'\nd = '1'\n[dev-dependencies]\nc = '1'\n";
        let other = "[package]\nname = 'b'\nlicense = 'MIT/Apache-2.0'\n";
        let lock = "[[package]]\nname = 'a'\nversion = '1.0.0'\ndependencies = ['b', 'c', 'd']\n\
                    [[package]]\nname = 'b'\nversion = '1.0.0'\nchecksum = 'bb'\n\
                    [[package]]\nname = 'c'\nversion = '1.0.0'\n[[package]]\nname = 'd'\nversion = '1.0.0'\n";
        let all = [
            linked(dir.path(), "a", a, true),
            linked(dir.path(), "b", other, false),
            linked(dir.path(), "c", other, false),
        ];
        let found = crates(&all, &Lock::parse(lock).unwrap(), &Clarified::new()).unwrap();
        assert_eq!(found[0].depends, ["pkg:cargo/b@1.0.0"]);
        assert_eq!(found[1].license.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(found[1].sha256.as_deref(), Some("bb"));
    }

    #[test]
    fn a_licence_that_nobody_knows_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let bare = "[package]\nname = 'x'\n";
        let theirs = [linked(dir.path(), "x", bare, false)];
        let lock = Lock::default();
        let error = crates(&theirs, &lock, &Clarified::new()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("licence of x 1.0.0") && text.contains("deny.toml"),
            "{text}"
        );
        let clarified = Clarified::from([("x".to_owned(), "ISC".to_owned())]);
        let found = crates(&theirs, &lock, &clarified).unwrap();
        assert_eq!(found[0].license.as_deref(), Some("ISC"));
        let ours = [linked(dir.path(), "x", bare, true)];
        assert_eq!(
            crates(&ours, &lock, &Clarified::new()).unwrap()[0].license,
            None
        );
    }
}
