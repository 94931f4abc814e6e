//! A published package is rebuilt from its recorded commit in a real repository.

#[path = "support/linked.rs"]
mod linked;
#[path = "support/project.rs"]
mod project;
mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use linked::Linked;
use serde_json::Value;

struct Published {
    workspace: Linked,
    place: tempfile::TempDir,
    file: PathBuf,
}

impl Published {
    /// A package and its provenance, away from the workspace that went on since.
    fn new(release: &str) -> Self {
        let workspace = Linked::new();
        let report = support::json(&support::run(
            workspace.command().args(["--release", release]),
        ));
        let built = PathBuf::from(report["packages"][0]["path"].as_str().unwrap());
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(built.file_name().unwrap());
        std::fs::copy(&built, &file).unwrap();
        std::fs::copy(provenance(&built), provenance(&file)).unwrap();
        let main = workspace.path().join("p-main/src/main.rs");
        std::fs::write(main, "fn main() { println!(\"another\"); }\n").unwrap();
        workspace.commit("the work goes on");
        Self {
            workspace,
            place,
            file,
        }
    }

    fn reproduce(&self, more: &[&str]) -> (Option<i32>, Value, String) {
        let mut command = support::xtask();
        command
            .args(["reproduce", "--json"])
            .arg(&self.file)
            .args(more)
            .current_dir(self.workspace.path());
        told(&command.output().unwrap())
    }

    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let path = provenance(&self.file);
        let mut statement = read(&path);
        edit(&mut statement);
        std::fs::write(path, statement.to_string()).unwrap();
    }
}

fn provenance(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.provenance.json", file.display()))
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn told(output: &Output) -> (Option<i32>, Value, String) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
    (output.status.code(), json, text)
}

fn sha256(path: &Path) -> String {
    xtask::fingerprint::hash_file(path).unwrap()
}

#[test]
fn an_ipk_and_an_apk_come_back_from_their_commit() {
    if !project::toolchain() {
        return;
    }
    for release in ["24.10", "25.12"] {
        let published = Published::new(release);
        let before = published.workspace.git(&["rev-parse", "HEAD"]);
        let (code, answer, text) = published.reproduce(&[]);
        assert_eq!(
            (code, &answer["verdict"]),
            (Some(0), &"reproduced".into()),
            "{text}"
        );
        assert_eq!(answer["sha256"], sha256(&published.file));
        assert_eq!(answer["rebuilt_sha256"], answer["sha256"]);
        assert_eq!(published.workspace.git(&["rev-parse", "HEAD"]), before);
    }
}

#[test]
fn a_package_of_other_content_is_told_apart_by_file() {
    if !project::toolchain() {
        return;
    }
    let published = Published::new("24.10");
    // Somebody publishes what the later commit gives as the first one's.
    let report = published.workspace.ipk();
    let built = PathBuf::from(report["packages"][0]["path"].as_str().unwrap());
    std::fs::copy(&built, &published.file).unwrap();
    let (code, answer, text) = published.reproduce(&[]);
    assert_eq!((code, &answer["verdict"]), (Some(1), &"different".into()));
    assert!(text.contains("is not the package that"), "{text}");

    published.edit(|statement| {
        statement["subject"][0]["digest"]["sha256"] = sha256(&built).into();
    });
    let kept = published.place.path().join("kept");
    let (code, answer, text) = published.reproduce(&["-o", kept.to_str().unwrap()]);
    assert_eq!(
        (code, &answer["verdict"]),
        (Some(1), &"different".into()),
        "{text}"
    );
    let places: Vec<_> = answer["differences"].as_array().unwrap().iter().collect();
    let program = places
        .iter()
        .find(|one| one["place"] == "file /usr/bin/p-main");
    assert_eq!(program.unwrap()["what"], "content", "{answer}");
    let rebuilt = PathBuf::from(answer["rebuilt"].as_str().unwrap());
    assert_eq!(answer["rebuilt_sha256"], sha256(&rebuilt));
}

#[test]
fn what_cannot_be_rebuilt_is_said_with_the_way_out() {
    if !project::toolchain() {
        return;
    }
    let published = Published::new("24.10");
    let good = read(&provenance(&published.file));
    let unknown = |edit: &dyn Fn(&mut Value), more: &[&str], wanted: &str| {
        std::fs::write(provenance(&published.file), good.to_string()).unwrap();
        published.edit(edit);
        let (code, answer, text) = published.reproduce(more);
        assert_eq!(
            (code, &answer["verdict"]),
            (Some(3), &"unknown".into()),
            "{text}"
        );
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(wanted), "{wanted}: {error}");
    };
    let source = |statement: &mut Value| {
        statement["predicate"]["buildDefinition"]["resolvedDependencies"][0].take()
    };
    let with_source = |statement: &mut Value, commit: &str, dirty: bool| {
        source(statement);
        statement["predicate"]["buildDefinition"]["resolvedDependencies"][0] = serde_json::json!({
            "name": "source", "digest": { "gitCommit": commit }, "annotations": { "dirty": dirty }
        });
    };
    let none = "0123456789012345678901234567890123456789";
    unknown(&|s| with_source(s, none, false), &[], "--source URL|DIR");
    let own = published.workspace.path().to_str().unwrap().to_owned();
    unknown(
        &|s| with_source(s, none, false),
        &["--source", &own],
        "is not in",
    );
    unknown(
        &|s| with_source(s, none, true),
        &[],
        "built from files that differ from commit",
    );
    unknown(
        &|s| with_source(s, "--upload-pack=x", false),
        &[],
        "is no commit",
    );
    let asked = "/predicate/buildDefinition/externalParameters";
    for (name, value) in [
        ("arch", "--dist=/"),
        ("workspace", "../.."),
        ("profile", "x"),
        ("crate", ""),
    ] {
        let place = format!("{asked}/{name}");
        unknown(
            &|s| *s.pointer_mut(&place).unwrap() = value.into(),
            &[],
            "is broken",
        );
    }
    let std = "/predicate/buildDefinition/internalParameters/toolchain/std";
    let other = format!("{std}/compiler");
    let compiler = |s: &mut Value| *s.pointer_mut(&other).unwrap() = "Debian 1.97.0-1".into();
    unknown(&compiler, &[], "--any-toolchain");
    unknown(
        &|s| s["predicateType"] = "x".into(),
        &[],
        "is no provenance",
    );
    std::fs::remove_file(provenance(&published.file)).unwrap();
    let (code, answer, _) = published.reproduce(&[]);
    assert_eq!(code, Some(3));
    assert!(answer["error"].as_str().unwrap().contains("--provenance"));
}

#[test]
fn a_dry_run_builds_nothing_and_text_is_for_people() {
    if !project::toolchain() {
        return;
    }
    let published = Published::new("24.10");
    let (code, answer, _) = published.reproduce(&["--dry-run"]);
    assert_eq!((code, &answer["verdict"]), (Some(0), &Value::Null));
    let output = support::xtask()
        .args(["reproduce", "--dry-run"])
        .arg(&published.file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("p-main for x86_64 of 24.10 (native) at commit"),
        "{text}"
    );
}
