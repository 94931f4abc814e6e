//! `image`: the SDK image for each architecture, built only when what it is
//! made from changed.

mod instead;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use crate::config::sdk::{Arch, Release};
use crate::context::Context;
use crate::engine::{Engine, ca};
use crate::fingerprint::Reason;
use crate::flags::Image;
use crate::image::build;
use crate::image::decide;
use crate::image::ensure::{self, Ensured, How, Request};
use crate::image::failed::Failed;
use crate::image::files::WorkingTree;
use crate::image::manifest::Difference;
use crate::image::registry;
use crate::image::spec::Spec;
use crate::util::interrupt::{self, Interrupt, Stopped};

/// The architecture that is meant when none is named.
const DEFAULT_ARCH: &str = "aarch64";

/// Runs the command.
///
/// # Errors
/// What concerns every architecture; a single one's failure is printed and
/// gives exit code 1.
pub fn run(flags: &Image, ctx: &Context) -> Result<ExitCode> {
    let engine = Engine::find(flags.engine.engine)?;
    if let Some(code) = instead::run(flags, ctx, &engine)? {
        return Ok(code);
    }
    let (release, archs) = chosen(flags, ctx)?;
    let ca = ca::bundle(flags.engine.ca_bundle.as_deref())?;
    let mut done = Vec::new();
    let mut failures = Vec::new();
    for arch in &archs {
        if Interrupt::was_asked() {
            ctx.ui
                .error(&anyhow!(Stopped(format!("before {}", arch.name))));
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        }
        let spec = spec(flags, ctx, &release, arch)?;
        match one(flags, ctx, &engine, ca.as_ref(), &spec) {
            Ok(value) => done.push(value),
            Err(error) if error.is::<Stopped>() || Interrupt::was_asked() => {
                ctx.ui.error(&error);
                return Ok(ExitCode::from(interrupt::EXIT_CODE));
            }
            Err(error) => {
                failures.push(failure(ctx, &spec, &error));
                ctx.ui.error(&error);
            }
        }
    }
    if archs.len() > 1 && !failures.is_empty() {
        // The last line of a long log must not be another one's success.
        let names: Vec<&str> = failures
            .iter()
            .filter_map(|failure| failure["arch"].as_str())
            .collect();
        ctx.ui.error(&anyhow!(
            "{} of {} images could not be had: {} (the reasons stand above)",
            names.len(),
            archs.len(),
            names.join(", ")
        ));
    }
    if flags.json {
        let object = json!({ "images": done, "failures": failures });
        println!("{object:#}");
    }
    Ok(ExitCode::from(u8::from(!failures.is_empty())))
}

fn chosen(flags: &Image, ctx: &Context) -> Result<(Release, Vec<Arch>)> {
    let release = ctx.sdk.release(flags.release.as_deref())?;
    if flags.all {
        let archs = ctx.sdk.all_archs(&release)?;
        return Ok((release, archs));
    }
    let mut archs: Vec<Arch> = Vec::new();
    let default = [DEFAULT_ARCH.to_owned()];
    let named = match flags.archs.is_empty() {
        true => &default[..],
        false => &flags.archs,
    };
    for name in named {
        let arch = ctx.sdk.arch(name, &release)?;
        if !archs.contains(&arch) {
            archs.push(arch);
        }
    }
    Ok((release, archs))
}

fn spec(flags: &Image, ctx: &Context, release: &Release, arch: &Arch) -> Result<Spec> {
    let tree = WorkingTree::new(&ctx.root);
    Spec::collect(&tree, &ctx.sdk, release, arch, flags.toolchain.toolchain)
}

fn one(
    flags: &Image,
    ctx: &Context,
    engine: &Engine,
    ca: Option<&PathBuf>,
    spec: &Spec,
) -> Result<Value> {
    let request = Request {
        root: &ctx.root,
        engine,
        spec,
        ca: ca.map(PathBuf::as_path),
        force: flags.force,
        explain: flags.explain,
        pull: flags.pull.as_deref(),
        ui: &ctx.ui,
    };
    if flags.dry_run {
        return dry_run(flags, ctx, &request);
    }
    let ensured = ensure::ensure(&request)?;
    let verb = match ensured.how {
        How::Ready | How::Built => "Ready",
        How::Pulled => "Pulled",
    };
    ctx.ui.status(verb, &ensured.summary(spec));
    let mut object = describe(spec, &ensured.reasons);
    let pushed = match &flags.push {
        Some(registry) => Some(registry::push(engine, spec, registry, &ctx.ui)?),
        None => None,
    };
    add(&mut object, ctx, spec, &ensured, pushed);
    Ok(object)
}

fn describe(spec: &Spec, reasons: &[Reason]) -> Value {
    let reasons = reasons.iter().cloned().map(Difference::from);
    json!({
        "release": spec.release.name,
        "arch": spec.arch.name,
        "tag": spec.tag(),
        "alias": spec.alias(),
        "fingerprint": spec.inputs.digest(),
        "reasons": reasons.collect::<Vec<_>>(),
    })
}

fn add(object: &mut Value, ctx: &Context, spec: &Spec, ensured: &Ensured, pushed: Option<String>) {
    let image = &ensured.ready.image;
    let log = build::log(&ctx.root, spec);
    object["state"] = json!(ensured.how);
    object["id"] = json!(image.id);
    object["size"] = json!(image.size);
    object["toolchain"] = json!(ensured.ready.labels.toolchain);
    object["alias_set"] = json!(ensured.alias_set);
    object["seconds"] = json!(ensured.took.as_secs_f64());
    object["log"] = json!((ensured.how == How::Built).then_some(log));
    object["pushed"] = json!(pushed);
}

/// Says what would be done, and does nothing.
fn dry_run(flags: &Image, ctx: &Context, request: &Request<'_>) -> Result<Value> {
    let spec = request.spec;
    let look = decide::look(request.engine, spec)?;
    let would_build = request.force || look.ready.is_none();
    let reasons = match look.ready {
        None => decide::why(request.engine, spec, &look)?,
        Some(_) => Vec::new(),
    };
    let mut object = describe(spec, &reasons);
    object["state"] = json!(if would_build { "would-build" } else { "ready" });
    if would_build {
        ensure::say_why(request, &reasons);
        let first = match &flags.pull {
            Some(registry) => format!(", unless {registry} has it"),
            None => String::new(),
        };
        ctx.ui
            .status("Would build", &format!("{}{first}", spec.tag()));
    } else {
        ensure::explain(request);
        let alias = match (look.alias_is_wrong(spec), spec.alias()) {
            (true, Some(alias)) => format!("{alias} would be set to it"),
            _ => "nothing to do".to_owned(),
        };
        ctx.ui.status("Ready", &format!("{}, {alias}", spec.tag()));
    }
    Ok(object)
}

fn failure(ctx: &Context, spec: &Spec, error: &anyhow::Error) -> Value {
    let failed = error.downcast_ref::<Failed>();
    let step = failed.and_then(|failed| failed.failure.step.clone());
    let log = failed.map(|_| build::log(&ctx.root, spec));
    json!({
        "release": spec.release.name,
        "arch": spec.arch.name,
        "error": format!("{error:#}"),
        "step": step,
        "log": log,
    })
}
