//! Every crate that Cargo.lock can bring, for any target and purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::Findings;
use super::deny::{Level, Policy};
use crate::provenance::expression::Expression;
use crate::provenance::lock::is_crates_io;

/// A crate as `cargo metadata` has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    license: Option<String>,
    /// Where it comes from; none for folders.
    pub source: Option<String>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<String>,
}

impl Package {
    /// As findings name it.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// True for cargo's own registry.
    pub fn is_published(&self) -> bool {
        self.source.as_deref().is_some_and(is_crates_io)
    }
}

/// Asks cargo, which changes nothing.
///
/// # Errors
/// A Cargo.lock that is not up to date; crates that cannot be had.
pub fn packages(root: &Path, policy: &Policy) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(root);
    if policy.graph.all_features {
        command.arg("--all-features");
    }
    let output = command.output().context("run cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let mut metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("read the answer of cargo metadata")?;
    metadata
        .packages
        .sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(metadata.packages)
}

/// What the rules say of them.
pub fn check(packages: &[Package], policy: &Policy, findings: &mut Findings) {
    licenses(packages, policy, findings);
    bans(packages, policy, findings);
    sources(packages, policy, findings);
}

fn licenses(packages: &[Package], policy: &Policy, findings: &mut Findings) {
    let rules = &policy.licenses;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for package in packages {
        let clarified = rules.clarify.iter().find(|one| one.name == package.name);
        let text = clarified
            .map(|one| &one.expression)
            .or(package.license.as_ref());
        let Some(text) = text else {
            let message =
                "names no licence: ask its authors, then add a [[licenses.clarify]] to deny.toml";
            findings.add(Level::Deny, "licenses", package.title(), message.to_owned());
            continue;
        };
        let expression = match Expression::parse(text) {
            Ok(expression) => expression,
            Err(error) => {
                findings.add(Level::Deny, "licenses", package.title(), error.to_string());
                continue;
            }
        };
        let excepted = rules
            .exceptions
            .iter()
            .filter(|one| one.name == package.name);
        let excepted: Vec<&String> = excepted.flat_map(|one| &one.allow).collect();
        let allowed = |name: &str| {
            rules
                .allow
                .iter()
                .chain(excepted.iter().copied())
                .any(|one| one == name)
        };
        seen.extend(expression.licences().into_iter().map(str::to_owned));
        if !expression.is_satisfied(&allowed) {
            let message = format!(
                "its licence is {}, which deny.toml does not allow",
                expression.spdx()
            );
            findings.add(Level::Deny, "licenses", package.title(), message);
        }
    }
    for unused in rules.allow.iter().filter(|name| !seen.contains(*name)) {
        let message =
            format!("no crate has the licence {unused} any more: take it out of deny.toml");
        findings.add(Level::Warn, "licenses", String::new(), message);
    }
}

fn bans(packages: &[Package], policy: &Policy, findings: &mut Findings) {
    let rules = &policy.bans;
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .push(&package.version);
        if let Some(banned) = rules.deny.iter().find(|one| one.name == package.name) {
            let why = banned.reason.as_deref().map(|why| format!(": {why}"));
            let message = format!("deny.toml bans it{}", why.unwrap_or_default());
            findings.add(Level::Deny, "bans", package.title(), message);
        }
        let any = package
            .dependencies
            .iter()
            .filter(|one| one.req == "*" && one.path.is_none());
        for dependency in any.filter(|_| package.source.is_none()) {
            let message = format!("takes any version of {}: name one", dependency.name);
            findings.add(rules.wildcards, "bans", package.title(), message);
        }
    }
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let message = format!(
            "is there in {} versions: {}",
            versions.len(),
            versions.join(", ")
        );
        findings.add(rules.multiple_versions, "bans", (*name).to_owned(), message);
    }
}

fn sources(packages: &[Package], policy: &Policy, findings: &mut Findings) {
    let rules = &policy.sources;
    for package in packages.iter().filter(|one| !one.is_published()) {
        let Some(source) = &package.source else {
            continue;
        };
        let (level, allowed, what) = match source.starts_with("git+") {
            true => (rules.unknown_git, &rules.allow_git, "the repository"),
            false => (
                rules.unknown_registry,
                &rules.allow_registry,
                "the registry",
            ),
        };
        let url = source
            .split_once('+')
            .map_or(source.as_str(), |(_, url)| url);
        let url = url.split(['?', '#']).next().unwrap_or(url);
        if !allowed.iter().any(|one| one == url) {
            let message = format!("comes from {what} {url}, which deny.toml does not name");
            findings.add(level, "sources", package.title(), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(packages: &str, policy: &str) -> Vec<(bool, String)> {
        let packages: Vec<Package> = serde_json::from_str(packages).unwrap();
        let mut findings = Findings::default();
        check(&packages, &toml::from_str(policy).unwrap(), &mut findings);
        let all = findings.0.into_iter();
        all.map(|one| {
            (
                one.error,
                format!("{} {}: {}", one.rule, one.subject, one.message),
            )
        })
        .collect()
    }

    const PACKAGES: &str = r#"[
        {"name": "own", "version": "1.0.0", "license": "MIT", "source": null,
         "dependencies": [{"name": "a", "req": "*", "path": null}]},
        {"name": "a", "version": "1.0.0", "license": "MIT OR GPL-3.0", "source": "registry+https://github.com/rust-lang/crates.io-index"},
        {"name": "a", "version": "2.0.0", "license": "GPL-3.0", "source": "git+https://example.org/a?branch=x#abc"},
        {"name": "b", "version": "1.0.0", "license": null, "source": "registry+https://example.org/index"}
    ]"#;

    #[test]
    fn each_rule_finds_what_it_is_for() {
        let strict = "[licenses]\nallow = ['MIT', 'ISC']\n[bans]\nmultiple-versions = 'deny'\nwildcards = 'deny'\n\
                      deny = [{ crate = 'b', reason = 'no' }]\n[sources]\nunknown-registry = 'deny'\nunknown-git = 'deny'\n";
        let expected = [
            (true, "licenses a 2.0.0: its licence is GPL-3.0, which"),
            (true, "licenses b 1.0.0: names no licence"),
            (false, "licenses : no crate has the licence ISC"),
            (true, "bans own 1.0.0: takes any version of a"),
            (true, "bans b 1.0.0: deny.toml bans it: no"),
            (true, "bans a: is there in 2 versions: 1.0.0, 2.0.0"),
            (
                true,
                "sources a 2.0.0: comes from the repository https://example.org/a, which",
            ),
            (
                true,
                "sources b 1.0.0: comes from the registry https://example.org/index, which",
            ),
        ];
        let found = found(PACKAGES, strict);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for ((error, text), (wanted, begin)) in found.iter().zip(expected) {
            assert!(*error == wanted && text.starts_with(begin), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_not_found() {
        let loose = "[licenses]\nallow = ['MIT']\nexceptions = [{ crate = 'a', allow = ['GPL-3.0'] }]\n\
                     clarify = [{ crate = 'b', expression = 'MIT' }]\n[bans]\nmultiple-versions = 'allow'\n\
                     [sources]\nallow-git = ['https://example.org/a']\nallow-registry = ['https://example.org/index']\n";
        assert_eq!(found(PACKAGES, loose), []);
        assert!(toml::from_str::<Policy>("[licenses]\nalow = []\n").is_err());
    }
}
