//! Rules about the package as a whole: fields, sizes, lists.

use std::collections::HashSet;

use super::control::Control;
use super::finding::Findings;
use super::{Container, Package, Report, apk, lint_files, lint_links, lint_scripts};

/// Names of machines that are not OpenWrt's, and what somebody meant by them.
const FOREIGN_ARCHS: [&str; 12] = [
    "amd64", "arm64", "armhf", "armel", "armv7", "aarch64", "arm", "mips", "mipsel", "i686", "x86",
    "riscv64",
];

/// Where findings about fields are.
const CONTROL: Option<&str> = Some("control");

/// Applies every rule; a container that is no ipk has its one finding already,
/// and an archive that is missing gets none for what would be in it.
pub(super) fn lint(package: &mut Package, known_archs: Option<&[&str]>) {
    let Package {
        report,
        findings,
        has_data,
        has_control,
    } = package;
    match report.container {
        Container::Ipk => {}
        Container::Apk if *has_control => {
            apk::lint(report, findings);
            architecture(report, known_archs, findings);
            lint_files::lint(report, findings);
            lint_links::lint(report, findings);
            return;
        }
        _ => return,
    }
    if *has_control {
        fields(&report.control, findings);
        names(&report.control, findings);
        architecture(report, known_archs, findings);
        lint_scripts::lint(report, findings);
    }
    if *has_control && *has_data {
        installed_size(report, findings);
        conffiles(report, findings);
    }
    lint_files::lint(report, findings);
    lint_links::lint(report, findings);
}

fn fields(control: &Control, findings: &mut Findings) {
    for name in ["Package", "Version", "Architecture"] {
        if control
            .get(name)
            .is_none_or(|value| value.trim().is_empty())
        {
            let message = format!("has no {name} field: opkg refuses the package");
            findings.error("field-missing", CONTROL, message);
        }
    }
    let mut seen = HashSet::new();
    for (name, _) in control.iter() {
        if !seen.insert(name) {
            findings.error("field-twice", CONTROL, format!("has {name} twice"));
        }
    }
    if control
        .iter()
        .last()
        .is_some_and(|(name, _)| name != "Description")
    {
        let message = "Description is not the last field: OpenWrt's index maker puts its own fields before it";
        findings.warning("description-last", CONTROL, message);
    }
}

/// Package and Version become file names, index lines and constraints.
fn names(control: &Control, findings: &mut Findings) {
    let rules = [
        // What OpenWrt's ipkg-build refuses.
        ("Package", "package-name", "+-._"),
        // As in Debian, with the `_` that some upstream versions have.
        ("Version", "version", "+-._~:"),
    ];
    for (field, rule, others) in rules {
        let value = control.get(field).unwrap_or_default().trim();
        let wrong = |c: &char| !c.is_ascii_alphanumeric() && !others.contains(*c);
        if let Some(c) = value.chars().find(wrong) {
            let message =
                format!("{field} has {c:?} in it; letters, digits and {others} are allowed");
            findings.error(rule, CONTROL, message);
        }
    }
}

fn installed_size(report: &Report, findings: &mut Findings) {
    const RULE: &str = "installed-size";
    let actual = report.data_size;
    match report.control.get("Installed-Size").map(str::parse::<u64>) {
        None => {
            let message =
                format!("has no Installed-Size ({actual}): opkg does not check for free space");
            findings.warning(RULE, CONTROL, message);
        }
        Some(Ok(size)) if size == actual => {}
        Some(Ok(size)) if size == actual.div_ceil(1024) || size == actual / 1024 => {
            let message =
                format!("Installed-Size {size} is in KiB; opkg takes it for bytes ({actual})");
            findings.error(RULE, CONTROL, message);
        }
        Some(Ok(size)) => {
            let message =
                format!("Installed-Size is {size}; the uncompressed data.tar has {actual} bytes");
            findings.warning(RULE, CONTROL, message);
        }
        Some(Err(_)) => findings.error(RULE, CONTROL, "Installed-Size is no number"),
    }
}

fn architecture(report: &Report, known: Option<&[&str]>, findings: &mut Findings) {
    let arch = report.arch();
    if FOREIGN_ARCHS.contains(&arch) {
        let message = format!(
            "Architecture {arch} is no OpenWrt name: routers match names such as aarch64_cortex-a53, or all"
        );
        findings.error("architecture", CONTROL, message);
    } else if !arch.is_empty()
        && !matches!(arch, "all" | "noarch")
        && known.is_some_and(|known| !known.contains(&arch))
    {
        let message = format!(
            "Architecture {arch} is not in openwrt/sdk.toml: whether OpenWrt has it was not checked"
        );
        findings.info("architecture-unknown", CONTROL, message);
    }
}

fn conffiles(report: &Report, findings: &mut Findings) {
    let listed: HashSet<&str> = report.conffiles().collect();
    let installed: HashSet<&str> = report
        .files
        .iter()
        .filter(|file| matches!(file.kind, "file" | "hardlink"))
        .map(|file| file.path.as_str())
        .collect();
    for path in report.conffiles().filter(|path| !installed.contains(path)) {
        let message = "is listed in conffiles and not a file of the package";
        findings.error("conffile-missing", Some(path), message);
    }
    for file in &report.files {
        let path = file.path.as_str();
        if path.starts_with("/etc/config/") && installed.contains(path) && !listed.contains(path) {
            let message = "is no conffile: an upgrade would overwrite the owner's settings";
            findings.warning("conffile-unlisted", Some(path), message);
        }
    }
}
