//! Rules about an apk as a whole: its info, its scripts, OpenWrt's lists.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::inspect::finding::Findings;
use crate::inspect::{Report, lint_scripts};
use crate::package::adb::depend::Dependency;
use crate::package::version::apk as version;

/// Directories and patterns among the conffiles that are looked at: each is
/// compared with every file.
const MAX_OPEN: usize = 100;

/// Where findings about fields are.
const INFO: Option<&str> = Some("info");

pub(in crate::inspect) fn lint(report: &Report, findings: &mut Findings) {
    fields(report, findings);
    installed_size(report, findings);
    lint_scripts::lint_apk(report, findings);
    list(report, findings);
    conffiles(report, findings);
}

fn fields(report: &Report, findings: &mut Findings) {
    let control = &report.control;
    for name in ["name", "version", "arch"] {
        if control.get(name).is_none_or(str::is_empty) {
            let message = format!("has no {name}: apk refuses the package");
            findings.error("field-missing", INFO, message);
        }
    }
    let name = control.get("name").unwrap_or_default();
    let is_wrong = |c: &char| !c.is_ascii_alphanumeric() && !"+-._".contains(*c);
    if let Some(c) = name.chars().find(is_wrong) {
        let message = format!("name has {c:?} in it; letters, digits and +-._ are allowed");
        findings.error("package-name", INFO, message);
    }
    if let Some(error) = control
        .get("version")
        .and_then(|version| version::check(version).err())
    {
        findings.error("version", INFO, error.to_string());
    }
    for field in ["depends", "provides"] {
        let words = control.get(field).unwrap_or_default();
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            if let Err(error) = Dependency::parse(word) {
                findings.error("dependency", INFO, format!("{field}: {error:#}"));
            }
        }
    }
    if report.arch() == "all" {
        let message = "arch is all, which is opkg's word: apk calls it noarch";
        findings.error("architecture", INFO, message);
    }
}

fn installed_size(report: &Report, findings: &mut Findings) {
    let actual = report.data_size.max(1);
    let stated = report.control.get("installed-size");
    if stated != Some(actual.to_string().as_str()) {
        let message = format!(
            "installed-size is {}; the files have {actual} bytes",
            stated.unwrap_or("absent")
        );
        findings.warning("installed-size", INFO, message);
    }
}

/// OpenWrt's default scripts go by the list: what is not in it is not enabled,
/// started, stopped or run.
fn list(report: &Report, findings: &mut Findings) {
    let name = report.control.get("name").unwrap_or_default();
    let path = format!("/lib/apk/packages/{name}.list");
    let Some(member) = report.members.iter().find(|member| member.name == "list") else {
        let message = "is not in the package: OpenWrt's scripts do not find its services";
        findings.warning("list-missing", Some(&path), message);
        return;
    };
    let listed: BTreeSet<&str> = member.text.lines().collect();
    let own = format!("/lib/apk/packages/{name}.");
    let installed: BTreeSet<&str> = report
        .files
        .iter()
        .filter(|file| file.kind != "dir" && !file.path.starts_with(&own))
        .map(|file| file.path.as_str())
        .collect();
    for missing in installed.difference(&listed) {
        let message = format!("is not in {path}: OpenWrt's scripts do not know of it");
        findings.warning("list", Some(missing), message);
    }
    for other in listed.difference(&installed) {
        if !other.starts_with(&own) {
            let message = format!("is in {path} and not in the package");
            findings.warning("list", Some(other), message);
        }
    }
}

fn conffiles(report: &Report, findings: &mut Findings) {
    let text = |name: &str| {
        let member = report.members.iter().find(|member| member.name == name);
        member.map_or("", |member| member.text.as_str())
    };
    let declared: Vec<&str> = text("conffiles").lines().collect();
    let hashes: HashMap<&str, &str> = text("conffiles_static")
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    let exact: HashSet<&str> = declared.iter().copied().collect();
    // An entry may be a directory, or a pattern for which nobody looks here.
    let is_open = |entry: &&&str| entry.ends_with('/') || entry.contains(['*', '?', '[']);
    let open: Vec<&str> = declared
        .iter()
        .filter(is_open)
        .take(MAX_OPEN)
        .copied()
        .collect();
    for file in report.files.iter().filter(|file| file.kind == "file") {
        let path = file.path.as_str();
        if let (Some(hash), Some(actual)) = (hashes.get(path), &file.sha256) {
            if hash != actual {
                let message = "has another hash in conffiles_static: it will look edited";
                findings.warning("conffile-hash", Some(path), message);
            }
        }
        let is_listed = exact.contains(path)
            || open.iter().any(|entry| {
                let prefix = entry.split(['*', '?', '[']).next().unwrap_or_default();
                path.starts_with(prefix)
            });
        if path.starts_with("/etc/config/") && !is_listed {
            let message = "is no conffile: an upgrade would overwrite the owner's settings";
            findings.warning("conffile-unlisted", Some(path), message);
        }
    }
}
