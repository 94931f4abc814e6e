//! `policy` over this project's own crates, and over a workspace that breaks it.

#[path = "support/linked.rs"]
mod linked;
#[path = "support/project.rs"]
mod project;
mod support;

use std::path::Path;
use std::process::{Command, Output};

use linked::Linked;
use serde_json::Value;

/// cargo describes all crates, for every target, only when it has them.
fn crates() -> bool {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--locked",
            "--format-version=1",
            "--all-features",
        ])
        .current_dir(support::root())
        .output()
        .unwrap();
    let missing =
        (!output.status.success()).then_some("cargo cannot fetch the crates of every target");
    support::group("registry", missing)
}

fn told(output: &Output) -> (Option<i32>, Value, String) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        text,
    )
}

fn database(dir: &Path, name: &str, versions: &str, informational: &str) {
    let folder = dir.join("crates").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"{name}\"\ndate = \"2026-01-01\"\n{informational}\n\
         [versions]\n{versions}\n```\n\n# A made up fault\n"
    );
    std::fs::write(folder.join("RUSTSEC-2026-9999.md"), text).unwrap();
}

#[test]
fn the_project_keeps_its_rules_and_a_known_fault_is_found() {
    if !crates() {
        return;
    }
    let policy = |more: &[&str]| {
        let output = support::xtask()
            .args(["policy", "--json"])
            .args(more)
            .output();
        told(&output.unwrap())
    };
    let db = tempfile::tempdir().unwrap();
    let place = db.path().to_str().unwrap();
    database(db.path(), "serde", "patched = [\">= 0.0.1\"]", "");
    let (code, answer, text) = policy(&["--advisory-db", place]);
    assert_eq!(
        (code, &answer["ok"], &answer["audited"]),
        (Some(0), &true.into(), &true.into()),
        "{text}"
    );
    assert!(answer["crates"].as_u64().unwrap() > 100);
    database(db.path(), "serde", "patched = []", "");
    let (code, answer, text) = policy(&["--advisory-db", place]);
    assert_eq!((code, &answer["ok"]), (Some(1), &false.into()));
    assert!(
        text.contains("is vulnerable: A made up fault (RUSTSEC-2026-9999)"),
        "{text}"
    );
    database(
        db.path(),
        "serde",
        "patched = []",
        "informational = \"notice\"",
    );
    assert_eq!(policy(&["--advisory-db", place]).0, Some(0));
    std::fs::write(db.path().join("crates/serde/RUSTSEC-1.md"), "hello").unwrap();
    let (code, _, text) = policy(&["--advisory-db", place]);
    assert!(code == Some(1) && text.contains("RUSTSEC-1.md"), "{text}");
    let (code, _, text) = policy(&["--advisory-db", "/nonexistent"]);
    assert!(
        code == Some(1) && text.contains("no copy of RustSec"),
        "{text}"
    );
}

#[test]
fn a_workspace_that_breaks_the_rules_is_told_by_crate() {
    let workspace = Linked::new();
    let root = workspace.path();
    // What makes a folder this tool's own project.
    let table = "openwrt/sdk.toml";
    std::fs::create_dir_all(root.join("openwrt")).unwrap();
    std::fs::copy(support::root().join(table), root.join(table)).unwrap();
    std::fs::create_dir(root.join("xtask")).unwrap();
    let policy = |rules: &str| {
        std::fs::write(root.join("deny.toml"), rules).unwrap();
        let mut command = support::xtask();
        command
            .env("CARGO_MANIFEST_DIR", root.join("xtask"))
            .env("CARGO_HOME", root.join("home"));
        told(&command.args(["policy", "--json"]).output().unwrap())
    };
    let (code, answer, text) = policy("[licenses]\nallow = ['MIT']\n");
    assert_eq!(code, Some(1), "{text}");
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["crate"], "p-deep 0.3.0");
    assert!(text.contains("not audited for known faults"), "{text}");
    let (code, answer, _) = policy("[licenses]\nallow = ['MIT', 'ISC']\n");
    assert_eq!((code, &answer["audited"]), (Some(0), &false.into()));
    let banned = "[licenses]\nallow = ['MIT', 'ISC']\n[bans]\ndeny = [{ crate = 'p-tests' }]\n";
    assert!(
        policy(banned)
            .2
            .contains("bans: p-tests 0.7.0 deny.toml bans it")
    );
    let (code, _, text) = policy("[licenses]\nalow = []\n");
    assert!(
        code == Some(1) && text.contains("did you mean `allow`?"),
        "{text}"
    );
}
