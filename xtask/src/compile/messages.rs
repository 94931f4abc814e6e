//! cargo's JSON messages: what was built, and what was fresh.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::record::Made;

/// What cargo reported.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// Executables by the name of their target.
    pub executables: BTreeMap<String, PathBuf>,
    /// Crates that were not fresh.
    pub compiled: Vec<Made>,
    /// Crates that were compiled for the target, now or before: what the
    /// executables are linked from. Build scripts and macros are the host's.
    pub linked: Vec<Linked>,
}

/// A crate that is linked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Linked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// It comes from a folder, not from a registry or a repository.
    pub is_path: bool,
    /// Its features.
    pub features: Vec<String>,
    /// Its Cargo.toml.
    pub manifest: PathBuf,
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
    features: Option<Vec<String>>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Reads the messages of one run, one JSON object a line. `target_dir` is where
/// cargo puts what it compiles for the target.
///
/// # Errors
/// A line that begins like JSON and is none.
pub fn read(stdout: &[u8], target_dir: &Path) -> Result<Artifacts> {
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
        let id = message.package_id.as_deref().unwrap_or_default();
        let is_path = id.starts_with("path+");
        let name = short_id(id);
        let manifest = message.manifest_path.unwrap_or_default();
        if message
            .filenames
            .iter()
            .any(|file| file.starts_with(target_dir))
        {
            let (name, version) = name.rsplit_once('@').unwrap_or((&name, ""));
            artifacts.linked.push(Linked {
                name: name.to_owned(),
                version: version.to_owned(),
                is_path,
                features: message.features.unwrap_or_default(),
                manifest: manifest.clone(),
            });
        }
        if message.fresh == Some(false) {
            artifacts.compiled.push(Made {
                name,
                is_path,
                manifest,
            });
        }
    }
    // A library and its binary are one crate; two builds of one crate are two.
    artifacts.linked.sort();
    artifacts.linked.dedup();
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
{"reason":"compiler-artifact","package_id":"registry+x#serde@1.0.2","target":{"name":"serde","kind":["lib"]},"executable":null,"fresh":true,"features":["std"],"filenames":["/t/mips/deps/libserde.rlib"]}
{"reason":"compiler-artifact","package_id":"registry+x#serde_derive@1.0.2","target":{"name":"serde_derive","kind":["proc-macro"]},"fresh":true,"filenames":["/t/deps/libserde_derive.so"]}
{"reason":"build-script-executed","package_id":"registry+x#libc@0.2.1"}
{"reason":"compiler-artifact","package_id":"path+file:///a/daemon#0.1.0","target":{"name":"d","kind":["bin"]},"executable":"/t/d","fresh":false,"manifest_path":"/a/daemon/Cargo.toml"}
{"reason":"build-finished","success":true}
"#;
        let artifacts = read(text, Path::new("/t/mips")).unwrap();
        let linked: Vec<_> = artifacts.linked.iter().map(|one| &*one.name).collect();
        assert_eq!(linked, ["serde"]);
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
        assert!(read(b"{\"reason\":", Path::new("/t")).is_err());
    }
}
