//! cargo's own messages while they come. cargo is asked (`-v`) why it compiles
//! each crate; the lines that this adds are read and kept from the user, who
//! sees what cargo shows without: colours and the moving progress line too.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read, Write};
use std::process::Output;

use anyhow::Result;
use duct::Expression;

use crate::record::lines;

/// Clears the rest of a terminal's line.
const ERASE: &[u8] = b"\x1b[K";

/// What cargo says when rustc refused a crate; `-v` adds the whole command.
const CAUSED_BY: &[u8] = b"Caused by:";

/// Reads cargo's messages and lets through those that it writes unasked.
#[derive(Debug)]
struct Live<W: Write> {
    out: W,
    /// `\r` ends a moving line there.
    terminal: bool,
    /// The end of the last piece, where it is no whole line.
    rest: Vec<u8>,
    /// Lines that are shown unless the next one says what only `-v` says.
    held: Vec<u8>,
    /// A moving line is on the screen.
    moving: bool,
    /// cargo's reason by `name@version`.
    reasons: BTreeMap<String, String>,
}

impl<W: Write> Live<W> {
    /// Writes to `out`; moving lines only if that is a terminal.
    fn new(out: W, terminal: bool) -> Self {
        Self {
            out,
            terminal,
            rest: Vec::new(),
            held: Vec::new(),
            moving: false,
            reasons: BTreeMap::new(),
        }
    }

    /// Takes the next bytes.
    fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(length) =
            memchr::memchr2(b'\n', b'\r', &self.rest[from..]).map(|position| position + 1)
        {
            let line = self.rest[from..from + length].to_vec();
            self.line(&line);
            from += length;
        }
        self.rest.drain(..from);
        // A closed stderr is no reason to stop a build.
        let _ = self.out.flush();
    }

    /// The reasons by `name@version`; what was held back is shown.
    fn finish(mut self) -> BTreeMap<String, String> {
        self.show_held();
        let _ = self.out.write_all(&self.rest);
        if self.moving {
            let _ = self.out.write_all(ERASE);
        }
        let _ = self.out.flush();
        self.reasons
    }

    fn line(&mut self, line: &[u8]) {
        if line.ends_with(b"\r") {
            self.show_held();
            self.moving = self.terminal;
            let _ = self.out.write_all(line);
            return;
        }
        let plain = plain(line);
        if let Some((package, reason)) = lines::dirty(&plain) {
            self.reasons.entry(package).or_insert(reason);
            return;
        }
        if lines::status(&plain, "Fresh").is_some() || plain.starts_with("     Running `") {
            return;
        }
        if plain.is_empty() || plain.as_bytes() == CAUSED_BY {
            self.held.extend_from_slice(line);
            return;
        }
        let refused = plain.starts_with("  process didn't exit successfully: `")
            && plain.contains(" --crate-name ")
            && plain.ends_with(')')
            && plain.contains("(exit status: ");
        if refused && self.held.ends_with(b"Caused by:\n") {
            self.held.clear();
            return;
        }
        self.show_held();
        self.show(line);
    }

    fn show_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.show(&held);
        }
    }

    fn show(&mut self, text: &[u8]) {
        // cargo clears its moving line only where it writes to a terminal.
        if std::mem::take(&mut self.moving) && !text.starts_with(b"\n") {
            let _ = self.out.write_all(ERASE);
        }
        let _ = self.out.write_all(text);
    }
}

/// cargo's output, and its reasons by `name@version`.
pub type Ran = (Output, BTreeMap<String, String>);

/// Runs the cargo that `command` makes with the arguments it is given: its
/// messages go to stderr, its output is kept.
///
/// # Errors
/// Those of `command`; when it cannot be started or read, as the inner result.
pub fn run(command: impl FnOnce(&[&str]) -> Result<Expression>) -> Result<io::Result<Ran>> {
    if !can_be_asked() {
        let command = command(&[])?.stdout_capture().unchecked();
        return Ok(command.run().map(|output| (output, BTreeMap::new())));
    }
    let terminal = io::stderr().is_terminal();
    let command = command(&["-v"])?;
    let command = match terminal {
        true => terminal_settings(command),
        false => command,
    };
    let mut live = Live::new(io::stderr(), terminal);
    // A reader reads standard output: they change places.
    let command = command.stdout_stderr_swap().stderr_capture().unchecked();
    Ok(command.reader().and_then(|mut messages| {
        let mut piece = vec![0; 64 << 10];
        loop {
            match messages.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => live.push(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let reasons = live.finish();
        let Some(ended) = messages.try_wait()? else {
            return Err(io::Error::other("cargo closed its output and runs on"));
        };
        let output = Output {
            status: ended.status,
            stdout: ended.stderr.clone(),
            stderr: Vec::new(),
        };
        Ok((output, reasons))
    }))
}

/// Whether cargo is asked for reasons: a user who wants it silent gets it so, and
/// one who wants to see all of its lines sees them.
fn can_be_asked() -> bool {
    !["CARGO_TERM_QUIET", "CARGO_TERM_VERBOSE"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| value == "true"))
}

/// Settings that make cargo write for this process' terminal, though it writes
/// to a pipe; a user's own settings stay.
fn terminal_settings(command: Expression) -> Expression {
    let set = |name: &str| std::env::var_os(name).is_some();
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let command = match set("CARGO_TERM_COLOR") || set("NO_COLOR") || dumb {
        true => command,
        false => command.env("CARGO_TERM_COLOR", "always"),
    };
    let (_, width) = console::Term::stderr().size();
    let still = dumb || set("CI") || set("CARGO_TERM_PROGRESS_WHEN") || width < 2;
    match still {
        true => command,
        false => command
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", width.to_string()),
    }
}

/// A line without colours and its end.
fn plain(line: &[u8]) -> String {
    let mut text = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == 0x1b && bytes.next_if_eq(&b'[').is_some() {
            // Parameters, then one letter.
            for byte in bytes.by_ref() {
                if (0x40..=0x7e).contains(&byte) {
                    break;
                }
            }
        } else {
            text.push(byte);
        }
    }
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, terminal: bool) -> (String, BTreeMap<String, String>) {
        let mut all = Vec::new();
        let mut one_by_one = Vec::new();
        let mut live = Live::new(&mut all, terminal);
        live.push(text.as_bytes());
        let reasons = live.finish();
        let mut live = Live::new(&mut one_by_one, terminal);
        for byte in text.bytes() {
            live.push(&[byte]);
        }
        assert_eq!(live.finish(), reasons, "pieces do not matter");
        assert_eq!(all, one_by_one, "pieces do not matter");
        (String::from_utf8(all).unwrap(), reasons)
    }

    #[test]
    fn only_what_cargo_writes_unasked_is_shown() {
        let (shown, reasons) = run(
            "       Fresh libc v0.2.1\n       Dirty a v1.0.0 (/x (y)/a): the file `src/main.rs` has changed (1s, 2s after)\n   \
             Compiling a v1.0.0 (/x (y)/a)\n     Running `rustc --crate-name a`\nwarning: unused\n\n       Dirty b v2.1.0-rc1: the features changed\n    Finished x\n",
            false,
        );
        assert_eq!(
            shown,
            "   Compiling a v1.0.0 (/x (y)/a)\nwarning: unused\n\n    Finished x\n"
        );
        assert_eq!(
            reasons,
            BTreeMap::from([
                (
                    "a@1.0.0".to_owned(),
                    "the file `src/main.rs` has changed (1s, 2s after)".to_owned()
                ),
                ("b@2.1.0-rc1".to_owned(), "the features changed".to_owned()),
            ])
        );
    }

    #[test]
    fn a_refused_crate_is_told_as_without_v() {
        let head = "error: could not compile `a` (bin \"a\") due to 1 previous error\n";
        let told = "\nCaused by:\n  process didn't exit successfully: `rustc --crate-name a` (exit status: 1)\n";
        assert_eq!(run(&format!("{head}{told}"), false).0, head);
        // Killed, or a build script: cargo tells that without -v too.
        for told in [
            "\nCaused by:\n  process didn't exit successfully: `rustc --crate-name a` (signal: 9, SIGKILL: kill)\n",
            "\nCaused by:\n  process didn't exit successfully: `/t/build-script-build` (exit status: 101)\n  --- stderr\n",
            "\nCaused by:\n",
        ] {
            let text = format!("{head}{told}");
            assert_eq!(run(&text, false).0, text);
        }
    }

    #[test]
    fn colours_and_the_moving_line() {
        let (shown, reasons) = run(
            "\x1b[1m\x1b[92m       Dirty\x1b[0m a v1.0.0: forced\n\x1b[1m\x1b[92m   Compiling\x1b[0m a v1.0.0\n\
             \x1b[1m\x1b[96m    Building\x1b[0m [=> ] 0/2: a\r\x1b[K\x1b[92m     Running\x1b[0m `rustc`\n\
             \x1b[1m\x1b[96m    Building\x1b[0m [=> ] 1/2: a\r\x1b[1m\x1b[92m    Finished\x1b[0m x\n",
            true,
        );
        assert_eq!(
            shown,
            "\x1b[1m\x1b[92m   Compiling\x1b[0m a v1.0.0\n\
             \x1b[1m\x1b[96m    Building\x1b[0m [=> ] 0/2: a\r\
             \x1b[1m\x1b[96m    Building\x1b[0m [=> ] 1/2: a\r\x1b[K\x1b[1m\x1b[92m    Finished\x1b[0m x\n"
        );
        assert_eq!(reasons["a@1.0.0"], "forced");
        let (shown, _) = run("    Building [=> ] 1/2: a\r", true);
        assert_eq!(shown, "    Building [=> ] 1/2: a\r\x1b[K");
        // A line of Windows is no moving line.
        assert_eq!(run("x\r\ny\r\n", true).0, "x\r\ny\r\n");
    }

    #[test]
    fn a_line_that_only_looks_alike_is_shown() {
        let text =
            "  Dirty linen v1: x\n       Dirty\n       Freshly made\n12 |      Running `x`\n";
        assert_eq!(run(text, false).0, text);
    }
}
