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
    let _ = writeln!(io::stderr(), "tollgate-wrt: {}", plain(text));
}

/// A text without what commands a terminal: root reads it, and it may be a
/// mint's, or that of a daemon that was taken over.
pub fn plain(text: &str) -> String {
    let is_command = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    text.replace(is_command, "\u{fffd}")
}

/// What the process ends with.
pub fn exit_code(is_done: bool) -> ExitCode {
    match is_done {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_text_commands_the_terminal() {
        let text = "one\ttwo\n\x1b]0;title\x07\u{9b}2J\r\u{7f}ü\n";
        let plain = super::plain(text);
        assert_eq!(
            plain,
            "one\ttwo\n\u{fffd}]0;title\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}ü\n"
        );
    }
}
