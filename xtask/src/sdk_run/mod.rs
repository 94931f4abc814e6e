//! The SDK backend: a package made by OpenWrt's own build system, in a
//! container of the SDK image, from the live source as it is.
//!
//! | module | |
//! |---|---|
//! | [`plan`] | everything that is decided before there is a container |
//! | [`send`] | what is put into it, [`results`] what is taken out |
//! | [`follow`] | its output while it is written |
//! | [`stamps`], [`judge`] | was anything of the toolchain made again? |

pub mod follow;
pub mod judge;
pub mod plan;
pub mod results;
pub mod send;
pub mod stamps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::build::{self, Backend, Built, Outcome, Request};
use crate::buildlog::{Baseline, Scanner};
use crate::config::sdk::Arch;
use crate::context::Context;
use crate::engine::{Engine, Image, Kind, ca};
use crate::fingerprint::hex;
use crate::image::files::WorkingTree;
use crate::image::spec::Spec;
use crate::package::repack;
use crate::source;
use crate::toolchain::cache::Cache;
use crate::util::{fs, lock};
use follow::{Follow, Log};
use judge::{Facts, NotBuilt};
use plan::{ARTIFACTS, LABEL, Plan, SOURCE, TREE};
use results::Results;
use send::Parcel;

/// What runs in the container.
const SCRIPT: &str = include_str!("build.sh");

/// Variables of the caller that the container gets as they are.
const PASSED: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
];

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
    build::refuse_apk(&request.release)?;
    let asked = source::ask(&request.member.dir);
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
        epoch: source.epoch,
    };
    Ok(request
        .archs
        .iter()
        .map(|arch| (arch.clone(), run.arch(arch)))
        .collect())
}

struct Run<'a> {
    ctx: &'a Context,
    request: &'a Request<'a>,
    options: &'a Options,
    engine: Engine,
    is_remote: bool,
    ca: Option<PathBuf>,
    epoch: u64,
}

impl Run<'_> {
    fn arch(&self, arch: &Arch) -> Result<Built> {
        let started = Instant::now();
        let mut phases = BTreeMap::new();
        let image = self.image(arch)?;
        let fingerprint = image.label(&format!("{LABEL}fingerprint"));
        let fingerprint = fingerprint.with_context(|| {
            format!("the image {} has no fingerprint: make it again with `cargo xtask image {} --force`", image.id, arch.name)
        })?;
        phases.insert("image", started.elapsed().as_secs_f64());

        let plan = Plan::new(self.request, &self.ctx.sdk, arch, fingerprint, self.epoch)?;
        let lock = Cache::open()?.path(&format!("locks/sdk-{}.lock", plan.key));
        let what = format!("{} for {} in the SDK", plan.meta.name, arch.name);
        let _lock = lock::take(&lock, &what, &self.ctx.ui)?;

        let started = Instant::now();
        let container = format!("xtask-{}-{}", plan.key, std::process::id());
        let guard = self.engine.guard(&container)?;
        self.prepare(&plan, &image, &container)?;
        phases.insert("container", started.elapsed().as_secs_f64());

        let started = Instant::now();
        let facts = self.make(&plan, &image, &container, arch)?;
        phases.insert("make", started.elapsed().as_secs_f64());
        drop(guard);

        let started = Instant::now();
        let package = judge::judge(facts, &plan, self.options.allow_rebuild)?;
        let repacked = repack::repack(&package.bytes)
            .with_context(|| format!("read {}, which OpenWrt wrote", plan.file))?;
        let path = self.dist(arch).join(&plan.file);
        self.write(&path, &repacked.bytes)?;
        phases.insert("pack", started.elapsed().as_secs_f64());
        Ok(Built {
            name: plan.meta.full_name(),
            version: plan.meta.version.clone(),
            arch: arch.name.clone(),
            release: self.request.release.name.clone(),
            size: repacked.bytes.len() as u64,
            installed_size: repacked.installed_size,
            sha256: hex(&<sha2::Sha256 as sha2::Digest>::digest(&repacked.bytes)),
            path,
            phases,
            compiled: package.compiled,
            backend: Backend::Sdk,
            verdict: Some(package.verdict),
            log: Some(package.log),
        })
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
    fn image(&self, arch: &Arch) -> Result<Image> {
        let tree = WorkingTree::new(&self.ctx.root);
        let choice = self.request.toolchain;
        let spec = Spec::collect(&tree, &self.ctx.sdk, &self.request.release, arch, choice)?;
        let tag = spec.tag();
        let image = self.engine.inspect_images(&[&tag])?.into_iter().next();
        image.flatten().with_context(|| {
            format!(
                "there is no image {tag}: make it with `cargo xtask image {}`",
                arch.name
            )
        })
    }

    /// A container with all that the build needs, not yet started.
    fn prepare(&self, plan: &Plan, image: &Image, container: &str) -> Result<()> {
        let run = format!("{LABEL}run={}", plan.run());
        // Under the lock: whoever made these is dead.
        let left = self.engine.containers(&run)?;
        if !left.is_empty() {
            self.ctx
                .ui
                .note("removing the container of a run that was killed");
            let mut args = vec!["rm", "--force", "--volumes"];
            args.extend(left.iter().map(String::as_str));
            self.engine.read(&args)?;
        }
        for volume in &plan.volumes {
            let label = (format!("{LABEL}volume"), volume.keeps.to_owned());
            self.engine.ensure_volume(&volume.name, &[label])?;
        }
        let mut args: Vec<String> = ["create", "--name", container, "--label", &run]
            .map(str::to_owned)
            .into();
        args.extend(["--workdir".to_owned(), TREE.to_owned()]);
        let sent = self.why_not_mounted(plan)?;
        match &sent {
            None => args.extend(["--volume".to_owned(), mount(&plan.root, SOURCE)]),
            Some(why) => why.iter().for_each(|why| self.ctx.ui.note(why)),
        }
        let ca = self.ca.as_deref();
        let is_mounted = |bundle: &Path| !self.is_remote && is_plain(bundle) && is_public(bundle);
        if let Some(bundle) = ca {
            if is_mounted(bundle) {
                args.extend(["--volume".to_owned(), mount(bundle, ca::INSIDE)]);
            }
            let set = |name| ["--env".to_owned(), format!("{name}={}", ca::INSIDE)];
            args.extend(ca::VARIABLES.into_iter().flat_map(set));
        }
        for volume in &plan.volumes {
            args.extend([
                "--volume".to_owned(),
                format!("{}:{}", volume.name, volume.at),
            ]);
        }
        for (name, value) in &plan.environment {
            args.extend(["--env".to_owned(), format!("{name}={value}")]);
        }
        // Their values are not on the command line, where others could read them.
        let passed = passed(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()));
        args.extend(
            passed
                .into_iter()
                .flat_map(|name| ["--env".to_owned(), name]),
        );
        args.extend(["--entrypoint", "/bin/bash", &image.id, "-c", SCRIPT].map(str::to_owned));
        self.engine.read(&args).context("make a container")?;

        let user = image.config.as_ref().map_or("", |config| &config.user);
        let mut parcel = Parcel::new(plan, self.engine.user(container, user)?)?;
        if sent.is_some() {
            parcel.source(plan)?;
        }
        if let Some(bundle) = ca.filter(|bundle| !is_mounted(bundle)) {
            parcel.certificates(bundle)?;
        }
        self.engine
            .copy_in(container, parcel.finish()?)
            .context("fill the container")
    }

    /// Why the source is sent and not mounted, where that needs to be told.
    fn why_not_mounted(&self, plan: &Plan) -> Result<Option<Option<String>>> {
        if self.is_remote {
            return Ok(Some(None));
        }
        if !is_plain(&plan.root) {
            let why = "the source is copied into the container: its path has a `:`, which no mount can have";
            return Ok(Some(Some(why.to_owned())));
        }
        Ok(plan.unreadable()?.map(|path| {
            Some(format!(
                "the source is copied into the container: its user could not read {} in a mount",
                fs::shown(&path).display()
            ))
        }))
    }

    /// Runs the container and gathers what there is to judge.
    fn make(&self, plan: &Plan, image: &Image, container: &str, arch: &Arch) -> Result<Facts> {
        let baseline = self.baseline(image);
        let mut scanner = Scanner::with_baseline(baseline);
        let mut log = Log::create(&self.log_dir(arch))?;
        let text = format!("{} for {} in the SDK", plan.meta.name, arch.name);
        let step = if self.options.verbose {
            self.ctx.ui.status("Building", &text);
            None
        } else {
            Some(self.ctx.ui.step("Building", &text))
        };
        let follow = Follow {
            engine: &self.engine,
            container,
            verbose: self.options.verbose,
            allow: self.options.allow_rebuild,
            step: step.as_ref(),
        };
        let stopped = follow.run(&mut log, &mut scanner)?;
        drop(step);
        let ended = self.engine.ended(container)?;
        let ended = ended
            .context("the engine let go of the container while it runs: the log is not whole")?;
        let results = match self.engine.copy_out(container, ARTIFACTS) {
            Ok(archive) => Results::read(&archive, &plan.file)?,
            // A container that could not even start has none; its output tells.
            Err(_) if ended.code != 0 => Results::default(),
            Err(error) => return Err(error.context("take the package out of the container")),
        };
        let (log, tail) = log.finish()?;
        if let Some(dir) = log.parent().filter(|_| self.options.artifacts.is_some()) {
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
            tail,
        })
    }

    /// What was baked, as the image's label tells it.
    fn baseline(&self, image: &Image) -> Option<Baseline> {
        let text = image.label(&format!("{LABEL}baseline"));
        let read = text.context("it has none").and_then(Baseline::parse);
        read.inspect_err(|error| {
            self.ctx.ui.warn(&format!(
                "the image does not say what was baked ({error:#}): causes may stay undetermined"
            ));
        })
        .ok()
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

fn mount(from: &Path, to: &str) -> String {
    format!("{}:{to}:ro", from.display())
}

/// A path that `--volume` can say.
fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| !path.contains(':'))
}

/// Everybody may read it.
fn is_public(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

/// Those of the caller's variables that the container gets.
fn passed(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_passed = |name: &String| {
        let lower = name.to_ascii_lowercase();
        // The certificates have another path there.
        name != "CARGO_HTTP_CAINFO"
            && PASSED
                .iter()
                .any(|wanted| match wanted.ends_with("_proxy") {
                    true => lower == *wanted,
                    false => name.starts_with(wanted),
                })
    };
    let mut names: Vec<String> = names.filter(is_passed).collect();
    names.sort();
    names
}

/// What is known of a failure that a verdict goes with.
pub fn not_built(error: &anyhow::Error) -> Option<&NotBuilt> {
    error.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_gets_the_way_to_the_network() {
        let names = [
            "HTTPS_PROXY",
            "no_proxy",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_X_INDEX",
            "CARGO_HTTP_CAINFO",
            "PATH",
            "CARGO_HOME",
            "http_proxy_x",
        ];
        assert_eq!(
            passed(names.into_iter().map(str::to_owned)),
            [
                "CARGO_NET_OFFLINE",
                "CARGO_REGISTRIES_X_INDEX",
                "HTTPS_PROXY",
                "no_proxy"
            ]
        );
    }

    #[test]
    fn paths_that_cannot_be_mounted() {
        assert!(is_plain(Path::new("/a b/c,d")));
        assert!(!is_plain(Path::new("/a:b")));
        assert_eq!(mount(Path::new("/a b"), "/c"), "/a b:/c:ro");
    }
}
