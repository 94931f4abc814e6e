//! One package of the project, for one architecture: found or built.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::ipk;
use crate::build::{self, Request};
use crate::compile::profile::Profile;
use crate::config::sdk::{Arch, Release};
use crate::context::Context;
use crate::deploy::package::Candidate;
use crate::fingerprint::hex;
use crate::flags::PackageArgs;
use crate::record::{self, Backend, Record};
use crate::toolchain::select::Choice;
use crate::util::fs::read;

/// Which package.
pub struct Wanted<'a> {
    /// The crate.
    pub package: &'a PackageArgs,
    /// `--dist`.
    pub dist: Option<&'a PathBuf>,
    /// Where the compiler comes from.
    pub toolchain: Choice,
    /// For which release.
    pub release: Release,
    /// For which architecture.
    pub arch: Arch,
}

impl Wanted<'_> {
    /// Builds it; where nothing has changed cargo takes a moment to see that.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn built(self, ctx: &Context) -> Result<Candidate> {
        let (workspace, member) = ipk::selected(self.package, ctx)?;
        let request = Request {
            dist: ipk::dist(self.dist, &workspace),
            release: self.release,
            archs: vec![self.arch],
            profile: Profile::Release,
            toolchain: self.toolchain,
            workspace: &workspace,
            member: &member,
            sign_key: None,
        };
        let outcome = build::build(ctx, &request)?.pop();
        let built = outcome.context("nothing was built")?.1?;
        Candidate::read(&built.path)
    }

    /// What the last build left, where it is as it was left. Changes nothing.
    ///
    /// # Errors
    /// No such crate; a package that no router installs.
    pub fn there(&self, ctx: &Context) -> Result<Option<Candidate>> {
        let (workspace, member) = ipk::selected(self.package, ctx)?;
        let dist = ipk::dist(self.dist, &workspace);
        for backend in Backend::ALL {
            let path = record::path(&dist, &self.release.name, &self.arch.name, backend);
            let Ok(Some(record)) = Record::read(&path) else {
                continue;
            };
            let package = record.result.map(|result| result.package);
            let Some(package) = package.filter(|found| found.crate_name == member.cargo_name)
            else {
                continue;
            };
            let file = path.with_file_name(&package.file);
            let same = read(&file).is_ok_and(|bytes| {
                hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes)) == package.sha256
            });
            if same {
                return Candidate::read(&file).map(Some);
            }
        }
        Ok(None)
    }
}
