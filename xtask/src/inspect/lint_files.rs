//! Rules about installed files: names, owners, modes, programs.

use std::collections::HashSet;

use super::elf::{self, Elf};
use super::finding::Findings;
use super::{FileInfo, Report};

/// Applies every rule to every file.
pub(super) fn lint(report: &Report, findings: &mut Findings) {
    let arch = report.arch();
    let target = Target {
        expected: elf::expected(arch),
        any: matches!(arch, "all" | "noarch"),
        libgcc: report.depends().any(|name| name == "libgcc1"),
    };
    let mut seen = HashSet::new();
    for file in &report.files {
        let path = Some(file.path.as_str());
        if file.path.split('/').any(|part| part == "..") {
            findings.error("path", path, "leaves the installation root (`..`)");
        }
        if !seen.insert(file.path.as_str()) {
            findings.error("path-twice", path, "is in the package twice");
        }
        if file.kind == "other" {
            let message = "is neither file, directory nor link";
            findings.error("file-kind", path, message);
        }
        if (file.uid, file.gid) != (0, 0) {
            let owner = match (&file.user, &file.group) {
                (Some(user), Some(group)) => format!("{user}:{group}"),
                _ => format!("{}:{}", file.uid, file.gid),
            };
            let message = format!(
                "belongs to {owner}; is that a user of the router, or of the building machine?"
            );
            findings.warning("owner", path, message);
        }
        for message in mode_messages(file) {
            findings.warning("mode", path, message);
        }
        if file.path.starts_with("/etc/init.d/") && file.kind == "file" && mode(file) & 0o111 == 0 {
            let message = "is not executable: the service never starts";
            findings.error("init-script", path, message);
        }
        if let Some(elf) = &file.elf {
            program(elf, &file.path, &target, findings);
        }
    }
}

/// What a package's programs have to fit.
struct Target {
    expected: Option<elf::Expected>,
    /// `all`: no machine's.
    any: bool,
    /// Depends has libgcc1.
    libgcc: bool,
}

fn program(elf: &Elf, path: &str, target: &Target, findings: &mut Findings) {
    let at = Some(path);
    // For another processor: a device's, or the kernel's virtual machine.
    let elsewhere = path.starts_with("/lib/firmware/") || elf.machine == "bpf";
    let mismatch = target
        .expected
        .and_then(|expected| expected.mismatch(elf))
        .filter(|_| !elsewhere);
    if let Some(message) = mismatch {
        findings.error("elf-machine", at, message);
    }
    if target.any && !elsewhere {
        let message = "is machine code in a package for all architectures";
        findings.error("elf-machine", at, message);
    }
    if let Some(interpreter) = elf
        .interpreter
        .as_deref()
        .filter(|path| !path.starts_with("/lib/ld-musl-"))
    {
        let message =
            format!("wants {interpreter}: OpenWrt has musl's loader (/lib/ld-musl-*.so.1)");
        findings.error("elf-interpreter", at, message);
    }
    if elf.needed.iter().any(|name| name == "libgcc_s.so.1") && !target.libgcc {
        let message = "needs libgcc_s.so.1, and Depends has no libgcc1";
        findings.warning("elf-depends", at, message);
    }
    // A kernel module cannot be linked without its symbols.
    if !elf.stripped && matches!(elf.kind, "exec" | "dyn") {
        let message = "has symbols or debug information: flash is small, strip it";
        findings.warning("elf-stripped", at, message);
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
