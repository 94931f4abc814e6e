//! `inspect`: what is in a package, and what is wrong with it.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Result;

use crate::context::Context;
use crate::flags::Inspect;
use crate::inspect::{self, FileInfo, Report, printable};
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// A file that is no package or cannot be read to its end.
pub fn run(flags: &Inspect, ctx: &Context) -> Result<ExitCode> {
    let names = ctx.sdk.arch.iter();
    let known: Vec<&str> = names
        .flat_map(|(name, table)| std::iter::once(name).chain(table.release_names.values()))
        .map(String::as_str)
        .collect();
    let report = inspect::inspect_for(&flags.file, Some(&known))?;
    match print(&report, flags.json) {
        // `| head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        result => result?,
    }
    Ok(if report.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Piece by piece: escaping may make it several times as long as it is.
fn print(report: &Report, json: bool) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        show(report, &mut out)?;
    }
    out.flush()
}

/// The report as text. What comes from the package goes through [`printable`]:
/// a terminal obeys what it is sent.
fn show(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for (name, value) in report.control.iter() {
        for (number, line) in value.split('\n').enumerate() {
            let line = printable(line);
            match number {
                0 => writeln!(out, "{name}: {line}")?,
                _ => writeln!(out, " {line}")?,
            }
        }
    }
    writeln!(
        out,
        "\nsize {}, sha256 {}",
        fs::human_size(report.size),
        report.sha256
    )?;
    write!(out, "scripts and lists:")?;
    for (number, member) in report.members.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(out, "{comma} {}", printable(&member.name))?;
    }
    if report.members.is_empty() {
        write!(out, " none")?;
    }
    writeln!(out)?;
    for conffile in report.conffiles() {
        writeln!(out, "conffile {}", printable(conffile))?;
    }
    writeln!(out)?;
    for file in &report.files {
        writeln!(out, "{}", line(file))?;
    }
    writeln!(out)?;
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    if report.findings.is_empty() {
        writeln!(out, "no findings")?;
    }
    Ok(())
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
    let owner = |name: &Option<String>, id: u64| match name {
        Some(name) => printable(name).into_owned(),
        None => id.to_string(),
    };
    let mut line = format!(
        "{kind} {} {:>5}:{:<5} {:>10} {}",
        file.mode,
        owner(&file.user, file.uid),
        owner(&file.group, file.gid),
        file.size,
        printable(&file.path)
    );
    if let Some(target) = &file.target {
        line += &format!(" -> {}", printable(target));
    }
    if let Some(elf) = &file.elf {
        let linked = printable(elf.interpreter.as_deref().unwrap_or("static"));
        let float = elf
            .float_abi
            .map(|abi| format!(", {abi} float"))
            .unwrap_or_default();
        let stripped = if elf.stripped {
            "stripped"
        } else {
            "not stripped"
        };
        line += &format!(
            "  [{} {} bit {} endian{float}, {linked}, {stripped}]",
            elf.machine, elf.bits, elf.endian
        );
    }
    line
}
