//! `deny.toml`, as far as this tool checks it, in cargo-deny's format
//! (embarkstudios.github.io/cargo-deny). A key that it does not know is an error:
//! nobody is to believe that it is checked.

use serde::Deserialize;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// Which crates are looked at.
    pub graph: Graph,
    /// Known faults.
    pub advisories: Advisories,
    /// Licences.
    pub licenses: Licenses,
    /// Crates.
    pub bans: Bans,
    /// Where crates come from.
    pub sources: Sources,
}

/// `[graph]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Graph {
    /// With every feature of the workspace's crates.
    pub all_features: bool,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is not looked for.
    Allow,
    /// It is said.
    Warn,
    /// The check fails.
    Deny,
}

/// `[advisories]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Advisories {
    /// Ids that do not concern the project.
    pub ignore: Vec<String>,
    /// Versions that their authors took back.
    pub yanked: Level,
}

impl Default for Advisories {
    fn default() -> Self {
        Self {
            ignore: Vec::new(),
            yanked: Level::Warn,
        }
    }
}

/// `[licenses]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Licenses {
    /// Licences that any crate may have.
    pub allow: Vec<String>,
    /// Licences that one crate may have.
    pub exceptions: Vec<Exception>,
    /// Expressions for crates that name none, or a wrong one.
    pub clarify: Vec<Clarify>,
}

/// `[[licenses.exceptions]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// What it may have besides.
    pub allow: Vec<String>,
}

/// `[[licenses.clarify]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Clarify {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// Its licence.
    pub expression: String,
    /// cargo-deny's hashes of the files that say so; not compared here.
    #[serde(default)]
    pub license_files: Vec<toml::Value>,
}

/// `[bans]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bans {
    /// Two versions of one crate.
    pub multiple_versions: Level,
    /// `*` as a version.
    pub wildcards: Level,
    /// Crates that may not be there.
    pub deny: Vec<Banned>,
}

impl Default for Bans {
    fn default() -> Self {
        Self {
            multiple_versions: Level::Warn,
            wildcards: Level::Allow,
            deny: Vec::new(),
        }
    }
}

/// One of `bans.deny`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banned {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// Why.
    pub reason: Option<String>,
}

/// `[sources]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sources {
    /// A registry that is not allowed.
    pub unknown_registry: Level,
    /// A repository that is not allowed.
    pub unknown_git: Level,
    /// Registries besides cargo's own.
    pub allow_registry: Vec<String>,
    /// Repositories.
    pub allow_git: Vec<String>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            unknown_registry: Level::Warn,
            unknown_git: Level::Warn,
            allow_registry: Vec::new(),
            allow_git: Vec::new(),
        }
    }
}
