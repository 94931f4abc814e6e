//! A container's output while it is written: to the log, to the scanner, to the
//! terminal.

use std::io::{Read, Write};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::log::Log;
use crate::buildlog::{Because, Begun, Cause, PIECE, Scanner};
use crate::engine::Engine;
use crate::util::interrupt::{self, Interrupt};
use crate::util::ui::Step;

/// How long the scanner may read on for the cause once a stage began.
const GRACE: Duration = Duration::from_secs(2);
/// How often a silent container is thought of.
const TICK: Duration = Duration::from_millis(250);

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
    /// The value of CONFIG_AUTOREMOVE that was baked.
    pub autoremove: &'a str,
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
                return Err(self.stopped());
            }
            if self.allow || stopped.is_some() {
                continue;
            }
            let Some(begun) = scanner.began() else {
                continue;
            };
            let until = *until.get_or_insert_with(|| Instant::now() + GRACE);
            let because = self.why(scanner, log);
            if because.cause != Cause::NotDetermined || Instant::now() >= until {
                stopped = Some(Stopped { begun, because });
                // It may have ended by itself meanwhile.
                let _ = self.engine.read(&["kill", self.container]);
            }
        }
        // The signal reached the engine's client too.
        if self.interrupt.asked() {
            return Err(self.stopped());
        }
        // A build that ended before the grace did.
        if stopped.is_none() && !self.allow {
            stopped = scanner.began().map(|begun| Stopped {
                begun,
                because: self.why(scanner, log),
            });
        }
        match reader.join() {
            Ok(result) => result.context("read the container's output")?,
            Err(_) => anyhow::bail!("the reader of the container's output panicked"),
        }
        Ok(stopped)
    }

    /// The scanner's cause, with what is known of this container besides.
    fn why(&self, scanner: &Scanner, log: &Log) -> Because {
        let because = scanner.why().unwrap_or_else(|| Cause::NotDetermined.into());
        narrow(because, self.autoremove, log.autoremove())
    }

    fn stopped(&self) -> anyhow::Error {
        interrupt::Stopped(format!("nothing was written for {}", self.title)).into()
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

/// Where CONFIG_AUTOREMOVE is what it was, no stamp was renamed by it.
pub fn narrow(because: Because, baked: &str, now: Option<&str>) -> Because {
    let candidates = &because.candidates;
    if now != Some(baked) || !candidates.contains(&Cause::StampRenamed) {
        return because;
    }
    let left: Vec<Cause> = candidates
        .iter()
        .copied()
        .filter(|cause| *cause != Cause::StampRenamed)
        .collect();
    match left[..] {
        [only] => only.into(),
        _ => Because::one_of(left),
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
    fn a_setting_that_is_the_same_renamed_nothing() {
        let both = || Because::one_of([Cause::StampRenamed, Cause::ConfigChanged]);
        assert_eq!(narrow(both(), "y", Some("y")), Cause::ConfigChanged.into());
        for other in [None, Some(""), Some("n")] {
            assert_eq!(narrow(both(), "y", other), both());
        }
        let renamed = Because::from(Cause::StampRenamed);
        assert_eq!(narrow(renamed.clone(), "y", Some("y")), renamed);
    }

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
}
