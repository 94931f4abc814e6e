//! Rules about scripts.

use super::finding::Findings;
use super::{ControlMember, Report};
use crate::package::adb::schema as apk_schema;

/// What opkg runs.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];
/// What OpenWrt's default scripts read in: not run as programs themselves.
const SOURCED: [&str; 2] = ["postinst-pkg", "prerm-pkg"];

pub(super) fn lint(report: &Report, findings: &mut Findings) {
    for member in &report.members {
        let name = member.name.as_str();
        let run = SCRIPTS.contains(&name);
        if !run && !SOURCED.contains(&name) {
            if name != "conffiles" {
                let message = "is no member that opkg knows";
                findings.info("control-member", Some(name), message);
            }
            continue;
        }
        if run {
            program(member, findings);
        }
        guard(member, findings);
    }
    for (name, call) in [("postinst", "default_postinst"), ("prerm", "default_prerm")] {
        calls(report, name, call, findings);
    }
}

/// The rules about an apk's scripts, which are other members of the package.
pub(super) fn lint_apk(report: &Report, findings: &mut Findings) {
    let scripts = |member: &&ControlMember| apk_schema::SCRIPTS.contains(&member.name.as_str());
    for member in report.members.iter().filter(scripts) {
        program(member, findings);
        guard(member, findings);
    }
    for (name, call) in [
        ("post-install", "default_postinst"),
        ("post-upgrade", "default_postinst"),
        ("pre-deinstall", "default_prerm"),
    ] {
        calls(report, name, call, findings);
    }
}

fn calls(report: &Report, name: &str, call: &str, findings: &mut Findings) {
    let script = report.members.iter().find(|member| member.name == name);
    let calls = |script: &ControlMember| script.text.lines().any(|line| code(line).contains(call));
    if !script.is_some_and(calls) {
        let message = format!(
            "does not call {call}: services are not enabled, users not made, lists not run"
        );
        findings.warning("script-default", Some(name), message);
    }
}

fn guard(member: &ControlMember, findings: &mut Findings) {
    if !uses_root(&member.text) {
        let message =
            "does not look at $IPKG_INSTROOT: in an image build it acts on the building machine";
        findings.warning("script-guard", Some(&member.name), message);
    }
}

/// What the kernel wants of a program that is a text.
fn program(member: &ControlMember, findings: &mut Findings) {
    let name = Some(member.name.as_str());
    match member.text.split('\n').next().unwrap_or_default() {
        first if !first.starts_with("#!") => findings.error(
            "script-interpreter",
            name,
            "does not begin with #!: it cannot be run",
        ),
        first if first.ends_with('\r') => findings.error(
            "script-interpreter",
            name,
            "ends its first line with a carriage return: that is part of the interpreter's name",
        ),
        _ => {}
    }
    let mode = u32::from_str_radix(&member.mode, 8).unwrap_or(0);
    if mode & 0o100 == 0 {
        findings.error("script-mode", name, "is not executable");
    }
}

/// A comment about $IPKG_INSTROOT guards nothing.
fn uses_root(text: &str) -> bool {
    text.lines()
        .map(code)
        .any(|line| line.contains("$IPKG_INSTROOT") || line.contains("${IPKG_INSTROOT"))
}

/// A line without its comment: `#` at its beginning or behind a blank. (Behind
/// a blank inside quotes it is none; no script guards itself there.)
fn code(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = c;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_code() {
        for (line, expected) in [
            ("# a", ""),
            ("\t# a", "\t"),
            ("a # b", "a "),
            ("a#b", "a#b"),
            ("${a#b}", "${a#b}"),
            ("", ""),
        ] {
            assert_eq!(code(line), expected);
        }
    }
}
