//! One run of the builder: its output to the terminal and to a log, its result
//! an image without a name, which nobody believes in yet.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::dockerfile::Step;
use super::invocation::Invocation;
use super::progress::{Event, Progress};
use super::spec::Spec;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::{fs, ui};

/// Where the output of an image's build is kept.
pub fn log(root: &Path, spec: &Spec) -> PathBuf {
    root.join(format!(
        "target/xtask/image/{}-{}.log",
        spec.release.name, spec.arch.name
    ))
}

/// A build under way.
#[derive(Debug)]
pub struct Build<'a> {
    /// What is built.
    pub invocation: Invocation<'a>,
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
    /// The base image, where that could not be had.
    pub base: Option<String>,
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
        write!(f, "The whole log: {}", fs::shown(&self.log).display())?;
        if let Some(base) = &self.base {
            write!(
                f,
                "\nDoes its registry have it, and can the engine's daemon reach that? Try it: docker pull {base}"
            )?;
        }
        Ok(())
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
        let command = self.invocation.command(dir.path(), &ids)?;
        let reader = Arc::new(
            command
                .stderr_to_stdout()
                .unchecked()
                .reader()
                .with_context(|| format!("start {}", self.invocation.engine.program.display()))?,
        );
        let value = |name: &str| self.invocation.spec.args.get(name).cloned();
        let mut progress = Progress::new(self.invocation.dockerfile, &value);
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
                    let place = text.split(':').next().unwrap_or(&text);
                    step.show(&format!("{title}: step {place}"));
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
            return crate::engine::trouble::explain(
                self.invocation.engine,
                "build",
                &failed.lines.join("\n"),
            );
        };
        let base = name.strip_prefix("[internal] load metadata for ");
        let base = base.map(str::to_owned);
        let name = match failed.step {
            Some(step) => format!(
                "step {} {}/{}, {},",
                step.stage.name,
                step.number,
                step.stage.steps().len(),
                step.instruction.short()
            ),
            None => match &base {
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
            base,
        })
    }
}
