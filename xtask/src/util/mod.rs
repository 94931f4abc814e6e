//! Small tools that every part uses: terminal output, files, processes, locks.

pub mod fs;
pub mod interrupt;
pub mod lock;
pub mod process;
pub mod ui;
