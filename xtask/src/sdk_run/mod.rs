//! The SDK backend: a package made by OpenWrt's own build system, in a
//! container of the SDK image, from the live source as it is.
//!
//! | module | |
//! |---|---|
//! | [`plan`] | everything that is decided before there is a container |
//! | `prepare` | a container that is ready to start |
//! | [`send`] | what is put into it, [`results`] what is taken out |
//! | [`follow`] | its output while it is written, [`log`] where it stays |
//! | [`stamps`], [`judge`] | was anything of the toolchain made again? |
//! | `told` | what the build's record says of it |

pub mod follow;
pub mod judge;
pub mod log;
pub mod plan;
mod prepare;
pub mod results;
pub mod send;
pub mod stamps;
mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::assemble;
use crate::build::{self, Backend, Built, Outcome, Request};
use crate::buildlog::Scanner;
use crate::config::sdk::Arch;
use crate::context::Context;
use crate::engine::{Engine, Kind, ca};
use crate::fingerprint::hex;
use crate::image::decide::Ready;
use crate::image::ensure::{self, Ensured};
use crate::image::files::WorkingTree;
use crate::image::spec::Spec;
use crate::provenance::Beside;
use crate::record::Record;
use crate::source;
use crate::toolchain::cache::Cache;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::{fs, lock};
use follow::Follow;
use judge::{Facts, NotBuilt};
use log::Log;
use plan::{ARTIFACTS, Plan};
use prepare::Prepare;
use results::Results;

/// How it is built.
#[derive(Debug, Default)]
pub struct Options {
    /// Docker or Podman.
    pub engine: Option<Kind>,
    /// Certificates of a company's network.
    pub ca_bundle: Option<PathBuf>,
    /// Show the log while it is written.
    pub verbose: bool,
    /// Where the log goes instead of beside the package.
    pub artifacts: Option<PathBuf>,
    /// Do not stop where a stage of the toolchain is built again.
    pub allow_rebuild: bool,
}

/// Builds every architecture; one that fails does not hide the others.
///
/// # Errors
/// What concerns all of them: no engine, a recipe that is not fresh.
pub fn build(ctx: &Context, request: &Request<'_>, options: &Options) -> Result<Vec<Outcome>> {
    plan::check_recipe(request.workspace, request.member)?;
    let asked = source::ask(&request.member.dir);
    let tool = build::beside::tool(ctx, request);
    let engine = Engine::find(options.engine)?;
    let ca = ca::bundle(options.ca_bundle.as_deref())?;
    let source = asked.answer(&ctx.ui)?;
    let run = Run {
        ctx,
        request,
        options,
        is_remote: engine.is_remote()?,
        engine,
        ca,
        source,
        tool: tool.map(source::Asked::quietly),
    };
    let mut outcomes = Vec::new();
    for arch in &request.archs {
        let built = run.arch(arch);
        let stopped = built
            .as_ref()
            .err()
            .is_some_and(|error| error.is::<Stopped>());
        outcomes.push((arch.clone(), built));
        if stopped {
            break;
        }
    }
    Ok(outcomes)
}

struct Run<'a> {
    ctx: &'a Context,
    request: &'a Request<'a>,
    options: &'a Options,
    engine: Engine,
    is_remote: bool,
    ca: Option<PathBuf>,
    source: source::Source,
    tool: Option<source::Source>,
}

impl Run<'_> {
    fn arch(&self, arch: &Arch) -> Result<Built> {
        let started = Instant::now();
        let release = &self.request.release.name;
        // The last build's record is gone before anything is made, and once more
        // when it is this one's turn: a run that it waited for leaves its own.
        let begin = || Record::begin(&self.request.dist, release, &arch.name, Backend::Sdk);
        begin()?;
        let mut phases = BTreeMap::new();
        let ensured = self.image(arch)?;
        let image = &ensured.ready;
        phases.insert("image", started.elapsed().as_secs_f64());

        let plan = Plan::new(
            self.request,
            &self.ctx.sdk,
            arch,
            &image.labels.fingerprint,
            self.source.epoch,
        )?;
        let lock = Cache::open()?.path(&format!("locks/sdk-{}.lock", plan.key));
        let what = format!("{} for {} in the SDK", plan.meta.name, arch.name);
        let _lock = lock::take(&lock, &what, &self.ctx.ui)?;
        let record = begin()?;

        // Who waits for the lock is stopped by the first Ctrl-C.
        let interrupt = Interrupt::watch()?;
        let facts = self
            .container(&plan, image, arch, &interrupt, &mut phases)
            .map_err(|error| match interrupt.asked() {
                // What failed did so because of it.
                true => Stopped(format!("nothing was written for {what}")).into(),
                false => error,
            })?;

        let started = Instant::now();
        let package = judge::judge(facts, &plan, self.options.allow_rebuild)?;
        for note in &plan.notes {
            self.ctx.ui.warn(note);
        }
        let format = self.request.release.format;
        let repacked = assemble::repack(format, &package.bytes, self.request.sign_key)
            .with_context(|| format!("read {}, which OpenWrt wrote", plan.file))?;
        let path = self.dist(arch).join(&plan.file);
        self.write(&path, &repacked.bytes)?;
        phases.insert("pack", started.elapsed().as_secs_f64());
        let mut built = Built {
            name: plan.meta.full_name(),
            version: plan.version.clone(),
            arch: arch.name.clone(),
            release: self.request.release.name.clone(),
            size: repacked.bytes.len() as u64,
            installed_size: repacked.installed_size,
            sha256: hex(&<sha2::Sha256 as sha2::Digest>::digest(&repacked.bytes)),
            path,
            phases,
            compiled: package.compiled,
            epoch: plan.meta.epoch,
            backend: Backend::Sdk,
            verdict: Some(package.verdict),
            log: Some(package.log),
            beside: Beside::default(),
        };
        let told = told::told(self.request, &ensured, &built)?;
        let beside = build::beside::Beside {
            request: self.request,
            arch,
            source: &self.source,
            tool: self.tool.as_ref(),
        };
        built.beside = beside.write(&built, &told, None, self.ctx)?;
        record.finish(&self.request.dist, told)?;
        Ok(built)
    }

    /// A container's life.
    fn container(
        &self,
        plan: &Plan,
        image: &Ready,
        arch: &Arch,
        interrupt: &Interrupt,
        phases: &mut BTreeMap<&'static str, f64>,
    ) -> Result<Facts> {
        let started = Instant::now();
        let name = format!("xtask-{}-{}", plan.key, std::process::id());
        let _guard = self.engine.guard(&name)?;
        Prepare {
            ui: &self.ctx.ui,
            engine: &self.engine,
            is_remote: self.is_remote,
            ca: self.ca.as_deref(),
            plan,
            image: &image.image,
            container: &name,
        }
        .run()?;
        phases.insert("container", started.elapsed().as_secs_f64());

        let started = Instant::now();
        let text = format!("{} for {} in the SDK", plan.meta.name, arch.name);
        let step = (!self.options.verbose).then(|| self.ctx.ui.step("Building", &text));
        if step.is_none() {
            self.ctx.ui.status("Building", &text);
        }
        let follow = Follow {
            engine: &self.engine,
            container: &name,
            verbose: self.options.verbose,
            allow: self.options.allow_rebuild,
            step: step.as_ref(),
            title: &text,
            autoremove: &image.labels.baseline.autoremove,
            interrupt,
        };
        let facts = self.make(&follow, plan, image, arch)?;
        phases.insert("make", started.elapsed().as_secs_f64());
        Ok(facts)
    }

    /// Writes a package that passed inspection.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        fs::create_dirs(dir)?;
        let context = || format!("write {}", path.display());
        let unseen = tempfile::NamedTempFile::new_in(dir).with_context(context)?;
        std::fs::write(unseen.path(), bytes).with_context(context)?;
        build::lint(self.ctx, unseen.path(), path)?;
        fs::write_atomic(path, bytes, 0o644)
    }

    /// The image, made where it is missing.
    fn image(&self, arch: &Arch) -> Result<Ensured> {
        let tree = WorkingTree::new(&self.ctx.root);
        let choice = self.request.toolchain;
        let spec = Spec::collect(&tree, &self.ctx.sdk, &self.request.release, arch, choice)?;
        ensure::ensure(&ensure::Request {
            root: &self.ctx.root,
            engine: &self.engine,
            spec: &spec,
            ca: self.ca.as_deref(),
            force: false,
            explain: false,
            pull: None,
            ui: &self.ctx.ui,
        })
    }

    /// Runs the container and gathers what there is to judge.
    fn make(&self, follow: &Follow, plan: &Plan, image: &Ready, arch: &Arch) -> Result<Facts> {
        let mut scanner = Scanner::with_baseline(Some(image.labels.baseline.clone()));
        let mut log = Log::create(&self.log_dir(arch))?;
        let stopped = follow.run(&mut log, &mut scanner)?;
        let ended = self.engine.ended(follow.container)?;
        let ended = ended
            .context("the engine let go of the container while it runs: the log is not whole")?;
        let results = match self.engine.copy_out(follow.container, ARTIFACTS) {
            Ok(archive) => Results::read(&archive, &plan.file)?,
            // A container that could not even start has none; its output tells.
            Err(_) if ended.code != 0 => Results::default(),
            Err(error) => return Err(error.context("take the package out of the container")),
        };
        let log = log.finish()?;
        if let Some(dir) = log
            .path
            .parent()
            .filter(|_| self.options.artifacts.is_some())
        {
            for (name, list) in [
                ("stamps.before", &results.before),
                ("stamps.after", &results.after),
            ] {
                if let Some(list) = list {
                    fs::write_atomic(&dir.join(name), list.as_bytes(), 0o644)?;
                }
            }
        }
        Ok(Facts {
            stopped,
            ended,
            verdict: scanner.finish(),
            results,
            log,
        })
    }

    fn dist(&self, arch: &Arch) -> PathBuf {
        let request = self.request;
        request.dist.join(&request.release.name).join(&arch.name)
    }

    /// Several architectures' logs do not overwrite each other.
    fn log_dir(&self, arch: &Arch) -> PathBuf {
        match &self.options.artifacts {
            None => self.dist(arch),
            Some(dir) if self.request.archs.len() == 1 => dir.clone(),
            Some(dir) => dir.join(&arch.name),
        }
    }
}

/// What is known of a failure that a verdict goes with.
pub fn not_built(error: &anyhow::Error) -> Option<&NotBuilt> {
    error.downcast_ref()
}
