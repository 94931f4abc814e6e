//! `docker image inspect`: what decides whether an image must be built.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Engine, trouble};

/// An image that is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// `sha256:…` of its configuration.
    pub id: String,
    /// `name:tag` of each.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub repo_tags: Vec<String>,
    /// `name@sha256:…` under which registries know it.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub repo_digests: Vec<String>,
    /// When it was made, RFC 3339.
    #[serde(default)]
    pub created: String,
    /// All layers' bytes.
    #[serde(default)]
    pub size: u64,
    /// What containers of it begin with.
    #[serde(default)]
    pub config: Option<Config>,
}

/// What containers of an image begin with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    /// The user; empty for root.
    #[serde(default)]
    pub user: String,
    /// Its labels.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its environment, `NAME=VALUE`.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub env: Vec<String>,
    /// The working directory.
    #[serde(default)]
    pub working_dir: String,
}

impl Image {
    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        let config = self.config.as_ref()?;
        config.labels.get(name).map(String::as_str)
    }

    /// Whether `name` (a tag, an id or its begin, a digest) means this image.
    /// Podman writes the registry before every name.
    fn is(&self, name: &str) -> bool {
        let id = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        let by_id = name.strip_prefix("sha256:").unwrap_or(name);
        let tag = match name.rsplit('/').next() {
            Some(last) if !last.contains([':', '@']) => format!("{name}:latest"),
            _ => name.to_owned(),
        };
        let has = |known: &String| {
            let short = ["docker.io/library/", "docker.io/", "localhost/"]
                .iter()
                .find_map(|prefix| known.strip_prefix(prefix));
            *known == tag || short == Some(tag.as_str())
        };
        (by_id.len() >= 12 && id.starts_with(by_id))
            || self.repo_tags.iter().any(has)
            || self.repo_digests.iter().any(has)
    }
}

fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn images<S: AsRef<str>>(engine: &Engine, refs: &[S]) -> Result<Vec<Option<Image>>> {
    if refs.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = vec!["image", "inspect"];
    args.extend(refs.iter().map(AsRef::as_ref));
    let output = engine
        .command(&args)
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .with_context(|| format!("start {}", engine.program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let is_missing = |line: &str| {
            let line = line.to_ascii_lowercase();
            ["no such image", "no such object", "image not known"]
                .iter()
                .any(|words| line.contains(words))
        };
        let mut lines = said.lines().filter(|line| !line.trim().is_empty());
        if !lines.clone().any(is_missing) || !lines.all(is_missing) {
            return Err(trouble::explain(engine, "image inspect", &said));
        }
    }
    let found: Vec<Image> = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("read what {} image inspect prints", engine.kind.name()))?;
    Ok(refs
        .iter()
        .map(|name| {
            let mut images = found.iter();
            images.find(|image| image.is(name.as_ref())).cloned()
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_image() {
        let image = Image {
            id: "sha256:0123456789abcdef".into(),
            repo_tags: vec!["x:1".into(), "localhost/y:latest".into()],
            repo_digests: vec!["r.example:5000/x@sha256:ff".into()],
            ..Image::default()
        };
        for name in [
            "x:1",
            "y",
            "sha256:0123456789abcdef",
            "0123456789ab",
            "r.example:5000/x@sha256:ff",
        ] {
            assert!(image.is(name), "{name}");
        }
        for name in ["x", "x:2", "0123", "r.example:5000/x"] {
            assert!(!image.is(name), "{name}");
        }
    }

    #[test]
    fn null_lists_are_empty() {
        let json = r#"{"Id":"sha256:1","RepoTags":null,"Size":7,"Config":{"Labels":null,"User":"buildbot"}}"#;
        let image: Image = serde_json::from_str(json).unwrap();
        assert!(image.repo_tags.is_empty() && image.label("x").is_none());
        assert_eq!(image.config.unwrap().user, "buildbot");
    }
}
