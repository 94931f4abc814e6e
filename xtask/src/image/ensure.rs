//! An image that is there and right: found, pulled, or built. Whoever needs one
//! asks here.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::build::{Build, Failure, log};
use super::decide::{self, Look, Ready};
use super::dockerfile::Dockerfile;
use super::failed::{self, Failed};
use super::finish;
use super::invocation::Invocation;
use super::prune;
use super::registry;
use super::spec::{DOCKERFILE, Spec};
use crate::engine::{Builder, Engine};
use crate::fingerprint::Reason;
use crate::toolchain::cache::Cache;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::ui::Ui;
use crate::util::{fs, lock};

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The project's root, for logs.
    pub root: &'a Path,
    /// The engine.
    pub engine: &'a Engine,
    /// The image.
    pub spec: &'a Spec,
    /// Certificates of the network.
    pub ca: Option<&'a Path>,
    /// Builds it although it is there, and takes nothing from the cache.
    pub force: bool,
    /// Prints every input before a build.
    pub explain: bool,
    /// A registry to ask before building.
    pub pull: Option<&'a str>,
    /// Where to say what happens.
    pub ui: &'a Ui,
}

/// How it came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It was.
    Ready,
    /// From the registry.
    Pulled,
    /// By building it.
    Built,
}

/// The image, and what was done for it.
#[derive(Debug)]
pub struct Ensured {
    /// The image.
    pub ready: Ready,
    /// What was done.
    pub how: How,
    /// Why; empty when nothing was.
    pub reasons: Vec<Reason>,
    /// The alias pointed elsewhere and was set.
    pub alias_set: bool,
    /// How long it took.
    pub took: Duration,
}

/// Finds the image, or makes it.
///
/// # Errors
/// The engine's; [`Failure`] when a step of the build fails; [`Stopped`].
pub fn ensure(request: &Request<'_>) -> Result<Ensured> {
    let started = Instant::now();
    let look = decide::look(request.engine, request.spec)?;
    if let Some(found) = found(request, look, started)? {
        return Ok(found);
    }
    let spec = request.spec;
    let what = format!("the image {}", spec.tag());
    let own = log(request.root, spec).with_extension("lock");
    let _project = lock::take(&own, &what, request.ui)?;
    let everyones = Cache::open()?.path(&format!("locks/image-{}.lock", spec.inputs.short()));
    let _machine = lock::take(&everyones, &what, request.ui)?;
    // Another run may have made it meanwhile.
    let look = decide::look(request.engine, spec)?;
    let reasons = decide::why(request.engine, spec, &look)?;
    if let Some(found) = found(request, look, started)? {
        return Ok(found);
    }
    if let Some(registry) = request.pull.filter(|_| !request.force) {
        if let Some(ready) = registry::pull(request.engine, spec, registry, request.ui)? {
            finish::point_alias(request.engine, spec)?;
            return Ok(Ensured {
                ready,
                how: How::Pulled,
                reasons,
                alias_set: spec.alias().is_some(),
                took: started.elapsed(),
            });
        }
    }
    say_why(request, &reasons);
    let ready = build(request)?;
    Ok(Ensured {
        ready,
        how: How::Built,
        reasons,
        alias_set: spec.alias().is_some(),
        took: started.elapsed(),
    })
}

fn found(request: &Request<'_>, look: Look, started: Instant) -> Result<Option<Ensured>> {
    if request.force {
        return Ok(None);
    }
    let alias_set = look.alias_is_wrong(request.spec);
    let Some(ready) = look.ready else {
        return Ok(None);
    };
    if alias_set {
        finish::point_alias(request.engine, request.spec)?;
        let alias = request.spec.alias().unwrap_or_default();
        let was = match look.alias {
            Some(_) => "pointed at another image",
            None => "was missing",
        };
        request
            .ui
            .note(&format!("{alias} {was}; now it is {}", request.spec.tag()));
    }
    explain(request);
    Ok(Some(Ensured {
        ready,
        how: How::Ready,
        reasons: Vec::new(),
        alias_set,
        took: started.elapsed(),
    }))
}

/// One sentence a reason, before anything is done.
pub fn say_why(request: &Request<'_>, reasons: &[Reason]) {
    let ui = request.ui;
    let tag = request.spec.tag();
    if request.force {
        ui.note(&format!("{tag} is built because --force asks for it"));
    } else if reasons.len() == 1 {
        ui.note(&format!("{tag} is built: {}", reasons[0].short()));
    } else {
        ui.note(&format!("{tag} is built because"));
        for reason in reasons {
            ui.note(&format!("  {}", reason.short()));
        }
    }
    explain(request);
}

/// Every input, where that is asked for.
pub fn explain(request: &Request<'_>) {
    if request.explain {
        request.ui.note("its inputs:");
        for (name, value) in request.spec.inputs.iter() {
            request.ui.note(&format!("  {name}: {value}"));
        }
    }
}

fn build(request: &Request<'_>) -> Result<Ready> {
    let spec = request.spec;
    let interrupt = Interrupt::watch()?;
    let engine = request.engine.for_builds()?;
    if let Some(why) = &engine.why {
        request.ui.note(why);
    }
    let log = log(request.root, spec);
    let text = dockerfile(spec)?;
    let dockerfile = Dockerfile::parse(&text);
    let title = format!("the image for {} {}", spec.release.name, spec.arch.name);
    let step = request.ui.step("Building", &title);
    // Without it an image is only never pruned.
    let project = prune::project(request.root).ok();
    let invocation = Invocation {
        engine: &engine,
        spec,
        dockerfile: &dockerfile,
        text: &text,
        ca: request.ca,
        project: project.as_deref(),
        // Buildah takes a step from its cache although a mounted file changed.
        no_cache: request.force || engine.builder == Some(Builder::Buildah),
    };
    let build = Build {
        invocation,
        log: &log,
        interrupt: &interrupt,
    };
    let id = build.run(&title, &step).map_err(|error| {
        match error.downcast::<Failure>() {
            Ok(failure) => {
                // What `--shell` opens; without it there is still the log.
                let kept = failed::remember(request.root, spec, &failure);
                kept.err()
                    .unwrap_or_else(|| anyhow::Error::new(Failed::of(spec, failure)))
            }
            Err(error) => error,
        }
    })?;
    step.show(&format!("{title}: reading what was baked"));
    let stop = || -> Result<()> {
        match interrupt.asked() {
            true => Err(anyhow::Error::new(Stopped(
                "the image was built, but not tagged: the same command tags it".to_owned(),
            ))),
            false => Ok(()),
        }
    };
    stop()?;
    let ready = finish::finish(&engine, spec, &id)?;
    finish::point_alias(&engine, spec)?;
    failed::forget(request.root, spec)?;
    step.done("Built");
    Ok(ready)
}

/// The text of the spec's Dockerfile.
///
/// # Errors
/// It is not UTF-8.
pub fn dockerfile(spec: &Spec) -> Result<String> {
    let file = spec.files.iter().find(|file| file.path == DOCKERFILE);
    let content = file.map(|file| file.content.clone()).unwrap_or_default();
    String::from_utf8(content).with_context(|| format!("{DOCKERFILE} is not UTF-8"))
}

impl Ensured {
    /// `openwrt-rust-builder:… (1.6 GB), nothing to do`
    pub fn summary(&self, spec: &Spec) -> String {
        let size = fs::human_size(self.ready.image.size);
        let rest = match self.how {
            How::Ready => ", nothing to do".to_owned(),
            How::Pulled | How::Built => {
                let alias = spec.alias();
                alias.map_or_else(String::new, |alias| format!(", also {alias}"))
            }
        };
        format!("{} ({size}){rest}", spec.tag())
    }
}
