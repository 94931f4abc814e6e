//! How a package was made, as an in-toto Statement (v1) with SLSA's provenance
//! (v1) in it. It names no host and no folder of the building machine, and no
//! time but that of the sources.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Beside;
use crate::fingerprint::{Inputs, hash_file};
use crate::record::{self, Backend};
use crate::source::Source;
use crate::util::fs;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What the parameters below mean (docs/provenance.md).
const BUILD_TYPE: &str = "urn:tollgate-wrt:xtask:package:v1";
const BUILDER: &str = "urn:tollgate-wrt:xtask";
/// Names of the dependencies that are looked for by name.
const SOURCE: &str = "source";
const LOCK: &str = "Cargo.lock";
const XTASK: &str = "xtask";

/// The statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The package.
    pub subject: Vec<Resource>,
    predicate_type: String,
    /// How it was made.
    pub predicate: Predicate,
}

/// SLSA's provenance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    /// From what.
    pub build_definition: Definition,
    /// By what.
    pub run_details: Run,
}

/// Everything that decides the bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    build_type: String,
    /// What was asked for.
    pub external_parameters: Asked,
    /// What followed from it.
    pub internal_parameters: Followed,
    /// Sources and tools.
    pub resolved_dependencies: Vec<Resource>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The crate, by cargo's name.
    #[serde(rename = "crate")]
    pub crate_name: String,
    /// OpenWrt release.
    pub release: String,
    /// OpenWrt architecture.
    pub arch: String,
    /// What built.
    pub backend: Backend,
    /// Compiler settings: `openwrt` or `openwrt-fast`.
    pub profile: String,
    /// Where the compiler was to come from (`--toolchain`).
    pub toolchain: String,
    /// The workspace in its repository; empty for its root.
    pub workspace: String,
    /// The time that the package's files have.
    pub source_date_epoch: u64,
}

/// What followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// Arguments that set the compiler's profile.
    pub flags: Vec<String>,
    /// What the toolchain's parts (`std`, `zig`; `image`) were made from.
    pub toolchain: BTreeMap<String, Inputs>,
}

/// What built, and what it wrote besides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The build tool.
    pub builder: Builder,
    /// SBOM and licences.
    #[serde(default)]
    pub byproducts: Vec<Resource>,
}

/// The build tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Builder {
    id: String,
    version: BTreeMap<String, String>,
    /// Its own source, where it is not the package's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub builder_dependencies: Vec<Resource>,
}

/// in-toto's ResourceDescriptor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// What it is called.
    pub name: String,
    /// A package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Hashes in hex, by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Whatever else is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

impl Resource {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn digest(mut self, algorithm: &str, value: &str) -> Self {
        self.digest.insert(algorithm.to_owned(), value.to_owned());
        self
    }

    fn note(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.annotations.insert(name.to_owned(), value.into());
        self
    }

    /// True where it is annotated so.
    pub fn is(&self, name: &str) -> bool {
        self.annotations.get(name) == Some(&Value::Bool(true))
    }
}

/// What a statement is made from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The record of the build.
    pub built: &'a record::Built,
    /// Its release and architecture.
    pub place: (&'a str, &'a str),
    /// What built.
    pub backend: Backend,
    /// The package's source.
    pub source: &'a Source,
    /// The workspace in its repository.
    pub workspace: &'a str,
    /// Arguments that set the compiler's profile.
    pub flags: Vec<String>,
    /// SHA-256 of Cargo.lock.
    pub lock: &'a str,
    /// The build tool's source, where it is another repository.
    pub tool: Option<&'a Source>,
}

impl Statement {
    /// What there is to say of a package.
    ///
    /// # Errors
    /// SBOM or licences that cannot be read again.
    pub fn of(facts: &Facts<'_>, beside: &Beside) -> Result<Self> {
        let package = &facts.built.package;
        let mut resolved = vec![
            git(SOURCE, facts.source),
            Resource::new(LOCK).digest("sha256", facts.lock),
        ];
        resolved.extend(tools(&facts.built.inputs));
        let written = [&beside.sbom, &beside.licenses];
        let byproducts = written.into_iter().flatten().map(|path| {
            let hash = hash_file(path).with_context(|| format!("read {}", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Ok(Resource::new(&name).digest("sha256", &hash))
        });
        Ok(Self {
            kind: STATEMENT.to_owned(),
            subject: vec![Resource::new(&package.file).digest("sha256", &package.sha256)],
            predicate_type: PREDICATE.to_owned(),
            predicate: Predicate {
                build_definition: Definition {
                    build_type: BUILD_TYPE.to_owned(),
                    external_parameters: Asked {
                        crate_name: package.crate_name.clone(),
                        release: facts.place.0.to_owned(),
                        arch: facts.place.1.to_owned(),
                        backend: facts.backend,
                        profile: facts.built.profile.clone(),
                        toolchain: facts.built.choice.clone(),
                        workspace: facts.workspace.to_owned(),
                        source_date_epoch: package.epoch,
                    },
                    internal_parameters: Followed {
                        flags: facts.flags.clone(),
                        toolchain: facts.built.inputs.clone(),
                    },
                    resolved_dependencies: resolved,
                },
                run_details: Run {
                    builder: Builder {
                        id: BUILDER.to_owned(),
                        version: BTreeMap::from([(
                            XTASK.to_owned(),
                            env!("CARGO_PKG_VERSION").to_owned(),
                        )]),
                        builder_dependencies: facts
                            .tool
                            .map(|tool| git(XTASK, tool))
                            .into_iter()
                            .collect(),
                    },
                    byproducts: byproducts.collect::<Result<_>>()?,
                },
            },
        })
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// A file that is none, or of another kind of build.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path)?;
        let statement: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no provenance of a package", path.display()))?;
        let predicate = &statement.predicate;
        for (found, wanted) in [
            (&statement.kind, STATEMENT),
            (&statement.predicate_type, PREDICATE),
            (&predicate.build_definition.build_type, BUILD_TYPE),
        ] {
            ensure!(
                found == wanted,
                "{} is no provenance of a package that this tool made: it says {found:?} where {wanted:?} is expected",
                path.display()
            );
        }
        ensure!(
            statement.subject.len() == 1,
            "{} is of {} files, not of one package",
            path.display(),
            statement.subject.len()
        );
        Ok(statement)
    }

    /// The package's SHA-256.
    pub fn sha256(&self) -> &str {
        let digest = self
            .subject
            .first()
            .and_then(|one| one.digest.get("sha256"));
        digest.map_or("", String::as_str)
    }

    /// What was asked for.
    pub fn asked(&self) -> &Asked {
        &self.predicate.build_definition.external_parameters
    }

    /// What the toolchain was made from.
    pub fn toolchain(&self) -> &BTreeMap<String, Inputs> {
        &self
            .predicate
            .build_definition
            .internal_parameters
            .toolchain
    }

    /// The package's source.
    pub fn source(&self) -> Option<&Resource> {
        named(
            &self.predicate.build_definition.resolved_dependencies,
            SOURCE,
        )
    }

    /// The tool's source, where it is another repository.
    pub fn tool(&self) -> Option<&Resource> {
        named(
            &self.predicate.run_details.builder.builder_dependencies,
            XTASK,
        )
    }
}

fn named<'a>(list: &'a [Resource], name: &str) -> Option<&'a Resource> {
    list.iter().find(|one| one.name == name)
}

fn git(name: &str, source: &Source) -> Resource {
    let resource = Resource::new(name).note("dirty", source.dirty);
    match &source.commit {
        Some(commit) => resource.digest("gitCommit", commit),
        None => resource,
    }
}

/// The toolchain's parts.
fn tools(inputs: &BTreeMap<String, Inputs>) -> Vec<Resource> {
    let mut tools = Vec::new();
    if let Some(std) = inputs.get("std") {
        let get = |name: &str| std.get(name).unwrap_or_default();
        let mut rust = Resource::new("rust")
            .note("provider", get("provider"))
            .note("compiler", get("compiler"));
        rust.uri = Some(format!("pkg:generic/rust@{}", get("rustc")));
        let commit = get("commit");
        if commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            rust = rust.digest("gitCommit", commit);
        }
        tools.push(rust);
        tools.push(Resource::new("std").digest("sha256", &std.digest()));
    }
    for (name, value) in inputs.get("zig").into_iter().flat_map(Inputs::iter) {
        // `VERSION sha256 HASH…`, one hash for each kind of building machine.
        let Some((version, hashes)) = value.split_once(" sha256 ") else {
            continue;
        };
        let hashes: Vec<&str> = hashes.split(' ').collect();
        let mut wheel = Resource::new(name).note("sha256OfEachWheel", hashes);
        wheel.uri = Some(format!("pkg:pypi/{name}@{version}"));
        tools.push(wheel);
    }
    if let Some(image) = inputs.get("image") {
        tools.push(Resource::new("sdk-image").digest("sha256", &image.digest()));
    }
    tools
}
