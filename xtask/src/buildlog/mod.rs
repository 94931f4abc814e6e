//! Build logs: was anything of the toolchain made again, and why?
//!
//! [`lines`] cuts a stream, [`filter`] lets most of it pass, [`prefix`] takes off
//! what CI systems add, [`event`] reads a line, [`facts`] and [`table`] keep what
//! it says of the stages, [`reason`] and [`verdict`] decide.
//! Memory does not grow with the log.

pub mod baseline;
pub mod cause;
pub mod clock;
pub mod compilers;
pub mod doubt;
pub mod event;
pub mod facts;
pub mod filter;
pub mod image;
pub mod lines;
pub mod names;
pub mod path;
pub mod prefix;
pub mod reason;
pub mod scan;
pub mod sender;
pub mod show;
pub mod stage;
pub mod stamp;
pub mod svg;
pub mod table;
pub mod verdict;
pub mod words;

use std::io::Read;

use anyhow::{Context, Result};

pub use baseline::Baseline;
pub use cause::{Because, Cause};
pub use scan::{Begun, Scanner};
pub use verdict::{Outcome, Verdict};

/// Bytes read at a time.
pub const PIECE: usize = 256 << 10;

/// The verdict on a log, read to its end.
///
/// # Errors
/// When it cannot be read.
pub fn scan(log: impl Read, baseline: Option<Baseline>) -> Result<Verdict> {
    read(log, baseline).map(Scanner::finish)
}

/// Reads a log to its end.
///
/// # Errors
/// When it cannot be read.
pub fn read(mut log: impl Read, baseline: Option<Baseline>) -> Result<Scanner> {
    let mut scanner = Scanner::with_baseline(baseline);
    let mut piece = vec![0; PIECE];
    loop {
        match log.read(&mut piece) {
            Ok(0) => return Ok(scanner),
            Ok(length) => scanner.push(&piece[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("read the log"),
        }
    }
}
