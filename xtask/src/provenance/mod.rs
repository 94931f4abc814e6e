//! What lies beside a package: how it was made, what is in it, under which
//! licences (docs/provenance.md).
//!
//! | module | |
//! |---|---|
//! | [`bill`], [`runtime`] | crates; the standard and the C library |
//! | [`lock`], [`manifest`], [`expression`] | Cargo.lock, Cargo.toml, SPDX |
//! | [`sbom`], [`texts`] | the bill of materials, the licences' texts |
//! | [`statement`] | the provenance |

pub mod bill;
pub mod expression;
pub mod lock;
pub mod manifest;
pub mod runtime;
pub mod sbom;
pub mod statement;
pub mod texts;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compile::{self, Job, Linked};
use crate::config::workspace::Workspace;
use crate::fingerprint::hex;
use crate::util::fs;
use bill::{Clarified, Component};

/// Raise it when a bill that is kept means something else.
const BILL_SCHEMA: u32 = 1;

/// The files beside a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// `FILE.provenance.json`.
    pub provenance: Option<PathBuf>,
    /// `FILE.cdx.json`.
    pub sbom: Option<PathBuf>,
    /// `FILE.licenses.txt`.
    pub licenses: Option<PathBuf>,
}

/// The file beside `package` that ends with `end`.
pub fn beside(package: &Path, end: &str) -> PathBuf {
    let mut name = package.file_name().unwrap_or_default().to_owned();
    name.push(end);
    package.with_file_name(name)
}

/// What binaries are linked from, with the licences' texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bill {
    components: Vec<Component>,
    licenses: String,
    /// The purl of the crate that the binaries are of.
    own: String,
}

impl Bill {
    /// Looks into every crate that was linked, once: the result is kept in the
    /// target directory, by all that it is made from.
    ///
    /// # Errors
    /// A crate whose licence is not known; files that cannot be read.
    pub fn of(job: &Job<'_>, linked: &[Linked]) -> Result<Self> {
        let Job {
            toolchain,
            std,
            workspace,
            member,
            target,
            ..
        } = *job;
        let lock_text = fs::read_text(&workspace.workspace_root.join("Cargo.lock"))?;
        let policy = workspace.workspace_root.join("deny.toml");
        let policy = match policy.is_file() {
            true => fs::read_text(&policy)?,
            false => String::new(),
        };
        let mut key = Sha256::new();
        for text in [
            &BILL_SCHEMA.to_string(),
            env!("CARGO_PKG_VERSION"),
            &std.inputs.digest(),
            &toolchain.zig.origin,
            &lock_text,
            &policy,
            &member.cargo_name,
            &serde_json::to_string(linked).context("list what is linked")?,
        ] {
            key.update(text.len().to_le_bytes());
            key.update(text);
        }
        // A registry's crate never changes; one's own does.
        for own in linked.iter().filter(|one| one.is_path) {
            key.update(fs::read(&own.manifest)?);
            for (name, text) in texts::own(own.manifest.parent().unwrap_or(Path::new("")))? {
                key.update(name);
                key.update(text);
            }
        }
        let kept = compile::target_dir(workspace, std)
            .join("bills")
            .join(format!("{}.json", hex(&key.finalize()[..16])));
        let known = std::fs::read(&kept).ok();
        if let Some(bill) = known.and_then(|text| serde_json::from_slice(&text).ok()) {
            return Ok(bill);
        }
        let lock = lock::Lock::parse(&lock_text)?;
        let mut components = bill::crates(linked, &lock, &clarified(&policy)?)?;
        components.extend(runtime::standard_library(std, target, &toolchain.compiler)?);
        let zig = &job.sdk.toolchain.zig.version;
        components.extend(runtime::c_library(&toolchain.zig, zig, target)?);
        let bill = Self {
            licenses: texts::collect(&components)?,
            components,
            own: format!("pkg:cargo/{}@{}", member.cargo_name, member.version),
        };
        let text = serde_json::to_vec(&bill).context("keep the bill of materials")?;
        fs::write_atomic(&kept, &text, 0o644)?;
        Ok(bill)
    }

    /// Writes bill and licences beside the package.
    ///
    /// # Errors
    /// I/O errors with the path.
    pub fn write(&self, package: &Path, subject: &sbom::Subject<'_>) -> Result<Beside> {
        let sbom = beside(package, ".cdx.json");
        let text = sbom::text(subject, &self.components, &self.own);
        write(
            &sbom,
            text.context("write the bill of materials")?.as_bytes(),
        )?;
        let licenses = beside(package, ".licenses.txt");
        write(&licenses, self.licenses.as_bytes())?;
        Ok(Beside {
            provenance: None,
            sbom: Some(sbom),
            licenses: Some(licenses),
        })
    }
}

/// `[[licenses.clarify]]` of a deny.toml.
///
/// # Errors
/// A file that is no TOML.
pub fn clarified(policy: &str) -> Result<Clarified> {
    #[derive(Default, Deserialize)]
    struct Policy {
        #[serde(default)]
        licenses: Licenses,
    }
    #[derive(Default, Deserialize)]
    struct Licenses {
        #[serde(default)]
        clarify: Vec<Clarify>,
    }
    #[derive(Deserialize)]
    struct Clarify {
        #[serde(rename = "crate")]
        name: String,
        expression: String,
    }
    let policy: Policy = toml::from_str(policy).context("read deny.toml")?;
    let clarify = policy.licenses.clarify.into_iter();
    Ok(clarify.map(|one| (one.name, one.expression)).collect())
}

/// Writes the provenance of a package whose other files are there.
///
/// # Errors
/// I/O errors with the path.
pub fn state(package: &Path, facts: &statement::Facts<'_>, beside: Beside) -> Result<Beside> {
    let statement = statement::Statement::of(facts, &beside)?;
    let mut text = serde_json::to_vec_pretty(&statement).context("write the provenance")?;
    text.push(b'\n');
    let path = self::beside(package, ".provenance.json");
    write(&path, &text)?;
    Ok(Beside {
        provenance: Some(path),
        ..beside
    })
}

/// SHA-256 of a workspace's Cargo.lock.
///
/// # Errors
/// I/O errors with the path.
pub fn lock_digest(workspace: &Workspace) -> Result<String> {
    let lock = fs::read(&workspace.workspace_root.join("Cargo.lock"))?;
    Ok(hex(&Sha256::digest(lock)))
}

/// Leaves a file alone that says the same already.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write_atomic(path, content, 0o644)
}
