//! The container: an outer gzip'd tar with gzip'd tars in it, read as a stream.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::archive::{self, MEMBERS, Record, plain_name};
use super::control::Control;
use super::finding::Findings;
use super::limits::{Allowance, Unpacked};
use super::{Package, Report, apk, lint_container, members};
use crate::fingerprint::hash_file;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// gzip'd tar, as opkg reads it.
    Ipk,
    /// An `ar` archive: a Debian package, or an ipk made like one.
    Ar,
    /// An apk of version 3.
    Apk,
    /// A tar archive without gzip.
    Tar,
    /// Something else.
    Unknown,
}

/// Reads the file; findings that need its raw form are made here.
pub(super) fn read(path: &Path) -> Result<Package> {
    let context = || format!("read {}", path.display());
    // Before it is opened: opening a pipe would wait for its other end.
    let metadata = std::fs::metadata(path).with_context(context)?;
    ensure!(metadata.is_file(), "{} is no file", path.display());
    let mut file = File::open(path).with_context(context)?;
    let mut magic = Vec::new();
    file.by_ref()
        .take(262)
        .read_to_end(&mut magic)
        .with_context(context)?;
    file.rewind().with_context(context)?;
    let report = Report {
        container: container(&magic),
        size: metadata.len(),
        sha256: hash_file(path).with_context(context)?,
        data_size: 0,
        control: Control::default(),
        members: Vec::new(),
        files: Vec::new(),
        findings: Vec::new(),
    };
    let mut package = Package {
        report,
        findings: Findings::default(),
        has_data: false,
        has_control: false,
    };
    let wrong = match package.report.container {
        Container::Ipk => {
            read_ipk(file, &mut package).with_context(context)?;
            return Ok(package);
        }
        Container::Ar => {
            "an `ar` archive, as Debian packages are: opkg answers \"Malformed package file\"; \
             an ipk is a gzip'd tar"
        }
        Container::Apk => {
            apk::read(file, &mut package).with_context(context)?;
            return Ok(package);
        }
        Container::Tar => "a tar archive without gzip: opkg does not open it",
        Container::Unknown => bail!(
            "{} is no package: it is neither gzip, ar nor apk",
            path.display()
        ),
    };
    package.findings.error("container", None, wrong);
    Ok(package)
}

fn container(magic: &[u8]) -> Container {
    match magic {
        [0x1f, 0x8b, ..] => Container::Ipk,
        _ if magic.starts_with(b"!<arch>\n") => Container::Ar,
        _ if magic.starts_with(b"ADB") => Container::Apk,
        _ if magic.get(257..262) == Some(b"ustar") => Container::Tar,
        _ => Container::Unknown,
    }
}

fn read_ipk(file: File, package: &mut Package) -> Result<()> {
    let mut allowance = Allowance::default();
    let mut outer = Unpacked::new(file, &allowance, "the package");
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    let dialect = archive::walk(&mut outer, &mut allowance, |record, content, allowance| {
        order.push(String::from_utf8_lossy(&record.name).into_owned());
        // A second one is not read: what it adds, and how often, would be
        // the file's choice.
        let name = plain_name(&record.name);
        match MEMBERS.iter().find(|member| **member == name) {
            Some(member) if seen.insert(*member) => {
                read_member(member, record, content, allowance, package)
            }
            _ => Ok(()),
        }
    })
    .context("the outer archive")?;
    let end = outer.finish(&mut allowance)?;
    let findings = &mut package.findings;
    lint_container::end(findings, end, "the outer archive");
    lint_container::dialect(findings, dialect, "the outer archive");
    lint_container::order(findings, &order);
    if seen.contains("control.tar.gz") && !package.has_control {
        findings.error(
            "control-missing",
            Some("control.tar.gz"),
            "has no file `control`: opkg knows neither the package's name nor its version",
        );
    }
    Ok(())
}

fn read_member(
    member: &str,
    record: &Record,
    content: &mut dyn Read,
    allowance: &mut Allowance,
    package: &mut Package,
) -> Result<()> {
    if !record.kind.is_file() {
        package
            .findings
            .error("member-kind", Some(member), "is no regular file");
        return Ok(());
    }
    match member {
        "debian-binary" => {
            let text = allowance.text(content)?;
            lint_container::debian_binary(&mut package.findings, &text);
        }
        "data.tar.gz" => {
            package.has_data = true;
            let mut data = Unpacked::new(content, allowance, "data.tar");
            let dialect = archive::walk(&mut data, allowance, |record, content, allowance| {
                members::installed(record, content, allowance, package)
            })?;
            let end = data.finish(allowance)?;
            package.report.data_size = end.bytes;
            lint_container::end(&mut package.findings, end, "data.tar.gz");
            lint_container::dialect(&mut package.findings, dialect, "data.tar");
        }
        _ => {
            let mut names = HashSet::new();
            let mut control = Unpacked::new(content, allowance, "control.tar");
            let dialect = archive::walk(&mut control, allowance, |record, content, allowance| {
                members::control(record, content, allowance, package, &mut names)
            })?;
            let end = control.finish(allowance)?;
            lint_container::end(&mut package.findings, end, "control.tar.gz");
            lint_container::dialect(&mut package.findings, dialect, "control.tar");
        }
    }
    Ok(())
}
