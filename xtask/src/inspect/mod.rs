//! Reads any ipk, ours or a stranger's, and says what is wrong with it.
//!
//! | module | |
//! |---|---|
//! | `archive` | tar records as they stand, within limits |
//! | `read` | the container and its members |
//! | `control` | the control file's fields |
//! | `elf` | what a binary runs on |
//! | `lint` | the rules; `lint_files` those for installed files |
//!
//! Input may be hostile: memory is bounded whatever a file claims, and every
//! failure is an error that names the place.

mod archive;
mod control;
mod elf;
mod lint;
mod lint_files;
mod read;

use std::fmt;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

pub use control::Control;
pub use elf::Elf;
pub use read::{Container, MAX_UNPACKED};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Installs, and will surprise somebody.
    Warning,
    /// A router refuses it, or it cannot run.
    Error,
}

/// One thing that a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule's name, stable for machines.
    pub rule: &'static str,
    /// The file or member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity} [{}] ", self.rule)?;
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// An installed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileInfo {
    /// Absolute path.
    pub path: String,
    /// `dir`, `file`, `symlink`, `hardlink` or `other`.
    pub kind: &'static str,
    /// Permission bits, in octal.
    pub mode: String,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Bytes.
    pub size: u64,
    /// Where a link points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Of a file's content, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// For programs and libraries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elf: Option<Elf>,
}

/// A member of control.tar besides `control` itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlMember {
    /// `postinst`, `conffiles` …
    pub name: String,
    /// Permission bits, in octal.
    pub mode: String,
    /// Its text.
    pub text: String,
}

/// Everything about one file.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What kind of file it is.
    pub container: Container,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Byte length of the uncompressed data.tar.
    pub data_size: u64,
    /// Control fields.
    pub control: Control,
    /// Scripts and lists.
    pub members: Vec<ControlMember>,
    /// Installed files in archive order.
    pub files: Vec<FileInfo>,
    /// What the rules found, worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// True when a router would refuse the package or it could not run.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// Paths in the `conffiles` member.
    pub fn conffiles(&self) -> impl Iterator<Item = &str> {
        let member = self
            .members
            .iter()
            .find(|member| member.name == "conffiles");
        member
            .map(|member| member.text.as_str())
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.is_empty())
    }
}

/// Reads and lints `path`.
///
/// # Errors
/// I/O errors, and archives that are truncated, broken, or larger than
/// [`MAX_UNPACKED`] when unpacked.
pub fn inspect(path: &Path) -> Result<Report> {
    let mut report = read::read(path)?;
    lint::lint(&mut report);
    report
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(report)
}
