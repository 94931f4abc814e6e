//! The workflows are what their two linters call right, and what no linter
//! knows of: logic lives in commands, and strangers get nothing.

#[path = "support/pinned.rs"]
mod pinned;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pinned::{ACTIONLINT, Pin, ZIZMOR};

fn folder() -> PathBuf {
    support::root().join(".github/workflows")
}

fn workflow(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// Every workflow: name and text.
fn workflows() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let all: Vec<_> = names.map(|name| (name.clone(), workflow(&name))).collect();
    assert!(all.len() >= 2, "{all:?}");
    all
}

/// What is said of a folder with `.github/workflows/`.
fn lint(pin: &Pin, dir: &Path, args: &[&str]) -> Option<Output> {
    let program = pinned::program(pin)?;
    let mut command = Command::new(program);
    command.args(args).current_dir(dir);
    // No token: what it finds must not depend on who runs it.
    command.env_remove("GH_TOKEN").env_remove("GITHUB_TOKEN");
    Some(command.output().unwrap())
}

fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

/// A repository with the project's workflows, one of them changed.
fn changed(name: &str, from: &str, to: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join(".github/workflows");
    std::fs::create_dir_all(&copy).unwrap();
    for (file, text) in workflows() {
        let text = match file == name {
            true => {
                assert!(text.contains(from), "{name} has no {from:?}");
                text.replacen(from, to, 1)
            }
            false => text,
        };
        std::fs::write(copy.join(file), text).unwrap();
    }
    // actionlint looks for the repository that it is in.
    std::fs::create_dir(dir.path().join(".git")).unwrap();
    dir
}

#[test]
fn zizmor_finds_nothing() {
    let args = [
        "--offline",
        "--persona=auditor",
        "--no-progress",
        ".github/workflows",
    ];
    let Some(output) = lint(&ZIZMOR, &support::root(), &args) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
    // It would have said so.
    let bad = [
        ("persist-credentials: false", "fetch-depth: 1", "artipacked"),
        (
            "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
            "@v7",
            "unpinned-uses",
        ),
        (
            "cargo xtask setup \"$ARCH\"",
            "cargo xtask setup ${{ github.head_ref }}",
            "template-injection",
        ),
        (
            "\n  pull_request:",
            "\n  pull_request_target:",
            "dangerous-triggers",
        ),
    ];
    for (from, to, rule) in bad {
        let dir = changed("build-package.yml", from, to);
        let output = lint(&ZIZMOR, dir.path(), &args).unwrap();
        assert!(!output.status.success(), "{rule}");
        assert!(text(&output).contains(rule), "{rule}: {}", text(&output));
    }
}

#[test]
fn actionlint_finds_nothing() {
    let Some(output) = lint(&ACTIONLINT, &support::root(), &[]) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output), "");
    let bad = [
        (
            "steps.matrix.outputs.matrix",
            "steps.matrix.outputs",
            "expression",
        ),
        ("needs: matrix", "needs: matrices", "job-needs"),
        (
            "runs-on: ubuntu-latest",
            "runs-on: ubuntu-lastest",
            "runner-label",
        ),
        ("timeout-minutes", "timeout-minuets", "syntax-check"),
    ];
    for (from, to, rule) in bad {
        let dir = changed("build-package.yml", from, to);
        let output = lint(&ACTIONLINT, dir.path(), &[]).unwrap();
        assert!(!output.status.success(), "{rule}");
        assert!(text(&output).contains(rule), "{rule}: {}", text(&output));
    }
}

/// Values of `key:` lines, by line.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let key = format!("{key}:");
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("- ").unwrap_or(line);
            line.strip_prefix(&key).map(str::trim)
        })
        .collect()
}

#[test]
fn a_step_is_one_command() {
    for (name, text) in workflows() {
        for run in values(&text, "run") {
            let known = ["cargo xtask ", "docker login ", "gh release create "];
            assert!(
                known.iter().any(|start| run.starts_with(start)),
                "{name}: {run}"
            );
            for glue in ["|", "&&", ";", "`", "$(", "${{"] {
                assert!(!run.contains(glue), "{name}: {glue} in {run}");
            }
        }
        // What is made is made by commands: actions move files only.
        for action in values(&text, "uses") {
            let moves = ["checkout", "upload-artifact", "download-artifact"];
            let pages = ["upload-pages-artifact", "deploy-pages"];
            let local = action.starts_with("./.github/workflows/");
            let known = moves
                .iter()
                .chain(&pages)
                .any(|known| action.starts_with(&format!("actions/{known}@")));
            assert!(local || known, "{name}: {action}");
            // By the commit's hash, with the version for people.
            let pinned = action.split_once('@').is_some_and(|(_, commit)| {
                let (hash, comment) = commit.split_once(" # v").unwrap_or_default();
                hash.len() == 40
                    && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && comment.split('.').count() == 3
            });
            assert!(local || pinned, "{name}: {action}");
        }
    }
}

#[test]
fn architectures_and_releases_are_named_in_sdk_toml_only() {
    let report = support::json(&support::run(
        support::xtask().args(["ci", "matrix", "--json"]),
    ));
    let mut names = Vec::new();
    for row in report["archs"].as_array().unwrap() {
        names.extend([&row["arch"], &row["alias"], &row["target"]]);
        for package in row["packages"].as_array().unwrap() {
            names.extend([&package["release"], &package["arch"], &package["version"]]);
        }
    }
    let names: Vec<&str> = names.into_iter().filter_map(|name| name.as_str()).collect();
    assert!(names.len() > 40);
    for (file, text) in workflows() {
        for name in &names {
            assert!(!text.contains(name), "{file} names {name}");
        }
    }
    let build = workflow("build-package.yml");
    assert!(build.contains("matrix: ${{ fromJSON(needs.matrix.outputs.matrix) }}"));
    assert!(build.contains("run: cargo xtask ci matrix --github"));
    assert!(build.contains("\n  build-and-package:\n"));
}

#[test]
fn strangers_get_no_secret_and_push_nothing() {
    for (name, text) in workflows() {
        assert!(!text.contains("pull_request_target"), "{name}");
        assert!(!text.contains("workflow_run"), "{name}");
        assert!(text.contains("\npermissions: {}\n"), "{name}");
    }
    let build = workflow("build-package.yml");
    assert!(!build.contains("secrets."));
    // A pull request's code sees neither a registry nor a token.
    let registry = values(&build, "XTASK_REGISTRY");
    assert_eq!(
        registry,
        ["${{ github.event_name != 'pull_request' && vars.IMAGE_REGISTRY || '' }}"]
    );
    assert_eq!(
        values(&build, "XTASK_REGISTRY_PUSH"),
        ["${{ github.ref == 'refs/heads/main' }}"]
    );
    assert_eq!(build.matches("github.token").count(), 1);
    let login = build.find("- name: Log in").unwrap();
    let step = &build[login..][..build[login..].find("docker login").unwrap()];
    assert!(
        step.contains("if: ${{ env.XTASK_REGISTRY != '' && !env.ACT }}"),
        "{step}"
    );
    // Keys are in a job of its own, which pull requests do not start.
    let release = workflow("release.yml");
    assert!(!release.contains("pull_request"));
    assert!(release.contains("environment: release"));
}
