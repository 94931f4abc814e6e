//! Starts the real daemon below a temporary root, and talks to it.

// Each test file uses its own part of this.
#![allow(dead_code, unused_imports)]

mod daemon;
mod event;
mod http;
#[path = "../../../xtask/tests/support/program.rs"]
mod program;
mod root;

use std::thread;
use std::time::{Duration, Instant};

pub use daemon::{Daemon, Log};
pub use event::{tags, verified_event};
pub use http::{Response, connect};
pub use root::Root;

pub const BINARY: &str = env!("CARGO_BIN_EXE_tollgate-wrt");

/// Longest time that anything here may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what comes by itself; how long it took until the look began that
/// saw it.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    loop {
        let began = start.elapsed();
        if is_so() {
            return began;
        }
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
