//! What `fingerprint` prints, for machines and for people.

#[path = "support/image_project.rs"]
mod image_project;
mod support;

use std::collections::BTreeSet;

use image_project::Project;
use serde_json::{Value, json};

/// Every key that is printed stands in docs/json.md, and no other.
#[test]
fn the_schema_is_what_the_docs_say() {
    let docs = std::fs::read_to_string(support::root().join("docs/json.md")).unwrap();
    let (_, section) = docs.split_once("## `fingerprint --json`\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let first_column = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let documented: BTreeSet<&str> = first_column
        .flat_map(|names| names.split(['`', ',', ' ']))
        .filter(|name| !name.is_empty())
        .collect();

    let project = Project::new();
    project.edit_sdk("feeds = []", "feeds = [\"src-link own /x\"]");
    project.write(
        "old.json",
        &project.json(&[])["inputs"]
            .to_string()
            .replace("1.96.0", "1.95.0")
            .replace("\"schema\"", "\"gone\":\"x\",\"schema\"")
            .replace("\"target\":\"aarch64-unknown-linux-musl\",", ""),
    );
    let report = project.json(&["--diff", "old.json"]);
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let inputs = keys(&report["inputs"])
        .into_iter()
        .map(|name| match name.split_once('/') {
            Some(_) => "openwrt/…".to_owned(),
            None => name.replace("feed.own", "feed.NAME"),
        });
    let mut printed: BTreeSet<String> = inputs.collect();
    let top = keys(&report)
        .into_iter()
        .map(|name| name.replace("differences", "differences[]"));
    printed.extend(top);
    let printed: BTreeSet<&str> = printed.iter().map(String::as_str).collect();
    assert_eq!(printed, documented);
    assert_eq!(
        keys(&report["other"]),
        ["kind", "name"].map(str::to_owned).into()
    );
    assert_eq!(
        report["differences"],
        json!([
            { "reason": "input-changed", "name": "rust.version", "old": "1.95.0", "new": "1.96.0", "sentence": "rust.version changed from 1.95.0 to 1.96.0" },
            { "reason": "input-added", "name": "target", "new": "aarch64-unknown-linux-musl", "sentence": "target is new: aarch64-unknown-linux-musl" },
            { "reason": "input-removed", "name": "gone", "old": "x", "sentence": "gone is no longer an input (was x)" },
        ])
    );
    for word in [
        "`.kind`",
        "`.name`",
        "`.reason`",
        "`.old`",
        "`.new`",
        "`.sentence`",
        "`input-changed`",
        "`input-added`",
        "`input-removed`",
        "`manifest`",
        "`image`",
        "`revision`",
    ] {
        assert!(section.contains(word), "{word}");
    }
}

#[test]
fn people_read_one_line_or_a_table() {
    let project = Project::new();
    let report = project.json(&[]);
    let text =
        |args: &[&str]| String::from_utf8(support::run(&mut project.xtask(args)).stdout).unwrap();
    let line = format!(
        "{}  {}\n",
        report["digest"].as_str().unwrap(),
        report["tag"].as_str().unwrap()
    );
    assert_eq!(text(&["fingerprint"]), line);
    let table = text(&["fingerprint", "--explain"]);
    let rows: Vec<(&str, &str)> = table
        .strip_prefix(&line)
        .unwrap()
        .lines()
        .filter_map(|row| row.trim_start().split_once("  "))
        .collect();
    for ((name, value), (expected_name, expected)) in
        rows.iter().zip(report["inputs"].as_object().unwrap())
    {
        assert_eq!(
            (*name, value.trim_start()),
            (expected_name.as_str(), expected.as_str().unwrap())
        );
    }
    assert_eq!(rows.len(), report["inputs"].as_object().unwrap().len());
    // Another release is another image, and has no alias to take from this one.
    let other = project.json(&["mips_24kc", "--release", "25.12"]);
    assert_eq!(
        (&other["release"], &other["arch"]),
        (&json!("25.12"), &json!("mips_24kc"))
    );
    assert!(
        other["tag"]
            .as_str()
            .unwrap()
            .starts_with("openwrt-rust-builder:25.12-mips_24kc-")
    );
}
