//! What a process does while there is nothing to do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How long it is watched.
pub const TIME: Duration = Duration::from_secs(20);

/// What it took.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Of one processor, in thousandths.
    pub permille: f64,
    /// How often it woke up, a second.
    pub wakeups: f64,
}

/// Watches a process.
///
/// # Errors
/// When it is gone.
pub fn watch(process: u32) -> Result<Idle> {
    let start = Instant::now();
    let before = (nanoseconds(process)?, switches(process)?);
    std::thread::sleep(TIME);
    let after = (nanoseconds(process)?, switches(process)?);
    let seconds = start.elapsed().as_secs_f64();
    Ok(Idle {
        permille: (after.0 - before.0) / 1e6 / seconds,
        wakeups: (after.1 - before.1) / seconds,
    })
}

/// Time on a processor of all its threads: the first number of `schedstat`, which
/// is finer than the ticks of `stat`.
fn nanoseconds(process: u32) -> Result<f64> {
    of_threads(process, "schedstat", |text| {
        text.split_whitespace().next()?.parse().ok()
    })
}

fn switches(process: u32) -> Result<f64> {
    of_threads(process, "status", |text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line?.trim().parse().ok()
    })
}

fn of_threads(process: u32, file: &str, read: impl Fn(&str) -> Option<f64>) -> Result<f64> {
    let path = format!("/proc/{process}/task");
    let mut sum = 0.0;
    for thread in std::fs::read_dir(&path).with_context(|| format!("read {path}"))? {
        let path = thread.context("read a directory")?.path().join(file);
        // A thread may end meanwhile.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        sum += read(&text).unwrap_or(0.0);
    }
    Ok(sum)
}
