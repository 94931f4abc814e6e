//! What make would do: a container of the image, thrown away afterwards, in
//! which a package is built that has no source. make visits every stage that
//! the package needs, and the scanner reads what it does there. A stage that
//! begins is stopped.

use anyhow::{Context as _, Result};

use super::check::{Check, Evidence};
use crate::buildlog::{Because, Cause, Outcome, Scanner, Verdict};
use crate::engine::Engine;
use crate::image::decide::Ready;
use crate::sdk_run::follow::Follow;
use crate::sdk_run::log::Log;
use crate::sdk_run::plan::{Plan, TREE};
use crate::sdk_run::send::Parcel;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::ui::Ui;

/// What runs in the container.
const SCRIPT: &str = include_str!("dry.sh");

/// Where the source would be.
const NO_SOURCE: &str = "/nonexistent";

/// Runs it and judges; `force` makes the image anew.
///
/// # Errors
/// The user's wish to stop.
pub fn examine(
    engine: &Engine,
    image: &Ready,
    plan: Plan,
    force: &str,
    ui: &Ui,
) -> Result<Evidence> {
    let interrupt = Interrupt::watch()?;
    let ran = run(engine, image, plan, ui, &interrupt);
    match ran {
        // What failed did so because of it.
        Err(_) if interrupt.asked() => {
            Err(Stopped("no verdict: not everything was looked at".to_owned()).into())
        }
        Err(error) => Ok(Evidence::unknown(
            Check::NextBuild,
            format!("make could not be asked: {error:#}"),
        )),
        // Baking anew mends what nobody can name.
        Ok(evidence) if evidence.cause.as_deref() == Some(Cause::NotDetermined.name()) => {
            Ok(evidence.mend(force))
        }
        Ok(evidence) => Ok(evidence),
    }
}

fn run(
    engine: &Engine,
    image: &Ready,
    mut plan: Plan,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Evidence> {
    let container = format!("xtask-dry-{}-{}", plan.key, std::process::id());
    let feed = variable(&plan, "XTASK_FEED");
    let package = variable(&plan, "XTASK_PACKAGE");
    plan.paths = vec![variable(&plan, "XTASK_RECIPE")];
    let arguments = arguments(engine, image, &plan, &container);
    // Caches are the build's own, but for the downloads that stages look at.
    plan.volumes.clear();
    let _guard = engine.guard(&container)?;
    engine.read(&arguments).context("make a container")?;
    let user = image.image.config.as_ref();
    let user = user.map_or("", |config| &config.user);
    let mut parcel = Parcel::new(&plan, engine.user(&container, user)?)?;
    parcel.source(&plan)?;
    engine
        .copy_in(&container, parcel.finish()?)
        .context("fill the container")?;

    let title = format!("what make would do for {package}");
    let step = ui.step("Asking", &title);
    let dir = tempfile::tempdir().context("make a folder for a log")?;
    let mut log = Log::create(dir.path())?;
    let mut scanner = Scanner::with_baseline(Some(image.labels.baseline.clone()));
    let stopped = Follow {
        engine,
        container: &container,
        verbose: false,
        allow: false,
        step: Some(&step),
        title: &title,
        autoremove: &image.labels.baseline.autoremove,
        interrupt,
    }
    .run(&mut log, &mut scanner)?;
    drop(step);
    if let Some(stopped) = stopped {
        return Ok(made(&stopped.begun.stage, &stopped.because));
    }
    let reached = format!("package/feeds/{feed}/{package}/compile");
    Ok(judge(&scanner.finish(), &reached))
}

/// What `create` is told.
fn arguments(engine: &Engine, image: &Ready, plan: &Plan, container: &str) -> Vec<String> {
    let mut args: Vec<String> = ["create", "--name", container, "--network=none"]
        .map(str::to_owned)
        .into();
    args.extend(["--workdir".to_owned(), TREE.to_owned()]);
    let downloads = plan.volumes.iter().find(|volume| volume.keeps == "dl");
    // Naming one that is not there would make it.
    let is_there = |name: &str| engine.read(&["volume", "inspect", name]).is_ok();
    if let Some(volume) = downloads.filter(|volume| is_there(&volume.name)) {
        let mount = format!("{}:{}:ro", volume.name, volume.at);
        args.extend(["--volume".to_owned(), mount]);
    }
    for (name, value) in &plan.environment {
        let value = match name.as_str() {
            "XTASK_SOURCE" => NO_SOURCE,
            _ => value,
        };
        args.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    args.push("--entrypoint=/bin/bash".to_owned());
    args.extend([&image.image.id, "-c", SCRIPT].map(str::to_owned));
    args
}

fn variable(plan: &Plan, name: &str) -> String {
    let found = plan.environment.iter().find(|(known, _)| known == name);
    found.map_or_else(String::new, |(_, value)| value.clone())
}

fn made(stage: &str, because: &Because) -> Evidence {
    let mut names = because.candidates.iter().map(|cause| cause.name());
    let candidates = names.by_ref().collect::<Vec<_>>().join(", ");
    let cause = because.cause.name();
    let why = match candidates.is_empty() {
        true => cause.to_owned(),
        false => format!("{cause}, one of: {candidates}"),
    };
    Evidence::recompiled(
        Check::NextBuild,
        format!("make would build {stage} again: {why}"),
    )
    .because(cause)
    .mend(because.cause.mend())
}

/// A verdict is evidence only where the log reaches the package.
fn judge(verdict: &Verdict, reached: &str) -> Evidence {
    let check = Check::NextBuild;
    let ran = verdict.stages.iter().find(|row| row.host && row.ran);
    match verdict.verdict {
        Outcome::Recompiled => {
            let because = Because {
                cause: verdict.cause.unwrap_or(Cause::NotDetermined),
                candidates: verdict.candidates.clone(),
            };
            made(ran.map_or("the toolchain", |row| &row.name), &because)
        }
        Outcome::Cached if verdict.stages.iter().any(|row| row.name == reached) => {
            let hosts: Vec<&str> = verdict
                .stages
                .iter()
                .filter(|row| row.host)
                .map(|row| row.name.as_str())
                .collect();
            let text = match hosts.is_empty() {
                true => "make comes to the package without a stage of the toolchain".to_owned(),
                false => format!("make looks at {} and makes nothing there", hosts.join(", ")),
            };
            Evidence::ok(check, text)
        }
        Outcome::Cached => {
            Evidence::unknown(check, "make did not come to the package in a dry run")
        }
        Outcome::Unknown => Evidence::unknown(
            check,
            format!(
                "a dry run shows too little: {}",
                verdict.mend.as_deref().unwrap_or("it has no evidence")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;
    use crate::buildlog::{Baseline, scan};

    const REACHED: &str = "package/feeds/tollgate/x/compile";

    fn state(log: &str, stages: &str) -> State {
        let text = format!(
            r#"{{"schema":1,"tree":"/builder","autoremove":"y","autorebuild":true,"stages":[{stages}]}}"#
        );
        let baseline = Baseline::parse(&text).unwrap();
        judge(&scan(log.as_bytes(), Some(baseline)).unwrap(), REACHED).state
    }

    #[test]
    fn only_a_log_that_reaches_the_package_is_evidence() {
        let toolchain = "make[2]: Entering directory '/builder/package/toolchain'\n\
                         make[2]: Leaving directory '/builder/package/toolchain'\n\
                         time: package/toolchain/compile#0.17#0.05#0.22\n";
        let package = "make[2]: Entering directory '/builder/feeds/tollgate/x'\n\
                       make[2]: *** [Makefile:1: /builder/build_dir/target-a_musl/x-1/.prepared_aa_bb] Error 1\n\
                       make[2]: Leaving directory '/builder/feeds/tollgate/x'\n\
                       time: package/feeds/tollgate/x/compile#0.04#0.01#0.08\n\
                       \x20   ERROR: package/feeds/tollgate/x failed to build.\n";
        let both = format!("{toolchain}{package}");
        assert_eq!(state(&both, ""), State::Ok);
        assert_eq!(state(toolchain, ""), State::Unknown);
        assert_eq!(state("", ""), State::Unknown);
        // What was baked must be looked at.
        let rust = r#"{"name":"rust","prepared":".preparedaa_bb"}"#;
        assert_eq!(state(&both, rust), State::Unknown);
    }
}
