//! `inspect`: what is in a package, and what is wrong with it.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;

use crate::context::Context;
use crate::flags::Inspect;
use crate::inspect::{self, FileInfo, Report};
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// A file that is no package or cannot be read to its end.
pub fn run(flags: &Inspect, _ctx: &Context) -> Result<ExitCode> {
    let report = inspect::inspect(&flags.file)?;
    if flags.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", show(&report));
    }
    Ok(if report.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The report as text.
fn show(report: &Report) -> String {
    let mut text = String::new();
    for (name, value) in report.control.iter() {
        let _ = writeln!(text, "{name}: {}", value.replace('\n', "\n "));
    }
    let _ = writeln!(
        text,
        "\nsize {}, sha256 {}",
        fs::human_size(report.size),
        report.sha256
    );
    let names: Vec<&str> = report
        .members
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    let _ = writeln!(
        text,
        "control members: {}",
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    );
    for conffile in report.conffiles() {
        let _ = writeln!(text, "conffile {conffile}");
    }
    text.push('\n');
    for file in &report.files {
        let _ = writeln!(text, "{}", line(file));
    }
    text.push('\n');
    for finding in &report.findings {
        let _ = writeln!(text, "{finding}");
    }
    if report.findings.is_empty() {
        text.push_str("no findings\n");
    }
    text
}

/// `drwxr-xr-x`-like listings hide the set-id bits; octal does not.
fn line(file: &FileInfo) -> String {
    let kind = match file.kind {
        "dir" => 'd',
        "symlink" => 'l',
        "hardlink" => 'h',
        "file" => '-',
        _ => '?',
    };
    let mut line = format!(
        "{kind} {} {:>5}:{:<5} {:>10} {}",
        file.mode, file.uid, file.gid, file.size, file.path
    );
    if let Some(target) = &file.target {
        let _ = write!(line, " -> {target}");
    }
    if let Some(elf) = &file.elf {
        let linked = elf.interpreter.as_deref().unwrap_or("static");
        let float = elf
            .float_abi
            .map(|abi| format!(", {abi} float"))
            .unwrap_or_default();
        let stripped = if elf.stripped {
            "stripped"
        } else {
            "not stripped"
        };
        let _ = write!(
            line,
            "  [{} {} bit {} endian{float}, {linked}, {stripped}]",
            elf.machine, elf.bits, elf.endian
        );
    }
    line
}
