//! What a provenance says, as far as a rebuild needs it. It may be a stranger's:
//! nothing of it reaches a command line that is not what it claims to be.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Context as _, Result, bail, ensure};

use crate::fingerprint::Inputs;
use crate::provenance::statement::{Asked, Resource, Statement};

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its hash.
    pub commit: String,
    /// Files differed from it.
    pub dirty: bool,
}

/// What a rebuild needs.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// SHA-256 of the package.
    pub sha256: String,
    /// The source's commit.
    pub commit: String,
    /// The build tool's, where it is another repository's.
    pub tool: Option<Commit>,
    /// What was asked for.
    pub asked: Asked,
    /// Where the compiler came from; not of a build in the SDK.
    pub provider: Option<String>,
    /// Exactly what it was.
    pub compiler: Option<String>,
    /// Everything of the toolchain.
    pub toolchain: BTreeMap<String, Inputs>,
}

impl Recorded {
    /// Checks a statement.
    ///
    /// # Errors
    /// A package that nobody can rebuild; values that are not what they should be.
    pub fn of(statement: &Statement) -> Result<Self> {
        let source = statement
            .source()
            .context("its provenance names no source")?;
        let source = commit(source)?.context(
            "it was built outside of a git checkout: no commit is recorded that it could be rebuilt from",
        )?;
        ensure!(
            !source.dirty,
            "it was built from files that differ from commit {}, and those nobody has. \
             Only a package of a clean checkout can be rebuilt: commit (or stash) what is changed, \
             build it again, and publish that",
            source.commit
        );
        let asked = statement.asked().clone();
        for (what, word) in [
            ("crate", &asked.crate_name),
            ("release", &asked.release),
            ("arch", &asked.arch),
            ("toolchain", &asked.toolchain),
        ] {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
            ensure!(
                !word.is_empty() && !word.starts_with(['-', '.']) && word.chars().all(is_plain),
                "its provenance is broken: the {what} is {word:?}"
            );
        }
        ensure!(
            ["openwrt", "openwrt-fast"].contains(&asked.profile.as_str()),
            "its provenance is broken: no profile is called {:?}",
            asked.profile
        );
        let workspace = Path::new(&asked.workspace);
        let is_below = |part: Component<'_>| matches!(part, Component::Normal(_));
        ensure!(
            workspace.components().all(is_below),
            "its provenance is broken: the workspace {:?} is not in the repository",
            asked.workspace
        );
        let std = statement.toolchain().get("std");
        let input = |name: &str| std.and_then(|std| std.get(name)).map(str::to_owned);
        Ok(Self {
            sha256: statement.sha256().to_owned(),
            commit: source.commit,
            tool: statement.tool().map(commit).transpose()?.flatten(),
            provider: match input("provider") {
                Some(name) if name != "rustup" && name != "debian" => {
                    bail!("its compiler came from {name:?}, which this tool does not know")
                }
                provider => provider,
            },
            compiler: input("compiler"),
            toolchain: statement.toolchain().clone(),
            asked,
        })
    }
}

fn commit(resource: &Resource) -> Result<Option<Commit>> {
    let Some(hash) = resource.digest.get("gitCommit") else {
        return Ok(None);
    };
    let is_hash =
        [40, 64].contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(is_hash, "its provenance is broken: {hash:?} is no commit");
    Ok(Some(Commit {
        commit: hash.clone(),
        dirty: resource.is("dirty"),
    }))
}
