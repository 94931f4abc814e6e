//! What is in data.tar and in control.tar, one entry after the other.

use std::collections::HashSet;
use std::io::Read;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use tar::EntryType;

use super::archive::{Record, plain_name};
use super::control::Control;
use super::limits::Allowance;
use super::{ControlMember, Elf, FileInfo, Package, elf_read};
use crate::fingerprint::hex;

/// Largest program whose ELF headers are read (it is held in memory).
const MAX_PROGRAM: u64 = 64 << 20;

/// An entry of control.tar; `names` has those that were there before.
pub(super) fn control(
    record: &Record,
    content: &mut dyn Read,
    allowance: &mut Allowance,
    package: &mut Package,
    names: &mut HashSet<String>,
) -> Result<()> {
    let name = plain_name(&record.name);
    let findings = &mut package.findings;
    let shown = if name.is_empty() { "./" } else { &name };
    if (record.uid, record.gid) != (0, 0) {
        let message = format!(
            "belongs to {}:{} in control.tar: another user of the router may change it",
            record.uid, record.gid
        );
        findings.warning("control-owner", Some(shown), message);
    }
    if record.mode & 0o022 != 0 && !record.kind.is_symlink() {
        let message = format!(
            "has mode {:04o} in control.tar: more than its owner may write it",
            record.mode
        );
        findings.warning("control-mode", Some(shown), message);
    }
    if record.kind.is_dir() {
        return Ok(());
    }
    if !record.kind.is_file() {
        let message = "is neither file nor directory: it was not read";
        findings.warning("control-kind", Some(shown), message);
        return Ok(());
    }
    if !names.insert(name.clone()) {
        let message = "is in control.tar twice; only the first was read";
        findings.error("control-twice", Some(shown), message);
        return Ok(());
    }
    let text = String::from_utf8_lossy(&allowance.text(content)?).into_owned();
    if name != "control" {
        package.report.members.push(ControlMember {
            name,
            mode: format!("{:04o}", record.mode),
            uid: record.uid,
            gid: record.gid,
            text,
        });
        return Ok(());
    }
    let (control, strange) = Control::parse(&text);
    if let Some(line) = strange {
        let line: String = line.chars().take(80).collect();
        let message = format!("line {line:?} is no field and continues none");
        findings.error("control-syntax", Some("control"), message);
    }
    if text.contains('\r') {
        let message = "has carriage returns: OpenWrt's index would have them too";
        findings.warning("control-crlf", Some("control"), message);
    }
    package.report.control = control;
    package.has_control = true;
    Ok(())
}

/// An entry of data.tar.
pub(super) fn installed(
    record: &Record,
    content: &mut dyn Read,
    allowance: &mut Allowance,
    package: &mut Package,
) -> Result<()> {
    let path = installed_path(&record.name);
    if record.name.starts_with(b"/") {
        let message = "has an absolute name in data.tar: an image build would write the building machine's file";
        package.findings.error("path", Some(&path), message);
    }
    let (kind, target) = match record.kind {
        EntryType::Directory => ("dir", None),
        EntryType::Regular | EntryType::Continuous => ("file", None),
        EntryType::Symlink => ("symlink", Some(&record.link)),
        EntryType::Link => ("hardlink", Some(&record.link)),
        _ => ("other", None),
    };
    let target = target.map(|target| String::from_utf8_lossy(target).into_owned());
    let (mut sha256, mut elf) = (None, None);
    if kind == "file" {
        let (hash, kept) = read_file(content, record.size)?;
        sha256 = Some(hash);
        elf = program(&path, kept, record.size, allowance, package)?;
    }
    package.report.files.push(FileInfo {
        path,
        kind,
        mode: format!("{:04o}", record.mode),
        uid: record.uid,
        gid: record.gid,
        user: None,
        group: None,
        size: record.size,
        target,
        sha256,
        elf,
    });
    Ok(())
}

/// Where a name of data.tar is installed: `./a/b`, `a//b` and `./a/./b` are one
/// file. `..` stays, for a rule to find.
pub(super) fn installed_path(name: &[u8]) -> String {
    let mut path = String::new();
    for part in String::from_utf8_lossy(name).split('/') {
        if !matches!(part, "" | ".") {
            path.push('/');
            path.push_str(part);
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    path
}

/// The content's hash, and the content when it begins like a program's.
pub(super) fn read_file(content: &mut dyn Read, size: u64) -> Result<(String, Vec<u8>)> {
    let mut hasher = Sha256::new();
    let mut magic = Vec::with_capacity(4);
    content
        .take(4)
        .read_to_end(&mut magic)
        .context("read its content")?;
    hasher.update(&magic);
    let is_program = magic == b"\x7fELF";
    let mut kept = Vec::new();
    if is_program && size <= MAX_PROGRAM {
        // Once, and not by doubling; pages that are never filled cost nothing.
        kept.reserve_exact(size as usize);
    }
    if is_program {
        kept.extend_from_slice(&magic);
    }
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = content.read(&mut buffer).context("read its content")?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        if is_program && size <= MAX_PROGRAM {
            kept.extend_from_slice(&buffer[..read]);
        }
    }
    Ok((hex(&hasher.finalize()), kept))
}

pub(super) fn program(
    path: &str,
    bytes: Vec<u8>,
    size: u64,
    allowance: &mut Allowance,
    package: &mut Package,
) -> Result<Option<Elf>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if size > MAX_PROGRAM {
        let message = format!("is a program of {size} bytes: it was not looked at");
        package.findings.info("elf-large", Some(path), message);
        return Ok(None);
    }
    match elf_read::read(&bytes) {
        Ok(Some(elf)) => {
            let strings = elf.needed.iter().chain(&elf.interpreter);
            allowance.name(strings.map(|text| text.len() + size_of::<String>()).sum())?;
            Ok(Some(elf))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            let message = format!("begins like a program and cannot be read as one: {error:#}");
            package.findings.error("elf-broken", Some(path), message);
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_path_for_all_names_of_a_file() {
        for name in ["./a/b", "a/b", "/a/b/", ".//a/./b", "././a//b"] {
            assert_eq!(installed_path(name.as_bytes()), "/a/b", "{name}");
        }
        assert_eq!(installed_path(b"./"), "/");
        assert_eq!(installed_path(b""), "/");
        assert_eq!(installed_path(b"./../a"), "/../a");
        assert_eq!(installed_path(b"./.a/..b"), "/.a/..b");
    }
}
