//! A command on the router while it runs: what goes to it and what comes back.

use std::io::{Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::util::fs::human_size;

/// Most that is kept of what a command prints.
const MAX_OUTPUT: u64 = 4 << 20;
/// Most that is read of it: what prints more has no end.
const MAX_READ: u64 = 64 << 20;
/// ssh's own exit code when the connection fails.
const SSH_FAILED: i32 = 255;

/// What a command on the router printed and how it ended.
#[derive(Debug)]
pub struct Reply {
    /// Its exit code; `None` when the connection broke.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error, and what ssh itself said.
    pub stderr: String,
}

/// A command under way.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    sent: Arc<AtomicU64>,
    seen: Arc<AtomicU64>,
    complained: Arc<AtomicU64>,
}

/// How far a command is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes of its input that ssh has taken.
    pub sent: u64,
    /// Bytes that it has printed.
    pub printed: u64,
}

impl Running {
    /// A child whose three pipes are open; it is given `input`.
    pub fn new(mut child: Child, input: Vec<u8>) -> Self {
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let stdin = child.stdin.take();
        std::thread::spawn(move || {
            let Some(mut stdin) = stdin else { return };
            for part in input.chunks(16 << 10) {
                // The far side has ended, or the connection: its end says why.
                if stdin.write_all(part).is_err() {
                    return;
                }
                counter.fetch_add(part.len() as u64, Ordering::SeqCst);
            }
        });
        let seen = Arc::new(AtomicU64::new(0));
        let complained = Arc::new(AtomicU64::new(0));
        Self {
            stdout: keep(child.stdout.take(), Arc::clone(&seen)),
            stderr: keep(child.stderr.take(), Arc::clone(&complained)),
            child,
            sent,
            seen,
            complained,
        }
    }

    /// Waits for its end, or until `go_on` says no (then `None`: it still runs).
    ///
    /// # Errors
    /// It cannot be waited for; it prints without end, and was ended.
    pub fn wait(&mut self, mut go_on: impl FnMut(Progress) -> bool) -> Result<Option<Reply>> {
        loop {
            if let Some(status) = self.child.try_wait().context("wait for ssh")? {
                return Ok(Some(self.reply(status)));
            }
            let progress = Progress {
                sent: self.sent.load(Ordering::SeqCst),
                printed: self.seen.load(Ordering::SeqCst),
            };
            let read = progress.printed + self.complained.load(Ordering::SeqCst);
            if read > MAX_READ {
                self.kill();
                bail!(
                    "the router has printed more than {} and does not end",
                    human_size(MAX_READ)
                );
            }
            if !go_on(progress) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn reply(&mut self, status: ExitStatus) -> Reply {
        let text = |kept: Option<JoinHandle<Vec<u8>>>| {
            let bytes = kept.and_then(|kept| kept.join().ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Reply {
            code: status.code().filter(|code| *code != SSH_FAILED),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
        }
    }

    /// Ends ssh's part of it; the far side reads the end of its input.
    pub fn kill(&mut self) {
        // It may have ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end in the background; counts what it read.
fn keep(
    pipe: Option<impl Read + Send + 'static>,
    seen: Arc<AtomicU64>,
) -> Option<JoinHandle<Vec<u8>>> {
    let mut pipe = pipe?;
    Some(std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut part = [0; 4096];
        // What was read before an error is worth having.
        while let Ok(length @ 1..) = pipe.read(&mut part) {
            if (kept.len() + length) as u64 <= MAX_OUTPUT {
                kept.extend_from_slice(&part[..length]);
            }
            seen.fetch_add(length as u64, Ordering::SeqCst);
        }
        kept
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn what_prints_without_end_is_ended() {
        for to in ["", " >&2"] {
            let child = Command::new("sh")
                .args(["-c", &format!("exec yes{to}")])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut running = Running::new(child, Vec::new());
            let error = running.wait(|_| true).unwrap_err().to_string();
            assert!(error.contains("does not end"), "{error}");
        }
    }
}
