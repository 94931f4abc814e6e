//! Ctrl-C while another program works: it is stopped, and this program says
//! what is left of the work. A second Ctrl-C ends this program at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Exit code of a program that was stopped by Ctrl-C, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// One for the whole program: who asked to stop one piece of its work does not
/// want the next one either.
static WATCHED: Mutex<Option<Interrupt>> = Mutex::new(None);

/// Notes that the user wants to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C (and SIGTERM, SIGHUP) is noted here.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub fn watch() -> Result<Self> {
        let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watched) = &*watched {
            return Ok(watched.clone());
        }
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first one only sets the flag.
            flag::register_conditional_shutdown(signal, i32::from(EXIT_CODE), Arc::clone(&asked))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
                .context("watch for Ctrl-C")?;
        }
        let interrupt = Self(asked);
        *watched = Some(interrupt.clone());
        Ok(interrupt)
    }

    /// True once the user wants to stop something that is watched, or was.
    pub fn was_asked() -> bool {
        let watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        watched.as_ref().is_some_and(Self::asked)
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
