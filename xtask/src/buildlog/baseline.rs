//! What was baked, as the label of an image tells it: with it a log's cause is
//! decided where the log alone leaves several.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::names;
use super::stage::Stage;
use super::stamp::{FileTime, Hashes, Time, find_md5};
use crate::config::strict;

/// Raise it when a key's meaning changes.
pub const BASELINE_SCHEMA: u32 = 1;

/// What was baked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// [`BASELINE_SCHEMA`].
    pub schema: u32,
    /// The absolute path of the build tree.
    pub tree: String,
    /// The value of CONFIG_AUTOREMOVE: `y`, `n`, or empty for unset.
    pub autoremove: String,
    /// CONFIG_AUTOREBUILD is set: a newer file of a recipe makes a stage stale.
    pub autorebuild: bool,
    /// What became of file times between the bake and the first run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtimes: Option<Mtimes>,
    /// Every stage that was baked; one that is not here was not.
    pub stages: Vec<Baked>,
}

/// What became of file times between the bake and the first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mtimes {
    /// They kept all digits: the tree was never packed, or in a PAX archive.
    Kept,
    /// They lost what is below a second: an image layer, a GNU tar.
    WholeSeconds,
}

/// A stage that was baked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baked {
    /// The recipe's name: `rust`.
    pub name: String,
    /// The name of its build directory: `rustc-1.90.0-src`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The name of its stamp: `.prepared<md5>_<md5>`.
    pub prepared: String,
    /// The newest time of the recipe's files before the bake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_time: Option<Time>,
    /// The time of its archive in `dl/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_time: Option<Time>,
    /// Each file and directory of the recipe, as `find` lists them: with these
    /// a stamp's name can be computed, and a changed path or lost digits are
    /// proved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileTime>,
}

impl Baseline {
    /// Reads a manifest.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key (with the nearest known one)
    /// and a value that makes no sense.
    pub fn read(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no baseline", file.display()))
    }

    /// Parses a manifest.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let found: Self = serde_json::from_str(text)
            .map_err(|error| anyhow!(strict::with_nearest_key(&error.to_string())))?;
        ensure!(
            found.schema == BASELINE_SCHEMA,
            "schema is {}, not {BASELINE_SCHEMA}",
            found.schema
        );
        let mut found = found;
        found
            .tree
            .truncate(found.tree.trim_end_matches('/').len().max(1));
        ensure!(
            found.tree.starts_with('/'),
            "tree is {:?}, no absolute path",
            found.tree
        );
        for baked in &found.stages {
            let prepared = Hashes::read(&baked.prepared);
            ensure!(
                prepared.is_some_and(|hashes| !hashes.recipe.is_empty()),
                "prepared is {:?}, no name of a stamp like .prepared<md5>_<md5>",
                baked.prepared
            );
        }
        Ok(found)
    }

    /// What was baked of a stage.
    pub fn stage(&self, stage: &Stage) -> Option<&Baked> {
        let by_name = |baked: &&Baked| baked.name == stage.short;
        let by_source = |baked: &&Baked| {
            stage
                .source
                .as_deref()
                .is_some_and(|source| names::is_of_recipe(source.as_bytes(), baked.name.as_bytes()))
        };
        let mut stages = self.stages.iter();
        stages
            .clone()
            .find(by_name)
            .or_else(|| stages.find(by_source))
    }
}

impl Baked {
    /// The first hash of the stamp's name when the tree is at `now` instead of
    /// `then`, with whole seconds or all digits; without files nobody knows.
    pub fn hash(&self, then: &str, now: &str, whole: bool) -> Option<String> {
        (!self.files.is_empty()).then(|| {
            find_md5(self.files.iter().map(|file| {
                let inside = file
                    .path
                    .strip_prefix(then)
                    .filter(|rest| rest.starts_with('/'));
                FileTime {
                    path: inside.map_or_else(|| file.path.clone(), |rest| format!("{now}{rest}")),
                    time: if whole { file.time.whole() } else { file.time },
                }
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let wrong = |text: &str| format!("{:#}", Baseline::parse(text).unwrap_err());
        let head = r#""schema": 1, "tree": "/b", "autoremove": "y", "autorebuild": true"#;
        assert!(Baseline::parse(&format!("{{{head}, \"stages\": []}}")).is_ok());
        assert!(wrong(&format!("{{{head}, \"stage\": []}}")).contains("did you mean `stages`?"));
        assert!(wrong(r#"{"schema": 2, "tree": "/b", "autoremove": "y", "autorebuild": true, "stages": []}"#).contains("schema is 2"));
        assert!(wrong(r#"{"schema": 1, "tree": "b", "autoremove": "y", "autorebuild": true, "stages": []}"#).contains("no absolute path"));
        let stage =
            format!("{{{head}, \"stages\": [{{\"name\": \"rust\", \"prepared\": \".built\"}}]}}");
        assert!(wrong(&stage).contains("no name of a stamp"));
        let time = format!(
            "{{{head}, \"stages\": [{{\"name\": \"rust\", \"prepared\": \".preparedaa_bb\", \"feed_time\": \"x\"}}]}}"
        );
        assert!(wrong(&time).contains("is no time like"));
    }
}
