//! The test programs that cargo builds.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// One program, with the tests of one file or folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// The crate's folder, where its tests run.
    pub folder: PathBuf,
    /// The source in that folder: `tests/gate/main.rs`.
    pub source: PathBuf,
    /// What to run.
    pub path: PathBuf,
}

/// A line of `cargo --message-format=json`; the fields of other lines are not
/// looked at (The Cargo Book, "External tools").
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds all of them; `None` where that failed, after cargo has said why.
///
/// # Errors
/// When cargo cannot be started or says what is no message.
pub fn build(cargo: &OsStr, root: &Path) -> Result<Option<Vec<Program>>> {
    let built = duct::cmd!(
        cargo,
        "test",
        "--workspace",
        "--locked",
        "--no-run",
        "--message-format=json-render-diagnostics"
    )
    .dir(root)
    .stdout_capture()
    .unchecked()
    .run()
    .context("start cargo test --no-run")?;
    if !built.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&built.stdout);
    parse(&text).map(Some)
}

fn parse(text: &str) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let message: Message =
            serde_json::from_str(line).with_context(|| format!("read cargo's message {line}"))?;
        let (Some(target), Some(path)) = (message.target, message.executable) else {
            continue;
        };
        if message.reason != "compiler-artifact" || !message.profile.is_some_and(|it| it.test) {
            continue;
        }
        let folder = message.manifest_path.parent().unwrap_or(Path::new(""));
        let source = target.src_path.strip_prefix(folder);
        programs.push(Program {
            folder: folder.to_owned(),
            source: source.unwrap_or(&target.src_path).to_owned(),
            path,
        });
    }
    // cargo builds them in any order, and runs them in this.
    programs.sort_by(|a, b| (&a.folder, &a.source).cmp(&(&b.folder, &b.source)));
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_what_cargo_says() {
        let text = r#"{"reason":"compiler-artifact","package_id":"registry#x@1","manifest_path":"/r/x/Cargo.toml","target":{"kind":["lib"],"name":"x","src_path":"/r/x/src/lib.rs"},"profile":{"test":false},"executable":null,"fresh":true}
{"reason":"build-script-executed","package_id":"registry#x@1","out_dir":"/o"}
{"reason":"compiler-artifact","package_id":"p","manifest_path":"/p/b/Cargo.toml","target":{"kind":["test"],"name":"t","src_path":"/p/b/tests/t.rs"},"profile":{"test":true},"executable":"/o/t-1","fresh":true}
{"reason":"compiler-artifact","package_id":"p","manifest_path":"/p/b/Cargo.toml","target":{"kind":["bin"],"name":"b","src_path":"/p/b/src/main.rs"},"profile":{"test":false},"executable":"/o/b","fresh":true}
{"reason":"compiler-artifact","package_id":"p","manifest_path":"/p/a/Cargo.toml","target":{"kind":["lib"],"name":"a","src_path":"/p/a/src/lib.rs"},"profile":{"test":true},"executable":"/o/a-1","fresh":true}
{"reason":"build-finished","success":true}
"#;
        let program = |folder: &str, source: &str, path: &str| Program {
            folder: folder.into(),
            source: source.into(),
            path: path.into(),
        };
        assert_eq!(
            parse(text).unwrap(),
            [
                program("/p/a", "src/lib.rs", "/o/a-1"),
                program("/p/b", "tests/t.rs", "/o/t-1"),
            ]
        );
        assert!(parse("{\"reason\":").is_err());
    }
}
