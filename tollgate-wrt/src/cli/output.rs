//! Text for whoever typed the command.

use std::io::{self, Write as _};

/// Writes to standard output; unlike `print!`, a closed pipe is no panic.
pub fn print(text: &str) -> bool {
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes()).is_ok() && stdout.flush().is_ok()
}

/// Writes a line to standard error.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "tollgate-wrt: {text}");
}
