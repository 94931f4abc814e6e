//! Other programs, run and waited for.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process;
use tokio::time::timeout;

/// Longest text of a program that is told on.
const MAX_COMPLAINT: usize = 200;

/// Runs a program to its end. One that takes longer than `limit` is killed.
///
/// # Errors
/// Why it did not come to an end.
pub(super) async fn run(
    program: &Path,
    arguments: &[&str],
    limit: Duration,
) -> Result<Output, String> {
    let child = process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    match timeout(limit, child.wait_with_output()).await {
        Ok(output) => output.map_err(|error| error.to_string()),
        Err(_) => Err(format!("not done in {} seconds", limit.as_secs())),
    }
}

/// The beginning of what a program has said.
pub(super) fn said(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.trim().chars().take(MAX_COMPLAINT).collect()
}
