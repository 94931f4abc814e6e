//! cargo's JSON messages: what was built, and what was fresh.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::record::Made;

/// What cargo reported.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// Executables by the name of their target.
    pub executables: BTreeMap<String, PathBuf>,
    /// Crates that were not fresh.
    pub compiled: Vec<Made>,
}

/// `compiler-artifact` of The Cargo Book, "External tools"; other messages have
/// none of its fields.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
    fresh: Option<bool>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Reads the messages of one run, one JSON object a line.
///
/// # Errors
/// A line that begins like JSON and is none.
pub fn read(stdout: &[u8]) -> Result<Artifacts> {
    let mut artifacts = Artifacts::default();
    for line in stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(b"{"))
    {
        let message: Message = serde_json::from_slice(line)
            .with_context(|| format!("unexpected line {:?}", String::from_utf8_lossy(line)))?;
        if message.reason != "compiler-artifact" {
            continue;
        }
        if let (Some(target), Some(executable)) = (&message.target, message.executable) {
            if target.kind.iter().any(|kind| kind == "bin") {
                artifacts
                    .executables
                    .insert(target.name.clone(), executable);
            }
        }
        if message.fresh == Some(false) {
            artifacts.compiled.push(Made {
                name: short_id(message.package_id.as_deref().unwrap_or_default()),
                is_path: message.package_id.is_some_and(|id| id.starts_with("path+")),
                manifest: message.manifest_path.unwrap_or_default(),
            });
        }
    }
    Ok(artifacts)
}

/// `registry+URL#serde@1.0.2` and `path+file:///x/daemon#0.1.0` as `serde@1.0.2`
/// and `daemon@0.1.0` (The Cargo Book, "Package ID Specifications").
fn short_id(id: &str) -> String {
    let (url, fragment) = id.rsplit_once('#').unwrap_or(("", id));
    match fragment.contains('@') {
        true => fragment.to_owned(),
        false => format!("{}@{fragment}", url.rsplit('/').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_of_a_run() {
        let text = br#"warning: hello
{"reason":"compiler-artifact","package_id":"registry+x#serde@1.0.2","target":{"name":"serde","kind":["lib"]},"executable":null,"fresh":true}
{"reason":"build-script-executed","package_id":"registry+x#libc@0.2.1"}
{"reason":"compiler-artifact","package_id":"path+file:///a/daemon#0.1.0","target":{"name":"d","kind":["bin"]},"executable":"/t/d","fresh":false,"manifest_path":"/a/daemon/Cargo.toml"}
{"reason":"build-finished","success":true}
"#;
        let artifacts = read(text).unwrap();
        assert_eq!(
            artifacts.executables,
            BTreeMap::from([("d".to_owned(), PathBuf::from("/t/d"))])
        );
        let made = Made {
            name: "daemon@0.1.0".to_owned(),
            is_path: true,
            manifest: PathBuf::from("/a/daemon/Cargo.toml"),
        };
        assert_eq!(artifacts.compiled, [made]);
        assert!(read(b"{\"reason\":").is_err());
    }
}
