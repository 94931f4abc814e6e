//! Small tools that every part uses: terminal output, files, processes, locks, ports.

pub mod fs;
pub mod interrupt;
pub mod lock;
pub mod port;
pub mod process;
pub mod ui;
