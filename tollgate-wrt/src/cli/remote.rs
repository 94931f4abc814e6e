//! Commands that the running daemon carries out.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::output::{complain, exit_code, plain, print};
use super::table::Parsed;
use super::table::options::{JSON, ROOT};
use crate::control;
use crate::control::wire::{Answer, MAX_ANSWER, MAX_LINE, Request};
use crate::paths::Paths;

/// Has the running daemon carry a command out.
///
/// # Errors
/// What is wrong with the words or the options.
pub fn run(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    let mut request = request(parsed)?;
    for word in &mut request.args {
        if word == "-" {
            word.clear();
            let stdin = io::stdin().lock().take(MAX_LINE as u64 / 2);
            if let Err(error) = BufReader::new(stdin).read_to_string(word) {
                complain(&format!("standard input: {error}"));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(exit_code(ask(&paths, &request, parsed.json())))
}

/// The command's first word, its other words, and its options but those that
/// this process needs itself.
fn request(parsed: &Parsed) -> Result<Request, lexopt::Error> {
    let mut words = parsed.command.name.split(' ').map(str::to_owned);
    let command = words.next().unwrap_or_default();
    let mut args: Vec<String> = words.collect();
    args.extend(parsed.texts()?);
    let mut flags = Vec::new();
    for (name, value) in &parsed.options {
        if ![JSON.long, ROOT.long].contains(name) {
            let value = value.to_str().ok_or("an option's value is no text")?;
            flags.push(((*name).to_owned(), value.to_owned()));
        }
    }
    let flags = flags.into_iter().collect();
    Ok(Request {
        command,
        args,
        flags,
    })
}

/// Has the daemon do it, and prints what came of it; whether it was done.
fn ask(paths: &Paths, request: &Request, as_json: bool) -> bool {
    let answer = match exchange(paths, request) {
        Ok(answer) => answer,
        Err(error) => {
            let error = unanswered(paths, &error);
            if as_json {
                let answer = Answer::failed(error);
                let text = serde_json::to_string(&answer).unwrap_or_default();
                print(&(text + "\n"));
            } else {
                complain(&error);
            }
            return false;
        }
    };
    let is_printed = match (as_json, answer.success) {
        (true, _) => serde_json::to_string(&answer).is_ok_and(|text| print(&(text + "\n"))),
        (false, true) => print(&plain(&answer.message)),
        (false, false) => {
            complain(&answer.error);
            true
        }
    };
    is_printed && answer.success
}

/// Why the daemon did not answer, and what to do.
pub fn unanswered(paths: &Paths, error: &io::Error) -> String {
    let socket = paths.control();
    let socket = socket.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
            "the daemon is not running (nobody listens at {socket}); start it with /etc/init.d/tollgate-wrt start; `tollgate-wrt config check` says whether it can"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{socket}: {error}; only root can ask the daemon")
        }
        _ => format!(
            "{socket}: {error}; the daemon has not answered, `logread -e tollgate-wrt` may say why"
        ),
    }
}

/// Asks the running daemon.
///
/// # Errors
/// What the system says: `NotFound` or `ConnectionRefused` when none runs.
pub fn exchange(paths: &Paths, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(control::place(paths))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_until(b'\n', &mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}

#[cfg(test)]
mod tests {
    use super::super::table::parse::{self, parse};
    use super::*;

    #[test]
    fn what_the_daemon_is_sent() {
        let sent = |line: &str| match parse(line.split(' ').map(Into::into)).unwrap() {
            parse::Request::Run(parsed) => {
                serde_json::to_string(&request(&parsed).unwrap()).unwrap()
            }
            other => format!("{other:?}"),
        };
        assert_eq!(sent("sessions --json"), r#"{"command":"sessions"}"#);
        assert_eq!(
            sent("wallet send 21 https://mint.example --root /"),
            r#"{"command":"wallet","args":["send","21","https://mint.example"]}"#
        );
    }
}
