//! Other programs, run and waited for.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;
use tokio::{process, try_join};

/// Longest text of a program that is told on.
const MAX_COMPLAINT: usize = 200;

/// How the error begins of what is no program, or cannot be started.
pub(super) const NOT_RUN: &str = "cannot be run";

/// Most that a program may say, in bytes: `ndsctl json` of a thousand clients
/// is less than a quarter of it. The router has to hold it in memory.
const MAX_OUTPUT: usize = 4 << 20;

/// A program and all that it has started; killed when this is dropped, unless
/// the program has ended by itself.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // What has ended meanwhile needs no end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs a program to its end. One that takes longer than `limit`, or says more
/// than it may, is killed with all that it has started.
///
/// # Errors
/// Why it did not come to an end.
pub(super) async fn run(
    program: &Path,
    arguments: &[&str],
    limit: Duration,
) -> Result<Output, String> {
    let mut child = process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{NOT_RUN}: {error}"))?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group(id.and_then(Pid::from_raw));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let end = async {
        let (stdout, stderr) = try_join!(read(stdout), read(stderr))?;
        let status = child.wait().await.map_err(|error| error.to_string())?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    };
    let output = timeout(limit, end).await;
    let output = output.map_err(|_| format!("not done in {} seconds", limit.as_secs()))?;
    // Its number may be somebody else's by now.
    group.0 = group.0.filter(|_| output.is_err());
    output
}

/// All that comes out of a pipe.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let Some(pipe) = pipe else { return Ok(bytes) };
    let mut pipe = pipe.take(MAX_OUTPUT as u64 + 1);
    let read = pipe.read_to_end(&mut bytes).await;
    read.map_err(|error| error.to_string())?;
    match bytes.len() > MAX_OUTPUT {
        true => Err(format!("says more than {} MiB", MAX_OUTPUT >> 20)),
        false => Ok(bytes),
    }
}

/// The beginning of what a program has said.
pub(super) fn said(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.trim().chars().take(MAX_COMPLAINT).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    async fn shell(script: &str, limit: Duration) -> Result<Output, String> {
        run(Path::new("sh"), &["-c", script], limit).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_a_program_says_is_bounded() {
        let output = shell("printf out; printf err >&2; exit 3", LONG).await;
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(
            (&output.stdout[..], &output.stderr[..]),
            (&b"out"[..], &b"err"[..])
        );
        for endless in ["cat /dev/zero", "cat /dev/zero >&2"] {
            let error = shell(endless, LONG).await.unwrap_err();
            assert_eq!(error, "says more than 4 MiB");
        }
        let much = format!("head -c {MAX_OUTPUT} /dev/zero");
        assert_eq!(shell(&much, LONG).await.unwrap().stdout.len(), MAX_OUTPUT);
    }

    /// Whether a process runs; one that nobody asks for its end does not.
    fn runs(pid: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z")
    }

    #[tokio::test]
    async fn what_hangs_ends_with_all_that_it_has_started() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("sleep 600 & echo $! >{}; wait", file.display());
        let error = shell(&script, Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(error, "not done in 3 seconds");
        let pid = fs::read_to_string(&file).unwrap();
        let start = Instant::now();
        while runs(pid.trim()) {
            assert!(start.elapsed() < Duration::from_secs(20), "it goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
