//! Text for whoever typed the command.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// Writes to standard output; unlike `print!`, a closed pipe is no panic.
pub fn print(text: &str) -> bool {
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes()).is_ok() && stdout.flush().is_ok()
}

/// Writes a line to standard error.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "tollgate-wrt: {text}");
}

/// What the process ends with.
pub fn exit_code(is_done: bool) -> ExitCode {
    match is_done {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
