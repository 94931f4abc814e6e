//! The steps of the workflows: what `ci matrix` lists against sdk.toml as it
//! stands there, and what `ci` says of itself.

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_matrix_is_what_sdk_toml_describes() {
    let text = std::fs::read_to_string(support::root().join("openwrt/sdk.toml")).unwrap();
    let sdk: toml::Table = toml::from_str(&text).unwrap();
    let mut expected = BTreeSet::new();
    for (key, arch) in sdk["arch"].as_table().unwrap() {
        for (name, release) in sdk["release"].as_table().unwrap() {
            let own = arch.get("release_names").and_then(|names| names.get(name));
            expected.insert((
                key.clone(),
                name.clone(),
                own.map_or(key.as_str(), |own| own.as_str().unwrap())
                    .to_owned(),
                release["format"].as_str().unwrap().to_owned(),
            ));
        }
    }
    assert!(expected.len() > 10, "{expected:?}");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("output");
    std::fs::write(&file, "earlier=1\n").unwrap();
    let output = support::run(
        support::xtask()
            .args(["ci", "matrix", "--json", "--github"])
            .env("GITHUB_OUTPUT", &file),
    );
    let report = support::json(&output);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut listed = BTreeSet::new();
    for row in report["archs"].as_array().unwrap() {
        for package in row["packages"].as_array().unwrap() {
            listed.insert((
                text(&row["arch"]),
                text(&package["release"]),
                text(&package["arch"]),
                text(&package["format"]),
            ));
        }
    }
    assert_eq!(listed, expected);

    let keys: BTreeSet<String> = expected.iter().map(|(key, ..)| key.clone()).collect();
    assert_eq!(report["matrix"], json!({ "arch": keys }));
    // One line for the runner, after what other commands wrote.
    let told = std::fs::read_to_string(&file).unwrap();
    let line = told.strip_prefix("earlier=1\nmatrix=").unwrap();
    let line = line.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{told}");
    let strategy: Value = serde_json::from_str(line).unwrap();
    assert_eq!(strategy, report["matrix"]);
}

#[test]
fn outside_of_a_workflow_it_says_so() {
    for name in [None, Some("")] {
        let mut command = support::xtask();
        command.args(["ci", "matrix", "--github"]);
        match name {
            None => command.env_remove("GITHUB_OUTPUT"),
            Some(empty) => command.env("GITHUB_OUTPUT", empty),
        };
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("GITHUB_OUTPUT is not set"), "{error}");
    }
}

/// The names of the checks that would run.
fn planned(args: &[&str]) -> Vec<String> {
    let output = support::run(support::xtask().args(["ci"]).args(args).arg("--dry-run"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines()
        .map(|line| {
            let line = line.trim().strip_prefix("Would check ").expect(line);
            line.split_once(':').unwrap().0.to_owned()
        })
        .collect()
}

#[test]
fn the_checks_are_listed_and_left_out_by_name() {
    let help = stdout(&support::run(support::xtask().args(["ci", "--help"])));
    let all = planned(&[]);
    assert!(all.len() >= 7, "{all:?}");
    for name in &all {
        assert!(help.contains(&format!("- {name}:")), "{name}:\n{help}");
    }
    assert_eq!(planned(&["full"]), all);
    let rest = planned(&["--skip", "tests", "--skip", "clippy"]);
    assert_eq!(rest.len(), all.len() - 2);
    assert!(!rest.iter().any(|name| name == "tests" || name == "clippy"));

    for wrong in [
        &["ci", "--skip", "test"][..],
        &["ci", "--skip", "tests", "full"],
    ] {
        let output = support::xtask().args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    // The variable that says it once for all commands is no flag of theirs.
    support::run(
        support::xtask()
            .args(["ci", "matrix"])
            .env("XTASK_TOOLCHAIN", "debian"),
    );
}

#[test]
fn a_check_that_fails_is_told_in_json_too() {
    // The one that is left cannot be started.
    let mut skip = Vec::new();
    for name in planned(&[]).iter().filter(|name| *name != "format") {
        skip.extend(["--skip".to_owned(), name.clone()]);
    }
    let nothing = tempfile::tempdir().unwrap();
    let output = support::xtask()
        .args(["ci", "--json"])
        .args(skip)
        .env("PATH", nothing.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = support::json(&output);
    assert_eq!(report["ok"], false);
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(checks[0]["name"], "format");
    assert_eq!(checks[0]["ok"], false);
    assert!(checks[0]["error"].as_str().unwrap().contains("start"));
    assert!(checks[0]["seconds"].as_f64().unwrap() >= 0.0);
}
