//! Reads any ipk or apk, ours or a stranger's, and says what is wrong with it.
//!
//! | module | |
//! |---|---|
//! | `limits` | what one package may take, and gzip streams within that |
//! | `archive`, `pax` | tar records as they stand |
//! | `read`, `members` | the container; what is in its archives |
//! | `apk` | the same for packages of apk-tools 3 |
//! | `control` | the control file's fields |
//! | `elf`, `elf_read` | what a binary runs on, and what an architecture runs |
//! | `finding` | findings, and text that is safe on a terminal |
//! | `lint` | the rules about fields; `lint_container`, `lint_scripts`, `lint_files`, `lint_links` the others |
//!
//! Input may be hostile: memory is bounded whatever a file claims, and every
//! failure is an error that names the place.

mod apk;
mod archive;
mod control;
mod elf;
mod elf_read;
mod finding;
mod limits;
mod lint;
mod lint_container;
mod lint_files;
mod lint_links;
mod lint_scripts;
mod members;
mod pax;
mod read;

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

pub use control::Control;
pub use elf::Elf;
pub use finding::{Finding, Severity, printable};
pub use limits::MAX_UNPACKED;
pub use read::Container;

/// An installed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileInfo {
    /// Absolute path; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// `dir`, `file`, `symlink`, `hardlink` or `other`.
    pub kind: &'static str,
    /// Permission bits, in octal.
    pub mode: String,
    /// Numeric owner. An apk has names: 0 is root, and 65534 one that apk
    /// would have to look up.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// The owner's name, in an apk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group's name, in an apk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
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

/// A member of control.tar besides `control` itself; of an apk a script, or a
/// list of its own in `/lib/apk/packages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlMember {
    /// `postinst`, `conffiles` …
    pub name: String,
    /// Permission bits, in octal.
    pub mode: String,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
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
    /// Byte length of the uncompressed data.tar; of an apk the bytes of its files.
    pub data_size: u64,
    /// Control fields; of an apk those of its info, under apk's names.
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

    /// The architecture that it is for.
    fn arch(&self) -> &str {
        let names = match self.container {
            Container::Apk => "arch",
            _ => "Architecture",
        };
        self.control.get(names).unwrap_or_default().trim()
    }

    /// Names of packages that it needs.
    fn depends(&self) -> impl Iterator<Item = &str> {
        let is_apk = self.container == Container::Apk;
        let list = self.control.get("depends").filter(|_| is_apk);
        let of_apk = list.unwrap_or_default().split(' ');
        let of_apk = of_apk.filter_map(|word| word.split(['<', '>', '=', '~']).next());
        let of_ipk = (!is_apk).then(|| self.control.depends());
        of_ipk.into_iter().flatten().chain(of_apk)
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
    inspect_for(path, None)
}

/// Like [`inspect`]; an Architecture that is not among `known` is mentioned.
///
/// # Errors
/// As [`inspect`]'s.
pub fn inspect_for(path: &Path, known: Option<&[&str]>) -> Result<Report> {
    let mut package = read::read(path)?;
    lint::lint(&mut package, known);
    let mut report = package.report;
    report.findings = package.findings.finish();
    Ok(report)
}

/// What is known of a package while its findings are made.
#[derive(Debug)]
struct Package {
    report: Report,
    findings: finding::Findings,
    /// data.tar.gz was there.
    has_data: bool,
    /// control.tar.gz was there, and `control` in it.
    has_control: bool,
}
