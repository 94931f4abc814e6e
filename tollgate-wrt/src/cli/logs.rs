//! `logs`: the daemon's messages, from OpenWrt's `logread`.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};

use lexopt::ValueExt as _;
use serde_json::json;

use super::output::{complain, exit_code, print};
use super::table::Parsed;
use super::table::options::{FOLLOW, LINES};

/// What the daemon's messages have, and procd's about it.
const NAME: &str = "tollgate-wrt";

/// Shows messages.
///
/// # Errors
/// What is wrong with the options.
pub fn run(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let lines: Option<usize> = match parsed.value(&LINES) {
        Some(value) => Some(value.parse()?),
        None => None,
    };
    let is_json = parsed.json();
    let done = show(lines, is_json).and_then(|()| match parsed.has(&FOLLOW) {
        true => follow(is_json),
        false => Ok(()),
    });
    Ok(match done {
        Ok(()) => exit_code(true),
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            complain(
                "there is no logread here, which OpenWrt has; the daemon's messages are in this system's own log, or on its standard error",
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("logread: {error}"));
            ExitCode::FAILURE
        }
    })
}

fn logread(arguments: &[&str]) -> io::Result<Child> {
    Command::new("logread")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
}

/// What is in the log. Its own option for the last lines counts those of all
/// programs.
fn show(last: Option<usize>, is_json: bool) -> io::Result<()> {
    let mut kept = VecDeque::new();
    each_line(logread(&["-e", NAME])?, |line| {
        let Some(last) = last else {
            return tell(line, is_json);
        };
        if kept.len() == last {
            kept.pop_front();
        }
        if last > 0 {
            kept.push_back(line.to_owned());
        }
        Ok(())
    })?;
    kept.iter().try_for_each(|line| tell(line, is_json))
}

fn follow(is_json: bool) -> io::Result<()> {
    each_line(logread(&["-f", "-e", NAME])?, |line| tell(line, is_json))
}

fn each_line(mut child: Child, mut each: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let read: io::Result<()> = child.stdout.take().map_or(Ok(()), |stdout| {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            each(String::from_utf8_lossy(&line).trim_end())?;
        }
    });
    if read.is_err() {
        // It would go on for ever.
        let _ = child.kill();
    }
    let status = child.wait()?;
    read?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("it has failed ({status})"))),
    }
}

fn tell(line: &str, is_json: bool) -> io::Result<()> {
    let text = match is_json {
        true => format!("{}\n", parts(line)),
        false => format!("{line}\n"),
    };
    match print(&text) {
        true => Ok(()),
        false => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// `Mon Nov 23 08:00:00 2026 daemon.info tollgate-wrt[7]: message`.
fn parts(line: &str) -> serde_json::Value {
    const TIME: usize = 24;
    let split = line.split_at_checked(TIME).and_then(|(time, rest)| {
        let (priority, rest) = rest.trim_start().split_once(' ')?;
        let (program, message) = rest.split_once(": ")?;
        Some(json!({
            "time": time,
            "priority": priority,
            "program": program,
            "message": message,
        }))
    });
    split.unwrap_or_else(|| json!({"message": line}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_parts() {
        assert_eq!(
            parts(
                "Mon Nov 23 08:00:00 2026 daemon.warn tollgate-wrt[712]: level=warn msg=\"a: b\""
            ),
            json!({
                "time": "Mon Nov 23 08:00:00 2026",
                "priority": "daemon.warn",
                "program": "tollgate-wrt[712]",
                "message": "level=warn msg=\"a: b\"",
            })
        );
        for odd in ["", "é", "Mon Nov 23 08:00:00 2026 é"] {
            assert_eq!(parts(odd), json!({"message": odd}));
        }
    }
}
