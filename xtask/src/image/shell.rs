//! `image --shell`: the Dockerfile is cut before the step that failed, what is
//! left comes from the builder's cache, and a shell begins there with the
//! variables and files that the step would have had.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::build::{self, Build};
use super::dockerfile::{Dockerfile, Step};
use super::finish::CONTAINER;
use super::invocation::{self, Invocation};
use super::spec::Spec;
use super::{ensure, failed, prune};
use crate::engine::{Engine, ca};
use crate::util::interrupt::Interrupt;
use crate::util::ui::Ui;

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// The engine.
    pub engine: &'a Engine,
    /// The image.
    pub spec: &'a Spec,
    /// Certificates of the network.
    pub ca: Option<&'a Path>,
    /// Where to say what happens.
    pub ui: &'a Ui,
}

/// Opens the shell; gives its exit code.
///
/// # Errors
/// No step failed; what stands before it cannot be built.
pub fn open(request: &Request<'_>) -> Result<u8> {
    let Some(record) = failed::last(request.root, request.spec)? else {
        let (arch, tag) = (&request.spec.arch.name, request.spec.tag());
        let there = request.engine.inspect_images(&[&tag])?;
        let instead = match there.iter().flatten().next() {
            Some(_) => format!(
                "a shell in the image itself: {} run --rm -it {tag}",
                request.engine.kind.name()
            ),
            None => format!("nor is there an image {tag}: cargo xtask image {arch} builds it"),
        };
        bail!("no step of the image for {arch} failed last time; {instead}");
    };
    let text = ensure::dockerfile(request.spec)?;
    let file = Dockerfile::parse(&text);
    let failed = &record.step;
    let step = file.step_again(&failed.stage, failed.number, &failed.instruction);
    let step = step.with_context(|| {
        format!(
            "the step that failed is no longer in openwrt/Dockerfile: {}",
            record.step.instruction
        )
    })?;
    let engine = request.engine.for_builds()?;
    if step.instruction.text != failed.instruction {
        request.ui.note(&format!(
            "what failed was edited since: {}",
            failed.instruction
        ));
    }
    let id = build_before(request, &engine, &file, step)?;
    say(request, step);
    run(request, &engine, step, &id)
}

fn say(request: &Request<'_>, step: Step<'_>) {
    let ui = request.ui;
    ui.note(&format!(
        "this is the state just before step {} of stage {}; its variables and files are there",
        step.number, step.stage.name
    ));
    ui.note(&format!(
        "the step would do: {}",
        step.instruction.command()
    ));
}

/// The image of everything before the step.
fn build_before(
    request: &Request<'_>,
    engine: &Engine,
    file: &Dockerfile,
    step: Step<'_>,
) -> Result<String> {
    let text = file.cut_before(step.instruction);
    let cut = Dockerfile::parse(&text);
    let interrupt = Interrupt::watch()?;
    let shown = request.ui.step("Preparing", "what stands before the step");
    let log = build::log(request.root, request.spec).with_extension("shell.log");
    let project = prune::project(request.root).ok();
    let invocation = Invocation {
        engine,
        spec: request.spec,
        dockerfile: &cut,
        text: &text,
        ca: request.ca,
        project: project.as_deref(),
        no_cache: false,
    };
    let build = Build {
        invocation,
        log: &log,
        interrupt: &interrupt,
    };
    build.run("the state before the step", &shown)
}

fn run(request: &Request<'_>, engine: &Engine, step: Step<'_>, image: &str) -> Result<u8> {
    let name = format!(
        "{CONTAINER}shell-{}-{}",
        request.spec.inputs.short(),
        std::process::id()
    );
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut args = vec![
        "create".to_owned(),
        "--name".into(),
        name.clone(),
        "--interactive".into(),
    ];
    if terminal {
        args.push("--tty".into());
    }
    for arg in step.stage.args_before(step.instruction) {
        if let Some(value) = request.spec.args.get(&arg) {
            args.extend(["--env".into(), format!("{arg}={value}")]);
        }
    }
    args.extend([image.to_owned(), "/bin/bash".into()]);
    engine.read(&args)?;
    let _removed = Removed {
        engine,
        name: &name,
    };
    let archive = files(request, step)?;
    let output = duct::cmd!(&engine.program, "cp", "-", format!("{name}:/"))
        .stdin_bytes(archive)
        .stdout_null()
        .stderr_capture()
        .unchecked()
        .run()
        .context("start the engine")?;
    anyhow::ensure!(
        output.status.success(),
        "copy the step's files into the container: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let shell = duct::cmd!(&engine.program, "start", "--attach", "--interactive", &name)
        .unchecked()
        .run()
        .context("start the shell")?;
    Ok(shell
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}

/// What the step mounts or copies, under the names that it sees.
fn files(request: &Request<'_>, step: Step<'_>) -> Result<Vec<u8>> {
    let mut files: Vec<(String, u32, &[u8])> = Vec::new();
    for source in step.instruction.sources() {
        let from = source.from.trim_end_matches('/');
        for file in &request.spec.files {
            let Some(rest) = file.path.strip_prefix(from) else {
                continue;
            };
            if rest.is_empty() || rest.starts_with('/') {
                let to = format!("{}{rest}", source.to.trim_end_matches('/'));
                files.push((
                    to.trim_start_matches('/').to_owned(),
                    file.readable(),
                    &file.content,
                ));
            }
        }
    }
    let certificates = match request.ca {
        Some(file) => crate::util::fs::read(file)?,
        None => Vec::new(),
    };
    if request.ca.is_some() {
        files.push((
            ca::INSIDE.trim_start_matches('/').to_owned(),
            0o444,
            &certificates,
        ));
    }
    invocation::archive(&files)
}

/// A container that is gone when this is.
struct Removed<'a> {
    engine: &'a Engine,
    name: &'a str,
}

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = self.engine.read(&["rm", "--force", self.name]);
    }
}
