//! What `image` does in place of building: --shell, --history, --pin, --prune.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::context::Context;
use crate::engine::{Engine, ca};
use crate::flags::Image;
use crate::image::decide::{self, Look};
use crate::image::history::{self, History};
use crate::image::spec::Spec;
use crate::image::{pin, prune, shell};
use crate::util::fs;

/// Runs what the flags name; `None` when they name nothing of the kind.
///
/// # Errors
/// Those of what is run.
pub fn run(flags: &Image, ctx: &Context, engine: &Engine) -> Result<Option<ExitCode>> {
    if flags.prune {
        return prune(flags, ctx, engine).map(Some);
    }
    if flags.pin {
        return pin(flags, ctx, engine).map(Some);
    }
    if !flags.shell && !flags.history {
        return Ok(None);
    }
    let (release, archs) = super::chosen(flags, ctx)?;
    let [arch] = &archs[..] else {
        bail!("name one architecture for --shell or --history");
    };
    let spec = super::spec(flags, ctx, &release, arch)?;
    if flags.history {
        return history(flags, engine, &spec).map(Some);
    }
    let ca = ca::bundle(flags.engine.ca_bundle.as_deref())?;
    let code = shell::open(&shell::Request {
        root: &ctx.root,
        engine,
        spec: &spec,
        ca: ca.as_deref(),
        ui: &ctx.ui,
    })?;
    Ok(Some(ExitCode::from(code)))
}

fn history(flags: &Image, engine: &Engine, spec: &Spec) -> Result<ExitCode> {
    let Look { ready, alias, .. } = decide::look(engine, spec)?;
    let image = ready.map(|ready| ready.image).or(alias);
    let image = image.with_context(|| {
        format!(
            "there is no image {} yet: cargo xtask image {} builds it",
            spec.tag(),
            spec.arch.name
        )
    })?;
    let history = history::read(engine, spec, &image)?;
    match flags.json {
        true => println!("{}", serde_json::to_string_pretty(&history)?),
        false => print!("{}", as_text(&history, image.size)),
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(history: &History, size: u64) -> String {
    let mut text = format!("{}\n", history.image);
    for layer in &history.layers {
        let stage = layer.stage.as_deref().unwrap_or("");
        text += &format!(
            "{:>9}  {stage:<11}  {}\n",
            fs::human_size(layer.size),
            layer.command
        );
        if !layer.inputs.is_empty() {
            text += &format!("{:>24}driven by {}\n", "", layer.inputs.join(", "));
        }
    }
    text += &format!("{:>9}  in all\n", fs::human_size(size));
    if history.dockerfile_changed {
        text += "openwrt/Dockerfile changed since: which inputs drove a layer is not known\n";
    }
    text
}

fn pin(flags: &Image, ctx: &Context, engine: &Engine) -> Result<ExitCode> {
    let (release, archs) = super::chosen(flags, ctx)?;
    let pins = archs
        .iter()
        .map(|arch| pin::resolve(engine, &ctx.sdk, &release, arch, &ctx.ui))
        .collect::<Result<Vec<_>>>()?;
    let changed: Vec<pin::Pin> = pins
        .iter()
        .filter(|pin| pin.old.as_deref() != Some(&pin.digest))
        .cloned()
        .collect();
    if !flags.dry_run && !changed.is_empty() {
        pin::write(&ctx.root, &changed)?;
    }
    for pin in &pins {
        let what = match (&pin.old, changed.contains(pin)) {
            (_, false) => format!("{} is {} already", pin.base, pin.digest),
            (Some(old), true) => format!("{} changed from {old} to {}", pin.base, pin.digest),
            (None, true) => format!("{} is {}", pin.base, pin.digest),
        };
        let verb = if flags.dry_run { "Would pin" } else { "Pinned" };
        ctx.ui.status(verb, &format!("{}: {what}", pin.arch));
    }
    if flags.json {
        println!("{:#}", json!({ "pins": pins }));
    }
    Ok(ExitCode::SUCCESS)
}

fn prune(flags: &Image, ctx: &Context, engine: &Engine) -> Result<ExitCode> {
    let project = prune::project(&ctx.root)?;
    let used = prune::used(&ctx.root)?;
    for (name, why) in &used.unknown {
        ctx.ui
            .warn(&format!("which images {name} uses is not known: {why}"));
    }
    ensure!(
        used.unknown.is_empty() || flags.force || flags.dry_run,
        "nothing was removed: an image may be one that {} uses (--force removes it nevertheless)",
        used.unknown[0].0
    );
    let plan = prune::plan(engine, &project, &used)?;
    let verb = match flags.dry_run {
        true => "Would remove",
        false => "Removing",
    };
    for image in &plan.images {
        let name = match image.tags.is_empty() {
            true => image.id.get(..19).unwrap_or(&image.id).to_owned(),
            false => image.tags.join(", "),
        };
        let rest = match image.other_tags.is_empty() {
            true => String::new(),
            false => format!("; it stays as {}", image.other_tags.join(", ")),
        };
        ctx.ui.status(
            verb,
            &format!(
                "{name} ({}): {}{rest}",
                fs::human_size(image.size),
                image.why
            ),
        );
    }
    for container in &plan.containers {
        ctx.ui
            .status(verb, &format!("{container}: a killed run left it"));
    }
    let done = match flags.dry_run {
        true => prune::Done {
            images: plan.images.len(),
            ..prune::Done::default()
        },
        false => prune::remove(engine, &plan)?,
    };
    for error in &done.refused {
        ctx.ui.warn(error);
    }
    report(flags, ctx, &plan, &done);
    Ok(ExitCode::from(u8::from(!done.refused.is_empty())))
}

fn report(flags: &Image, ctx: &Context, plan: &prune::Plan, done: &prune::Done) {
    let size: u64 = plan.images.iter().map(|image| image.size).sum();
    let kept = plan.kept.len();
    let images = match done.refused.is_empty() {
        true => done.images.to_string(),
        false => format!("{} of {}", done.images, plan.images.len()),
    };
    let verb = match flags.dry_run {
        true => "Would remove",
        false => "Removed",
    };
    ctx.ui.status(
        verb,
        &format!(
            "{images} images of at most {} (layers that others share stay), {} containers; {kept} names are in use",
            fs::human_size(size),
            plan.containers.len()
        ),
    );
    if flags.json {
        let mut object: Value = json!(plan);
        object["removed"] = json!(!flags.dry_run);
        object["refused"] = json!(done.refused);
        println!("{object:#}");
    }
}
