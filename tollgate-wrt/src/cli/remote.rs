//! Commands that the running daemon carries out.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use lexopt::prelude::*;

use super::output::{complain, print};
use super::{Command, root};
use crate::control::wire::{Answer, MAX_LINE, Request};
use crate::paths::Paths;

const SESSIONS_HELP: &str = "\
Show every session: device, used/bought, and what is counted.

Usage: tollgate-wrt sessions [OPTIONS]

Options:
  --json      Print the daemon's answer; the sessions are in `data`
  --root DIR  Find the daemon's socket below DIR. Default: /
  -h, --help  Show this help

Example:
  tollgate-wrt sessions
";

const WALLET_HELP: &str = "\
Show the ecash that was earned, take it out, or put some in. The daemon has to
be running.

Usage: tollgate-wrt wallet COMMAND [OPTIONS]

Commands:
  balance          What there is, by mint
  drain [MINT]     Take everything out, or everything of one mint: a token a
                   mint, which any Cashu wallet can receive
  send AMOUNT [MINT]
                   Take an exact amount out, as a token; the mint takes its fee
  sent             Tokens that were taken out and are not spent yet. To put one
                   back, receive it
  receive TOKEN    Put a token in; `-` reads it from standard input

Options:
  --json      Print the daemon's answer; what a program wants is in `data`
  --root DIR  Find the daemon's socket below DIR. Default: /
  -h, --help  Show this help

Example:
  tollgate-wrt wallet drain > /tmp/tokens
";

/// A command for the running daemon.
#[derive(Debug, PartialEq, Eq)]
pub struct Remote {
    root: PathBuf,
    json: bool,
    request: Request,
}

impl Remote {
    /// Has it carried out; whether it was.
    pub fn run(mut self) -> bool {
        for word in &mut self.request.args {
            if word == "-" {
                word.clear();
                let stdin = io::stdin().lock().take(MAX_LINE as u64 / 2);
                if let Err(error) = BufReader::new(stdin).read_to_string(word) {
                    complain(&format!("standard input: {error}"));
                    return false;
                }
            }
        }
        ask(&Paths::new(self.root), &self.request, self.json)
    }
}

/// Reads what stands behind `sessions`.
pub fn parse_sessions(parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    parse(parser, "sessions", SESSIONS_HELP, |words| words.is_empty())
}

/// Reads what stands behind `wallet`.
pub fn parse_wallet(parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    parse(parser, "wallet", WALLET_HELP, |words| match words {
        [command] => ["balance", "drain", "sent"].contains(&command.as_str()),
        [command, _] => ["drain", "receive", "send"].contains(&command.as_str()),
        [command, _, _] => command == "send",
        _ => false,
    })
}

fn parse(
    mut parser: lexopt::Parser,
    command: &str,
    help: &'static str,
    is_known: impl Fn(&[String]) -> bool,
) -> Result<Command, lexopt::Error> {
    let mut directory = PathBuf::from("/");
    let mut json = false;
    let mut args = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help(help)),
            Long("root") => directory = root(&mut parser)?,
            Long("json") => json = true,
            Value(word) => args.push(word.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    if !is_known(&args) {
        return Err(format!(
            "`{command} {}` is no command; try `tollgate-wrt {command} --help`",
            args.join(" ")
        )
        .into());
    }
    Ok(Command::Remote(Remote {
        root: directory,
        json,
        request: Request {
            command: command.to_owned(),
            args,
        },
    }))
}

/// Has the daemon do it, and prints what came of it; whether it was done.
fn ask(paths: &Paths, request: &Request, as_json: bool) -> bool {
    let answer = match exchange(paths, request) {
        Ok(answer) => answer,
        Err(error) => {
            let socket = paths.control();
            complain(&format!(
                "{}: {error}; is the daemon running? Try /etc/init.d/tollgate-wrt start",
                socket.display()
            ));
            return false;
        }
    };
    let is_printed = match (as_json, answer.success) {
        (true, _) => serde_json::to_string(&answer).is_ok_and(|text| print(&(text + "\n"))),
        (false, true) => print(&answer.message),
        (false, false) => {
            complain(&answer.error);
            true
        }
    };
    is_printed && answer.success
}

fn exchange(paths: &Paths, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(paths.control())?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(2 * MAX_LINE as u64)).read_until(b'\n', &mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn request(line: &str) -> Result<String, String> {
        let words = line.split(' ').map(Into::into);
        match parse(words).map_err(|error| error.to_string())? {
            Command::Remote(remote) => Ok(format!("{:?} {}", remote.request.args, remote.json)),
            other => Ok(format!("{other:?}")),
        }
    }

    #[test]
    fn commands_for_the_daemon() {
        assert_eq!(request("sessions --json"), Ok("[] true".into()));
        assert_eq!(request("wallet balance"), Ok(r#"["balance"] false"#.into()));
        let drain = request("wallet --json drain https://mint.example");
        assert_eq!(
            drain,
            Ok(r#"["drain", "https://mint.example"] true"#.into())
        );
        assert_eq!(
            request("wallet receive -"),
            Ok(r#"["receive", "-"] false"#.into())
        );
        for wrong in [
            "wallet",
            "wallet receive",
            "wallet burn",
            "wallet sent x",
            "sessions x",
        ] {
            assert!(request(wrong).unwrap_err().contains("--help"), "{wrong}");
        }
        assert!(request("wallet --help").unwrap().starts_with("Help"));
    }
}
