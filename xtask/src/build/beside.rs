//! What is written beside a package.

use anyhow::{Context as _, Result};

use super::{Built, Request};
use crate::compile::profile::Profile;
use crate::config::sdk::Arch;
use crate::context::Context;
use crate::provenance::{self, Bill, sbom, statement};
use crate::record;
use crate::source::{self, Source};

/// Where a package comes from.
pub struct Beside<'a> {
    /// What was asked for.
    pub request: &'a Request<'a>,
    /// The package's architecture.
    pub arch: &'a Arch,
    /// Its source.
    pub source: &'a Source,
    /// The build tool's source, where it is another repository.
    pub tool: Option<&'a Source>,
}

/// Asks git about the build tool, where it is not part of what is packaged.
pub fn tool(ctx: &Context, request: &Request<'_>) -> Option<source::Asked> {
    let own = |dir: &std::path::Path| dir.canonicalize().ok();
    (own(&ctx.root) != own(&request.workspace.workspace_root)).then(|| source::ask(&ctx.root))
}

impl Beside<'_> {
    /// Writes all of it; the provenance last, which has the others' hashes.
    ///
    /// # Errors
    /// I/O errors with the path.
    pub fn write(
        &self,
        built: &Built,
        told: &record::Built,
        bill: Option<&Bill>,
        ctx: &Context,
    ) -> Result<provenance::Beside> {
        let request = self.request;
        let file = built.path.file_name().unwrap_or_default().to_string_lossy();
        let subject = sbom::Subject {
            file: &file,
            name: &built.name,
            version: &built.version,
            arch: &built.arch,
            release: &built.release,
            target: &self.arch.target,
            sha256: &built.sha256,
            epoch: built.epoch,
        };
        let written = match bill {
            Some(bill) => bill.write(&built.path, &subject),
            None => Ok(provenance::Beside::default()),
        };
        let flags = match built.backend {
            record::Backend::Native => request.profile.args(&ctx.sdk),
            record::Backend::Sdk => Profile::Release.args(&ctx.sdk),
        };
        let facts = statement::Facts {
            built: told,
            place: (&built.release, &built.arch),
            backend: built.backend,
            source: self.source,
            workspace: &self.source.inside(&request.workspace.workspace_root),
            flags,
            lock: &provenance::lock_digest(request.workspace)?,
            tool: self.tool,
        };
        written
            .and_then(|written| provenance::state(&built.path, &facts, written))
            .with_context(|| format!("write what lies beside {}", built.path.display()))
    }
}
