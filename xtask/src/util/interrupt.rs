//! Ctrl-C while another program works: it is stopped, and this program says
//! what is left of the work. A second Ctrl-C ends this program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Exit code of a program that was stopped by Ctrl-C, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// Notes that the user wants to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C (and SIGTERM, SIGHUP) is noted here.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub fn watch() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first one only sets the flag.
            flag::register_conditional_shutdown(signal, i32::from(EXIT_CODE), Arc::clone(&asked))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
                .context("watch for Ctrl-C")?;
        }
        Ok(Self(asked))
    }

    /// True once the user wants to stop.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The work was stopped by the user.
#[derive(Debug)]
pub struct Stopped(
    /// What is left of it.
    pub String,
);

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stopped: {}", self.0)
    }
}

impl std::error::Error for Stopped {}
