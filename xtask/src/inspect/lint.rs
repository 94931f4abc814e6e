//! Rules about the package as a whole: fields, sizes, lists, scripts.

use std::collections::HashSet;

use super::{ControlMember, Report, Severity, lint_files};

/// Names of machines that are not OpenWrt's, and what somebody meant by them.
const FOREIGN_ARCHS: [&str; 13] = [
    "amd64", "arm64", "armhf", "armel", "armv7", "aarch64", "arm", "mips", "mipsel", "i686", "x86",
    "riscv64", "noarch",
];

/// Applies every rule; a container that is no ipk has its one finding already.
pub fn lint(report: &mut Report) {
    if report.container != super::Container::Ipk {
        return;
    }
    fields(report);
    installed_size(report);
    architecture(report);
    conffiles(report);
    scripts(report);
    lint_files::lint(report);
}

fn fields(report: &mut Report) {
    for name in ["Package", "Version", "Architecture"] {
        if report
            .control
            .get(name)
            .is_none_or(|value| value.trim().is_empty())
        {
            let message = format!("has no {name} field: opkg refuses the package");
            report.finding(
                Severity::Error,
                "field-missing",
                Some("control".to_owned()),
                message,
            );
        }
    }
    let mut seen = HashSet::new();
    let twice: Vec<String> = report
        .control
        .iter()
        .filter(|(name, _)| !seen.insert(*name))
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in twice {
        let message = format!("has {name} twice");
        report.finding(
            Severity::Error,
            "field-twice",
            Some("control".to_owned()),
            message,
        );
    }
    if report
        .control
        .iter()
        .last()
        .is_some_and(|(name, _)| name != "Description")
    {
        let message = "Description is not the last field: OpenWrt's index maker puts its own fields before it";
        report.finding(
            Severity::Warning,
            "description-last",
            Some("control".to_owned()),
            message,
        );
    }
}

fn installed_size(report: &mut Report) {
    let path = || Some("control".to_owned());
    let actual = report.data_size;
    match report.control.get("Installed-Size").map(str::parse::<u64>) {
        None => {
            let message =
                format!("has no Installed-Size ({actual}): opkg does not check for free space");
            report.finding(Severity::Warning, "installed-size", path(), message);
        }
        Some(Ok(size)) if size == actual => {}
        Some(Ok(size)) if size == actual.div_ceil(1024) || size == actual / 1024 => {
            let message =
                format!("Installed-Size {size} is in KiB; opkg takes it for bytes ({actual})");
            report.finding(Severity::Error, "installed-size", path(), message);
        }
        Some(Ok(size)) => {
            let message =
                format!("Installed-Size is {size}; the uncompressed data.tar has {actual} bytes");
            report.finding(Severity::Warning, "installed-size", path(), message);
        }
        Some(Err(_)) => report.finding(
            Severity::Error,
            "installed-size",
            path(),
            "Installed-Size is no number",
        ),
    }
}

fn architecture(report: &mut Report) {
    let Some(arch) = report.control.get("Architecture") else {
        return;
    };
    if FOREIGN_ARCHS.contains(&arch) {
        let message = format!(
            "Architecture {arch} is no OpenWrt name: opkg matches names such as aarch64_cortex-a53, or all"
        );
        report.finding(
            Severity::Error,
            "architecture",
            Some("control".to_owned()),
            message,
        );
    }
}

fn conffiles(report: &mut Report) {
    let listed: Vec<String> = report.conffiles().map(str::to_owned).collect();
    let installed: HashSet<&str> = report
        .files
        .iter()
        .filter(|file| matches!(file.kind, "file" | "hardlink"))
        .map(|file| file.path.as_str())
        .collect();
    let missing: Vec<String> = listed
        .iter()
        .filter(|path| !installed.contains(path.as_str()))
        .cloned()
        .collect();
    let unlisted: Vec<String> = installed
        .iter()
        .filter(|path| {
            path.starts_with("/etc/config/") && !listed.iter().any(|listed| listed == *path)
        })
        .map(|path| (*path).to_owned())
        .collect();
    for path in missing {
        let message = "is listed in conffiles and not a file of the package";
        report.finding(Severity::Error, "conffile-missing", Some(path), message);
    }
    for path in unlisted {
        let message = "is no conffile: an upgrade would overwrite the owner's settings";
        report.finding(Severity::Warning, "conffile-unlisted", Some(path), message);
    }
}

fn scripts(report: &mut Report) {
    let mut findings = Vec::new();
    for member in &report.members {
        if !matches!(
            member.name.as_str(),
            "preinst" | "postinst" | "prerm" | "postrm" | "postinst-pkg" | "prerm-pkg"
        ) {
            if member.name != "conffiles" {
                findings.push((
                    Severity::Info,
                    "control-member",
                    member,
                    "is no member that opkg knows",
                ));
            }
            continue;
        }
        let sourced = member.name.ends_with("-pkg");
        if !member.text.starts_with("#!") && !sourced {
            findings.push((
                Severity::Error,
                "script-interpreter",
                member,
                "does not begin with #!: it cannot be run",
            ));
        }
        if !is_executable(member) && !sourced {
            findings.push((Severity::Error, "script-mode", member, "is not executable"));
        }
        if !member.text.contains("IPKG_INSTROOT") {
            let message = "does not look at $IPKG_INSTROOT: in an image build it acts on the building machine";
            findings.push((Severity::Warning, "script-guard", member, message));
        }
    }
    let findings: Vec<_> = findings
        .into_iter()
        .map(|(severity, rule, member, message)| (severity, rule, member.name.clone(), message))
        .collect();
    for (severity, rule, name, message) in findings {
        report.finding(severity, rule, Some(name), message);
    }
    let defaults = [("postinst", "default_postinst"), ("prerm", "default_prerm")];
    for (name, call) in defaults {
        let script = report.members.iter().find(|member| member.name == name);
        if script.is_none_or(|script| !script.text.contains(call)) {
            let message = format!(
                "does not call {call}: services are not enabled, users not made, lists not run"
            );
            report.finding(
                Severity::Warning,
                "script-default",
                Some(name.to_owned()),
                message,
            );
        }
    }
}

fn is_executable(member: &ControlMember) -> bool {
    u32::from_str_radix(&member.mode, 8).is_ok_and(|mode| mode & 0o100 != 0)
}
