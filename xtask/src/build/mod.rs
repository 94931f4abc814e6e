//! The native backend: from a crate to packages, without Docker or an SDK.

pub(crate) mod beside;
mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use serde::Serialize;

use crate::buildlog::Outcome as Verdict;
use crate::compile::profile::Profile;
use crate::compile::{self, Compiled, Job, Output};
use crate::config::sdk::{Arch, Release};
use crate::config::workspace::{Crate, Workspace};
use crate::context::Context;
use crate::fingerprint::hex;
use crate::keys::ec;
use crate::provenance::{Beside, Bill};
use crate::record::Record;
use crate::source::{self, Source};
use crate::toolchain::Toolchain;
use crate::toolchain::select::Choice;
use crate::toolchain::stdlib::Std;
use crate::util::{fs, ui};
use crate::{assemble, inspect};
use told::told;

/// What is to be built.
#[derive(Debug)]
pub struct Request<'a> {
    /// The release that the packages are for.
    pub release: Release,
    /// Architectures, as that release names them.
    pub archs: Vec<Arch>,
    /// Compiler settings.
    pub profile: Profile,
    /// Where the compiler comes from.
    pub toolchain: Choice,
    /// The crate's workspace.
    pub workspace: &'a Workspace,
    /// The crate.
    pub member: &'a Crate,
    /// Folder that gets `<release>/<arch>/FILE`.
    pub dist: PathBuf,
    /// Signs each apk; OpenWrt signs the feed's index only.
    pub sign_key: Option<&'a ec::Secret>,
}

/// Phases in their order; a backend has some of them.
const PHASES: [&str; 7] = [
    "toolchain",
    "std",
    "image",
    "container",
    "compile",
    "make",
    "pack",
];

pub use crate::record::Backend;

/// A package that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Built {
    /// Package name.
    pub name: String,
    /// Version with release number.
    pub version: String,
    /// OpenWrt architecture.
    pub arch: String,
    /// OpenWrt release.
    pub release: String,
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Byte length of the uncompressed data.tar; of an apk the bytes of its files.
    pub installed_size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Seconds spent on each phase; a phase that several architectures share
    /// counts for the first of them.
    pub phases: BTreeMap<&'static str, f64>,
    /// Crates that cargo compiled for it this time.
    pub compiled: Vec<String>,
    /// The time that its files have.
    #[serde(skip)]
    pub epoch: u64,
    /// How it was built.
    pub backend: Backend,
    /// Whether anything of the toolchain was made again; of a build in the SDK.
    pub verdict: Option<Verdict>,
    /// The log; of a build in the SDK.
    pub log: Option<PathBuf>,
    /// What was written beside it.
    #[serde(flatten)]
    pub beside: Beside,
}

/// One architecture's result.
pub type Outcome = (Arch, Result<Built>);

/// Builds every architecture; one that fails does not hide the others.
///
/// # Errors
/// What concerns all of them: no toolchain, unreadable metadata.
pub fn build(ctx: &Context, request: &Request<'_>) -> Result<Vec<Outcome>> {
    // The last build's records are gone before anything is made.
    let mut records = BTreeMap::new();
    for arch in &request.archs {
        let record = Record::begin(
            &request.dist,
            &request.release.name,
            &arch.name,
            Backend::Native,
        )?;
        records.insert(arch.name.clone(), record);
    }
    // git answers while the toolchain is found and its libraries are verified.
    let asked = source::ask(&request.member.dir);
    let tool = beside::tool(ctx, request);
    let started = Instant::now();
    let toolchain = Toolchain::ensure(request.toolchain, &ctx.sdk, &ctx.ui)?;
    let mut toolchain_time = Some(started.elapsed());

    // Architectures of one target share its library and its binaries.
    let mut stds: BTreeMap<&str, Result<(Duration, Std), String>> = BTreeMap::new();
    for arch in &request.archs {
        stds.entry(&arch.target).or_insert_with(|| {
            let started = Instant::now();
            let std = toolchain.std(&arch.target, &ctx.sdk, &ctx.ui);
            std.map(|std| (started.elapsed(), std))
                .map_err(|error| format!("{error:#}"))
        });
    }
    let source = asked.answer(&ctx.ui)?;
    let tool = tool.map(source::Asked::quietly);

    let mut compiled: BTreeMap<&str, Result<(Compiled, Bill), String>> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for arch in &request.archs {
        let mut phases = BTreeMap::new();
        if let Some(time) = toolchain_time.take() {
            phases.insert("toolchain", time.as_secs_f64());
        }
        let result = compiled.entry(&arch.target).or_insert_with(|| {
            let (took, std) = stds[arch.target.as_str()].as_ref().map_err(Clone::clone)?;
            phases.insert("std", took.as_secs_f64());
            ctx.ui.status(
                "Compiling",
                &format!("{} for {}", request.member.cargo_name, arch.target),
            );
            let job = Job {
                toolchain: &toolchain,
                std,
                sdk: &ctx.sdk,
                workspace: request.workspace,
                member: request.member,
                target: &arch.target,
                profile: request.profile,
                epoch: (request.profile == Profile::Release)
                    .then(|| request.member.table.epoch.unwrap_or(source.epoch)),
            };
            let compiled =
                compile::compile(&job, Output::Shown).map_err(|error| format!("{error:#}"))?;
            phases.insert("compile", compiled.took.as_secs_f64());
            let bill = Bill::of(&job, &compiled.linked).map_err(|error| format!("{error:#}"))?;
            Ok((compiled, bill))
        });
        let built = match result {
            Ok((compiled, _)) => pack(ctx, request, arch, compiled, &source, phases),
            Err(error) => Err(anyhow!("{error}")),
        };
        let built = built.and_then(|mut built| {
            if let (Some(record), Ok((compiled, bill)), Ok((_, std))) = (
                records.remove(&arch.name),
                &compiled[arch.target.as_str()],
                &stds[arch.target.as_str()],
            ) {
                let told = told(ctx, request, &toolchain, std, compiled, &built);
                let beside = beside::Beside {
                    request,
                    arch,
                    source: &source,
                    tool: tool.as_ref(),
                };
                built.beside = beside.write(&built, &told, Some(bill), ctx)?;
                record.finish(&request.dist, told)?;
            }
            Ok(built)
        });
        outcomes.push((arch.clone(), built));
    }
    Ok(outcomes)
}

fn pack(
    ctx: &Context,
    request: &Request<'_>,
    arch: &Arch,
    compiled: &Compiled,
    source: &Source,
    mut phases: BTreeMap<&'static str, f64>,
) -> Result<Built> {
    let started = Instant::now();
    let member = request.member;
    let format = request.release.format;
    let meta = member.meta(format, &arch.name, source.epoch)?;
    let tree = assemble::tree(&member.table, &member.dir, &compiled.binaries)?;
    let package = assemble::pack(format, &meta, tree, request.sign_key)
        .with_context(|| format!("pack {} for {}", meta.name, arch.name))?;
    for note in &package.notes {
        ctx.ui.warn(note);
    }
    let path = request
        .dist
        .join(&request.release.name)
        .join(&arch.name)
        .join(&package.file_name);
    fs::write_atomic(&path, &package.bytes, 0o644)?;
    phases.insert("pack", started.elapsed().as_secs_f64());
    lint(ctx, &path, &path)?;
    Ok(Built {
        name: meta.full_name(),
        version: package.version,
        arch: arch.name.clone(),
        release: request.release.name.clone(),
        size: package.bytes.len() as u64,
        installed_size: package.installed_size,
        sha256: hex(&<sha2::Sha256 as sha2::Digest>::digest(&package.bytes)),
        path,
        phases,
        compiled: compiled.compiled.clone(),
        epoch: meta.epoch,
        backend: Backend::Native,
        verdict: None,
        log: None,
        beside: Beside::default(),
    })
}

/// Reads a written package back, which is to be known as `name`: what a
/// stranger's would be told is told of ours too.
///
/// # Errors
/// A router would refuse it.
pub(crate) fn lint(ctx: &Context, file: &Path, name: &Path) -> Result<()> {
    let report = inspect::inspect(file)?;
    for finding in &report.findings {
        match finding.severity {
            inspect::Severity::Error => anyhow::bail!("{}: {finding}", name.display()),
            inspect::Severity::Warning => ctx.ui.warn(&format!("{}: {finding}", name.display())),
            inspect::Severity::Info => {}
        }
    }
    Ok(())
}

impl Built {
    /// `size 512.3 kB, installed 1.2 MB, sha256 …` with the time of each phase.
    pub fn summary(&self) -> String {
        let phases: Vec<String> = PHASES
            .iter()
            .filter_map(|name| {
                let time = self.phases.get(name)?;
                Some(format!(
                    "{name} {}",
                    ui::seconds(Duration::from_secs_f64(*time))
                ))
            })
            .collect();
        format!(
            "{}\n{:>13}size {}, installed {}, sha256 {}\n{:>13}{}",
            fs::shown(&self.path).display(),
            "",
            fs::human_size(self.size),
            fs::human_size(self.installed_size),
            self.sha256,
            "",
            phases.join(", ")
        )
    }
}
