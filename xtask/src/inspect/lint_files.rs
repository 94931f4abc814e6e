//! Rules about installed files: names, owners, modes, programs.

use std::collections::HashSet;

use super::elf;
use super::{FileInfo, Report, Severity};

/// Applies every rule to every file.
pub fn lint(report: &mut Report) {
    let expected = report.control.get("Architecture").and_then(elf::expected);
    let arch = report
        .control
        .get("Architecture")
        .unwrap_or_default()
        .to_owned();
    let depends: HashSet<String> = report.control.depends().map(str::to_owned).collect();
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    for file in &report.files {
        let mut add = |severity, rule, message: String| {
            findings.push((severity, rule, file.path.clone(), message))
        };
        if file.path.split('/').any(|part| part == "..") {
            add(
                Severity::Error,
                "path",
                "leaves the installation root (`..`)".into(),
            );
        }
        if !seen.insert(file.path.as_str()) {
            add(
                Severity::Error,
                "path-twice",
                "is in the package twice".into(),
            );
        }
        if file.kind == "other" {
            add(
                Severity::Error,
                "file-kind",
                "is neither file, directory nor link".into(),
            );
        }
        if (file.uid, file.gid) != (0, 0) {
            let message = format!(
                "belongs to {}:{}; is that a user of the router, or of the building machine?",
                file.uid, file.gid
            );
            add(Severity::Warning, "owner", message);
        }
        for message in mode_messages(file) {
            add(Severity::Warning, "mode", message);
        }
        if file.path.starts_with("/etc/init.d/") && file.kind == "file" && mode(file) & 0o111 == 0 {
            add(
                Severity::Error,
                "init-script",
                "is not executable: the service never starts".into(),
            );
        }
        let Some(program) = &file.elf else { continue };
        match expected {
            Some(expected) => {
                if let Some(message) = expected.mismatch(program) {
                    add(Severity::Error, "elf-machine", message);
                }
            }
            None if arch == "all" => {
                add(
                    Severity::Error,
                    "elf-machine",
                    "is machine code in a package for all architectures".into(),
                );
            }
            None => {}
        }
        if let Some(interpreter) = program
            .interpreter
            .as_deref()
            .filter(|path| !path.starts_with("/lib/ld-musl-"))
        {
            add(
                Severity::Error,
                "elf-interpreter",
                format!("wants {interpreter}: OpenWrt has musl's loader (/lib/ld-musl-*.so.1)"),
            );
        }
        if program
            .needed
            .iter()
            .any(|library| library == "libgcc_s.so.1")
            && !depends.contains("libgcc1")
        {
            add(
                Severity::Warning,
                "elf-depends",
                "needs libgcc_s.so.1, and Depends has no libgcc1".into(),
            );
        }
        if !program.stripped {
            add(
                Severity::Warning,
                "elf-stripped",
                "has symbols or debug information: flash is small, strip it".into(),
            );
        }
    }
    for (severity, rule, path, message) in findings {
        report.finding(severity, rule, Some(path), message);
    }
}

fn mode(file: &FileInfo) -> u32 {
    u32::from_str_radix(&file.mode, 8).unwrap_or(0)
}

fn mode_messages(file: &FileInfo) -> Vec<String> {
    let bits = mode(file);
    let mut messages = Vec::new();
    let sticky_dir = file.kind == "dir" && bits & 0o1000 != 0;
    if file.kind != "symlink" && bits & 0o002 != 0 && !sticky_dir {
        messages.push(format!("has mode {}: everybody may write it", file.mode));
    }
    if file.kind == "file" && bits & 0o6000 != 0 {
        messages.push(format!(
            "has mode {}: it runs with its owner's or group's rights",
            file.mode
        ));
    }
    if file.kind == "dir" && bits & 0o100 == 0 {
        messages.push(format!(
            "has mode {}: not even its owner can enter it",
            file.mode
        ));
    }
    messages
}
