//! One run of the builder: its output to the terminal and to a log, its result
//! an image without a name, which nobody believes in yet.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::dockerfile::{Dockerfile, Step};
use super::label;
use super::progress::{Event, Progress};
use super::spec::{DOCKERFILE, Spec};
use crate::engine::{Builder, Engine, ca};
use crate::package::tar;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::{fs, ui};

/// What is to be built.
#[derive(Debug)]
pub struct Build<'a> {
    /// A client that can build.
    pub engine: &'a Engine,
    /// The image.
    pub spec: &'a Spec,
    /// The instructions; a part of the spec's file for `--shell`.
    pub dockerfile: &'a Dockerfile,
    /// That file's text.
    pub text: &'a str,
    /// Certificates of the network.
    pub ca: Option<&'a Path>,
    /// The project whose image it is, for its label.
    pub project: Option<&'a str>,
    /// Takes nothing from the builder's cache.
    pub no_cache: bool,
    /// Where the output is kept.
    pub log: &'a Path,
    /// Tells that the user wants to stop.
    pub interrupt: &'a Interrupt,
}

/// The builder failed.
#[derive(Debug)]
pub struct Failure {
    /// Stage and number of the step, where it is one of the Dockerfile.
    pub step: Option<FailedStep>,
    /// What it is called in messages.
    pub name: String,
    /// Its last lines.
    pub lines: Vec<String>,
    /// The whole output.
    pub log: PathBuf,
}

/// A step that failed, as `--shell` finds it again.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedStep {
    /// The stage's name.
    pub stage: String,
    /// The step's number in it.
    pub number: usize,
    /// Its instruction.
    pub instruction: String,
}

impl FailedStep {
    fn of(step: Step<'_>) -> Self {
        Self {
            stage: step.stage.name.clone(),
            number: step.number,
            instruction: step.instruction.text.clone(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} failed; its last lines:", self.name)?;
        for line in &self.lines {
            writeln!(f, "    {line}")?;
        }
        write!(f, "The whole log: {}", fs::shown(&self.log).display())
    }
}

impl std::error::Error for Failure {}

/// The log of a build that has not come to its end: never taken for a whole one.
pub fn unfinished(log: &Path) -> PathBuf {
    log.with_extension("log.part")
}

impl Build<'_> {
    /// Runs it; gives the image's id.
    ///
    /// # Errors
    /// [`Failure`] when a step fails, [`Stopped`] when the user stops it, and
    /// what the engine says when it cannot build at all.
    pub fn run(&self, title: &str, step: &ui::Step) -> Result<String> {
        let dir = tempfile::tempdir().context("make a folder for the build")?;
        let ids = dir.path().join("id");
        let part = unfinished(self.log);
        fs::create_dirs(part.parent().unwrap_or(Path::new(".")))?;
        let mut log = File::create(&part).with_context(|| format!("write {}", part.display()))?;
        let command = self.command(dir.path(), &ids)?;
        let reader = Arc::new(
            command
                .stderr_to_stdout()
                .unchecked()
                .reader()
                .with_context(|| format!("start {}", self.engine.program.display()))?,
        );
        let value = |name: &str| self.spec.args.get(name).cloned();
        let mut progress = Progress::new(self.dockerfile, &value);
        let done = std::sync::atomic::AtomicBool::new(false);
        let read = std::thread::scope(|scope| {
            scope.spawn(|| {
                // A signal to this process alone does not reach the builder.
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    if self.interrupt.asked() {
                        let _ = reader.kill();
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            let read = self.watch(&reader, &mut log, &mut progress, title, step);
            done.store(true, std::sync::atomic::Ordering::SeqCst);
            read
        });
        let exit = reader.try_wait().context("wait for the builder")?;
        let success = exit.is_some_and(|output| output.status.success());
        if self.interrupt.asked() {
            bail!(Stopped(format!(
                "no image was made or tagged. Steps that were finished stay in the builder's cache: \
                 the same command goes on from there. What was printed so far: {}",
                fs::shown(&part).display()
            )));
        }
        read.context("read the builder's output")?;
        log.flush().context("write the log")?;
        std::fs::rename(&part, self.log)
            .with_context(|| format!("move the log to {}", self.log.display()))?;
        if !success {
            return Err(self.failure(&progress));
        }
        let id = fs::read_text(&ids)?.trim().to_owned();
        anyhow::ensure!(!id.is_empty(), "the builder named no image");
        Ok(id)
    }

    fn watch(
        &self,
        reader: &duct::ReaderHandle,
        log: &mut File,
        progress: &mut Progress<'_>,
        title: &str,
        step: &ui::Step,
    ) -> Result<()> {
        let mut begun: Option<String> = None;
        let mut lines = BufReader::new(reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            log.write_all(&line)?;
            let event = progress.line(&String::from_utf8_lossy(&line));
            if let (Some(text), Event::Step(_) | Event::Output(_) | Event::Done(..)) =
                (&begun, &event)
            {
                step.status("Step", text);
                begun = None;
            }
            match event {
                Event::Step(text) => {
                    step.show(&format!("{title}: step {text}"));
                    begun = Some(text);
                }
                Event::Cached(text) => {
                    step.status("Cached", &text);
                    begun = None;
                }
                Event::Done(text, time) => {
                    let place = text.split(':').next().unwrap_or(&text);
                    step.status("Done", &format!("{place} in {time}"));
                }
                Event::Output(text) => step.line(&text),
                Event::Nothing => {}
            }
        }
    }

    fn failure(&self, progress: &Progress<'_>) -> anyhow::Error {
        let failed = progress.failed();
        let Some(name) = failed.name else {
            // It did not come as far as a step.
            return crate::engine::trouble::explain(self.engine, "build", &failed.lines.join("\n"));
        };
        let name = match failed.step {
            Some(step) => format!(
                "step {} {}/{}, {},",
                step.stage.name,
                step.number,
                step.stage.steps().len(),
                step.instruction.short()
            ),
            None => match name.strip_prefix("[internal] load metadata for ") {
                Some(base) => {
                    format!("FROM {base}, the base image (`base` of [image] in openwrt/sdk.toml),")
                }
                None => name,
            },
        };
        anyhow::Error::new(Failure {
            step: failed.step.map(FailedStep::of),
            name,
            lines: failed.lines,
            log: self.log.to_owned(),
        })
    }

    fn command(&self, dir: &Path, ids: &Path) -> Result<duct::Expression> {
        let mut args: Vec<String> = vec!["build".into()];
        match self.engine.builder {
            Some(Builder::Buildx) => args.extend(["--progress=plain".into(), "--load".into()]),
            Some(Builder::BuiltIn) => args.push("--progress=plain".into()),
            Some(Builder::Buildah) | None => {}
        }
        args.extend(["--iidfile".into(), ids.display().to_string()]);
        if self.no_cache {
            args.push("--no-cache".into());
        }
        if let Some(project) = self.project {
            args.push("--label".into());
            args.push(format!("{}={project}", label::PROJECT));
        }
        if let Some(file) = self.ca {
            args.push("--secret".into());
            args.push(format!("id={},src={}", ca::SECRET, file.display()));
        }
        let declared = self.declared();
        for (name, value) in &self.spec.args {
            if declared.contains(name) {
                args.extend(["--build-arg".into(), format!("{name}={value}")]);
            }
        }
        let is_podman = self.engine.builder == Some(Builder::Buildah);
        if is_podman {
            // It takes no archive from a pipe.
            let context = dir.join("context");
            self.write_context(&context)?;
            args.extend(["-f".into(), context.join(DOCKERFILE).display().to_string()]);
            args.push(context.display().to_string());
            return Ok(self.engine.command(&args));
        }
        args.extend(["-f".into(), DOCKERFILE.into(), "-".into()]);
        // A stream has no older files of another build in it, which a folder
        // that the builder keeps in step has.
        let command = duct::cmd(&self.engine.program, &args)
            .stdin_bytes(self.context()?)
            .env("DOCKER_BUILDKIT", "1")
            .env("BUILDKIT_PROGRESS", "plain")
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
        Ok(command)
    }

    /// Arguments that the file has: others would be warned of.
    fn declared(&self) -> Vec<String> {
        let stages = self.dockerfile.stages.iter();
        self.dockerfile
            .head
            .iter()
            .chain(stages.flat_map(|stage| &stage.instructions))
            .filter(|instruction| instruction.word == "ARG")
            .flat_map(|arg| arg.text.split(' ').skip(1))
            .map(|arg| arg.split('=').next().unwrap_or(arg).to_owned())
            .collect()
    }

    /// The context with this build's instructions.
    fn spec_with_text(&self) -> Spec {
        let mut spec = self.spec.clone();
        for file in &mut spec.files {
            if file.path == DOCKERFILE {
                file.content = self.text.as_bytes().to_vec();
            }
        }
        spec
    }

    fn context(&self) -> Result<Vec<u8>> {
        self.spec_with_text().context_tar()
    }

    fn write_context(&self, dir: &Path) -> Result<()> {
        for file in self.spec_with_text().files {
            fs::write_atomic(&dir.join(&file.path), &file.content, file.mode)?;
        }
        Ok(())
    }
}

/// An archive of files of the context, each under a name of its own.
///
/// # Errors
/// A file of more than eight gigabytes.
pub fn archive(files: &[(String, u32, &[u8])]) -> Result<Vec<u8>> {
    let mut writer = tar::Writer::new(0);
    let mut made: Vec<&str> = Vec::new();
    for (path, mode, content) in files {
        for (end, _) in path.match_indices('/') {
            let folder = &path[..end];
            if !made.contains(&folder) {
                writer.dir(format!("{folder}/").as_bytes(), 0o755)?;
                made.push(folder);
            }
        }
        writer.file(path.as_bytes(), *mode, content)?;
    }
    Ok(writer.finish())
}
