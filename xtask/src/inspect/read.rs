//! The container: an outer gzip'd tar with gzip'd tars in it, read as a stream.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tar::EntryType;

use super::archive::{self, Dialect, Limited, Record};
use super::control::Control;
use super::{ControlMember, FileInfo, Finding, Report, Severity, elf};
use crate::fingerprint::{hash_file, hex};

/// A package that unpacks to more than this is not read to its end: no router
/// has that much flash.
pub const MAX_UNPACKED: u64 = 1_000_000_000;
/// Longest script or list.
const MAX_TEXT: u64 = 1 << 20;
/// Largest program whose ELF headers are read (it is held in memory).
const MAX_PROGRAM: u64 = 64 << 20;

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

/// Members that an ipk has, in OpenWrt's order.
pub(super) const MEMBERS: [&str; 3] = ["debian-binary", "data.tar.gz", "control.tar.gz"];

/// Reads the file; findings that need its raw form are made here.
pub(super) fn read(path: &Path) -> Result<Report> {
    let context = || format!("read {}", path.display());
    let mut file = File::open(path).with_context(context)?;
    let metadata = file.metadata().with_context(context)?;
    ensure!(metadata.is_file(), "{} is no file", path.display());
    let mut magic = Vec::new();
    file.by_ref()
        .take(262)
        .read_to_end(&mut magic)
        .with_context(context)?;
    file.rewind().with_context(context)?;
    let mut report = Report {
        container: container(&magic),
        size: metadata.len(),
        sha256: hash_file(path).with_context(context)?,
        data_size: 0,
        control: Control::default(),
        members: Vec::new(),
        files: Vec::new(),
        findings: Vec::new(),
    };
    let wrong = match report.container {
        Container::Ipk => return read_ipk(file, report).with_context(context),
        Container::Ar => {
            "an `ar` archive, as Debian packages are: opkg answers \"Malformed package file\"; \
             an ipk is a gzip'd tar"
        }
        Container::Apk => "an apk (version 3): not yet",
        Container::Tar => "a tar archive without gzip: opkg does not open it",
        Container::Unknown => bail!(
            "{} is no package: it is neither gzip, ar nor apk",
            path.display()
        ),
    };
    report.finding(Severity::Error, "container", None, wrong);
    Ok(report)
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

fn read_ipk(file: File, mut report: Report) -> Result<Report> {
    let mut budget = MAX_UNPACKED;
    let mut outer = Limited::new(
        GzDecoder::new(BufReader::new(file)),
        MAX_UNPACKED,
        "the package",
    );
    let mut order = Vec::new();
    let dialect = archive::walk(&mut outer, |record, content| {
        let name = plain_name(&record.name);
        order.push(String::from_utf8_lossy(&record.name).into_owned());
        match name.as_str() {
            "debian-binary" => {
                let text = archive::read_text(content, MAX_TEXT)?;
                if text != b"2.0\n" {
                    report.finding(
                        Severity::Warning,
                        "debian-binary",
                        None,
                        format!(
                            "is {:?}, not \"2.0\\n\"",
                            String::from_utf8_lossy(&text[..text.len().min(40)])
                        ),
                    );
                }
            }
            "data.tar.gz" => {
                let mut data = Limited::new(GzDecoder::new(content), budget, "data.tar");
                let dialect = archive::walk(&mut data, |record, content| {
                    let info = file_info(record, content, &mut report)?;
                    report.files.push(info);
                    Ok(())
                })?;
                report.data_size = data.drain()?;
                budget -= report.data_size.min(budget);
                dialect_findings(&mut report, dialect, "data.tar");
            }
            "control.tar.gz" => {
                let mut control = Limited::new(
                    GzDecoder::new(content),
                    budget.min(50_000_000),
                    "control.tar",
                );
                let dialect = archive::walk(&mut control, |record, content| {
                    control_member(record, content, &mut report)
                })?;
                control.drain()?;
                dialect_findings(&mut report, dialect, "control.tar");
            }
            _ => {}
        }
        Ok(())
    })
    .context("the outer archive")?;
    outer.drain()?;
    dialect_findings(&mut report, dialect, "the outer archive");
    member_findings(&mut report, &order);
    Ok(report)
}

/// `./data.tar.gz` and `data.tar.gz` alike: opkg takes both.
fn plain_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.trim_start_matches("./")
        .trim_end_matches('/')
        .to_owned()
}

fn control_member(record: &Record, content: &mut dyn Read, report: &mut Report) -> Result<()> {
    let name = plain_name(&record.name);
    if record.kind != EntryType::Regular {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&archive::read_text(content, MAX_TEXT)?).into_owned();
    if name == "control" {
        let (control, strange) = Control::parse(&text);
        if let Some(line) = strange.first() {
            let message = format!("line {line:?} is no field and continues none");
            report.finding(
                Severity::Error,
                "control-syntax",
                Some("control".to_owned()),
                message,
            );
        }
        report.control = control;
    } else {
        report.members.push(ControlMember {
            name,
            mode: format!("{:04o}", record.mode),
            text,
        });
    }
    Ok(())
}

fn file_info(record: &Record, content: &mut dyn Read, report: &mut Report) -> Result<FileInfo> {
    let path = format!("/{}", plain_name(&record.name));
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
        let mut hasher = Sha256::new();
        let mut kept = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        let mut length = 0;
        loop {
            let read = content.read(&mut buffer).context("read its content")?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            if (length == 0 && buffer.starts_with(b"\x7fELF") || !kept.is_empty())
                && record.size <= MAX_PROGRAM
            {
                kept.extend_from_slice(&buffer[..read]);
            }
            length += read as u64;
        }
        ensure!(
            length == record.size,
            "it is cut off: {length} of {} bytes are there",
            record.size
        );
        sha256 = Some(hex(&hasher.finalize()));
        match elf::read(&kept) {
            Ok(found) => elf = found,
            Err(error) => report.finding(
                Severity::Error,
                "elf-broken",
                Some(path.clone()),
                format!("begins like a program and cannot be read as one: {error:#}"),
            ),
        }
    }
    Ok(FileInfo {
        path,
        kind,
        mode: format!("{:04o}", record.mode),
        uid: record.uid,
        gid: record.gid,
        size: record.size,
        target,
        sha256,
        elf,
    })
}

fn dialect_findings(report: &mut Report, dialect: Dialect, what: &str) {
    let path = || Some(what.to_owned());
    if dialect.pax {
        let message = "has PAX headers, which opkg does not read (\"Unknown typeflag\"): make it with --format=gnu";
        report.finding(Severity::Error, "tar-pax", path(), message);
    }
    if dialect.binary_numbers {
        report.finding(
            Severity::Error,
            "tar-numbers",
            path(),
            "has numbers in base 256: opkg reads octal only",
        );
    }
    if dialect.not_gnu && !dialect.pax {
        report.finding(
            Severity::Info,
            "tar-dialect",
            path(),
            "is not in GNU tar's format; opkg reads it",
        );
    }
    if dialect.owner_names {
        let message =
            "names users and groups beside their numbers: they come from the building machine";
        report.finding(Severity::Info, "tar-owner-names", path(), message);
    }
}

fn member_findings(report: &mut Report, order: &[String]) {
    let plain: Vec<String> = order
        .iter()
        .map(|name| plain_name(name.as_bytes()))
        .collect();
    for member in MEMBERS {
        match plain.iter().filter(|name| *name == member).count() {
            0 => report.finding(
                Severity::Error,
                "member-missing",
                Some(member.to_owned()),
                "is not in the package",
            ),
            1 => {}
            _ => report.finding(
                Severity::Error,
                "member-twice",
                Some(member.to_owned()),
                "is in the package twice",
            ),
        }
    }
    for (name, plain) in order.iter().zip(&plain) {
        if !MEMBERS.contains(&plain.as_str()) && !plain.is_empty() {
            let message =
                "is no member that opkg knows (data.tar.gz and control.tar.gz must be gzip)";
            report.finding(
                Severity::Warning,
                "member-unknown",
                Some(name.clone()),
                message,
            );
        } else if !name.starts_with("./") {
            let message =
                "has no `./` before its name: OpenWrt's ipkg-make-index.sh does not find it";
            report.finding(
                Severity::Warning,
                "member-name",
                Some(name.clone()),
                message,
            );
        }
    }
    if plain
        .iter()
        .filter(|name| !name.is_empty())
        .ne(MEMBERS.iter())
    {
        let message = format!(
            "members are {}, OpenWrt writes {}",
            plain.join(", "),
            MEMBERS.join(", ")
        );
        report.finding(Severity::Info, "member-order", None, message);
    }
}

impl Report {
    pub(super) fn finding(
        &mut self,
        severity: Severity,
        rule: &'static str,
        path: Option<String>,
        message: impl Into<String>,
    ) {
        self.findings.push(Finding {
            severity,
            rule,
            path,
            message: message.into(),
        });
    }
}
