//! A container's output while it is written: to the log, to the scanner, to the
//! terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::buildlog::{Because, Begun, Cause, PIECE, Scanner};
use crate::engine::Engine;
use crate::util::fs;
use crate::util::interrupt::{self, Interrupt};
use crate::util::ui::Step;

/// How long the scanner may read on for the cause once a stage began.
const GRACE: Duration = Duration::from_secs(2);
/// How often a silent container is thought of.
const TICK: Duration = Duration::from_millis(250);
/// Bytes of the log's end that errors are made from.
const TAIL: usize = 64 << 10;

/// A log under a name that says it is not whole, until it is.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    tail: Vec<u8>,
}

impl Log {
    /// The log `build.log` in `dir`; `build.log.partial` for now.
    ///
    /// # Errors
    /// I/O.
    pub fn create(dir: &Path) -> Result<Self> {
        fs::create_dirs(dir)?;
        let path = dir.join("build.log");
        let partial = partial(&path);
        let file =
            File::create(&partial).with_context(|| format!("write {}", partial.display()))?;
        Ok(Self {
            path,
            file,
            tail: Vec::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .with_context(|| format!("write {}", partial(&self.path).display()))?;
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
        Ok(())
    }

    /// Gives it its name: all of it is there.
    ///
    /// # Errors
    /// I/O.
    pub fn finish(self) -> Result<(PathBuf, String)> {
        let Self { path, file, tail } = self;
        drop(file);
        std::fs::rename(partial(&path), &path)
            .with_context(|| format!("write {}", path.display()))?;
        Ok((path, String::from_utf8_lossy(&tail).into_owned()))
    }
}

fn partial(path: &Path) -> PathBuf {
    path.with_extension("log.partial")
}

/// A stage of the toolchain that began, and why.
#[derive(Debug)]
pub struct Stopped {
    /// The stage, and the line that shows it.
    pub begun: Begun,
    /// Its cause.
    pub because: Because,
}

/// What becomes of the output.
#[derive(Debug)]
pub struct Follow<'a> {
    /// The engine that the container is of.
    pub engine: &'a Engine,
    /// The container.
    pub container: &'a str,
    /// The output goes to the terminal as it is.
    pub verbose: bool,
    /// A stage of the toolchain may be built again.
    pub allow: bool,
    /// The line that moves.
    pub step: Option<&'a Step>,
    /// What stands before what is done now.
    pub title: &'a str,
    /// The user's wish to stop.
    pub interrupt: &'a Interrupt,
}

impl Follow<'_> {
    /// Starts the container and reads its output to the end. Stops it when a
    /// stage of the toolchain begins, as soon as its cause is known.
    ///
    /// # Errors
    /// The engine cannot start it; the log cannot be written.
    pub fn run(&self, log: &mut Log, scanner: &mut Scanner) -> Result<Option<Stopped>> {
        let output = self
            .engine
            .command(&["start", "--attach", self.container])
            .stderr_to_stdout()
            .unchecked()
            .reader()
            .with_context(|| format!("start {}", self.engine.program.display()))?;
        let (sender, pieces) = sync_channel(16);
        let reader = std::thread::spawn(move || read(output, &sender));
        let mut stopped = None;
        let mut until: Option<Instant> = None;
        loop {
            let wait = until.map_or(TICK, |until| {
                until.saturating_duration_since(Instant::now()).min(TICK)
            });
            match pieces.recv_timeout(wait) {
                Ok(piece) => {
                    log.write(&piece)?;
                    scanner.push(&piece);
                    self.show(&piece);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.interrupt.asked() {
                let _ = self.engine.read(&["kill", self.container]);
                return Err(
                    interrupt::Stopped(format!("nothing was written for {}", self.title)).into(),
                );
            }
            if self.allow || stopped.is_some() {
                continue;
            }
            let Some(begun) = scanner.began() else {
                continue;
            };
            let until = *until.get_or_insert_with(|| Instant::now() + GRACE);
            let because = scanner.why().unwrap_or_else(|| Cause::NotDetermined.into());
            if because.cause != Cause::NotDetermined || Instant::now() >= until {
                stopped = Some(Stopped { begun, because });
                // It may have ended by itself meanwhile.
                let _ = self.engine.read(&["kill", self.container]);
            }
        }
        // A build that ended before the grace did.
        if stopped.is_none() && !self.allow {
            stopped = scanner.began().map(|begun| Stopped {
                begun,
                because: scanner.why().unwrap_or_else(|| Cause::NotDetermined.into()),
            });
        }
        match reader.join() {
            Ok(result) => result.context("read the container's output")?,
            Err(_) => anyhow::bail!("the reader of the container's output panicked"),
        }
        Ok(stopped)
    }

    fn show(&self, piece: &[u8]) {
        if self.verbose {
            // A closed stderr is no reason to stop a build.
            let _ = std::io::stderr().lock().write_all(piece);
        } else if let Some(step) = self.step {
            let text = String::from_utf8_lossy(piece);
            if let Some(at) = text.lines().rev().find_map(doing) {
                step.show(&format!("{}: {at}", self.title));
            }
        }
    }
}

fn read(mut output: impl Read, sender: &SyncSender<Vec<u8>>) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match output.read(&mut piece) {
            Ok(0) => return Ok(()),
            // The other side gave up: the log cannot be written.
            Ok(length) => {
                if sender.send(piece[..length].to_vec()).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What a line says the build is at.
fn doing(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(krate) = line.strip_prefix("Compiling ") {
        return Some(krate.split(' ').next().unwrap_or(krate).to_owned());
    }
    let (_, dir) = line.split_once("]: Entering directory '")?;
    let dir = dir.strip_suffix('\'').unwrap_or(dir);
    let dir = dir.split_once("/builder/").map_or(dir, |(_, below)| below);
    Some(dir.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_what_is_done() {
        for (line, expected) in [
            ("   Compiling serde v1.0.2", Some("serde")),
            (
                "make[3]: Entering directory '/builder/feeds/packages/lang/rust'",
                Some("feeds/packages/lang/rust"),
            ),
            ("make[1]: Leaving directory '/builder'", None),
            ("touch x", None),
        ] {
            assert_eq!(doing(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn a_log_has_its_name_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path()).unwrap();
        log.write(&vec![b'x'; 5 * TAIL]).unwrap();
        log.write(b"end\n").unwrap();
        assert!(!dir.path().join("build.log").exists());
        let (path, tail) = log.finish().unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().len(), 5 * TAIL as u64 + 4);
        assert!(tail.ends_with("xend\n") && tail.len() <= 2 * TAIL);
        assert!(!dir.path().join("build.log.partial").exists());
    }
}
