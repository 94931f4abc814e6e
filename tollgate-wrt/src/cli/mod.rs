//! The command line.

mod check;
mod output;
mod remote;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use log::LevelFilter;

use check::check;
use output::{complain, print};
use remote::Remote;

use crate::config;
use crate::daemon::{self, Options};
use crate::paths::Paths;

const HELP: &str = "\
Sells internet access for Cashu ecash on OpenWrt routers (TollGate).

Usage: tollgate-wrt COMMAND [OPTIONS]

Commands:
  run           Serve customers on port 2121
  config check  Read the configuration, and say what is wrong with it
  sessions      Show who has bought what
  wallet        Show the ecash that was earned, take it out, or put some in

Options:
  -h, --help     Show this help; `tollgate-wrt COMMAND --help` shows more
  -V, --version  Show the version

Exit codes: 0 success, 1 failure, 2 wrong usage.
";

const RUN_HELP: &str = "\
Serve customers on port 2121, until SIGTERM, SIGINT or SIGHUP. Settings are read
at the start only: restart to change them.

Usage: tollgate-wrt run [OPTIONS]

Options:
  --interface NAME     Listen on this LAN interface only, and on the loopback.
                       Can be repeated. Default: `list interface` in
                       /etc/config/tollgate, else br-lan
  --listen ADDR:PORT   Listen on this address instead, on whatever interface:
                       other networks than the LAN can then reach the daemon.
                       Can be repeated. Port 0 is any free port; it is logged
  --log stderr|syslog  Where messages go. Default: stderr. What the system's log
                       does not take goes to stderr too
  --log-level LEVEL    error, warn, info, debug or trace. Default: log_level in
                       the configuration, else info
  --root DIR           Find the system's files (etc, tmp, proc, dev) below DIR.
                       Default: /
  -h, --help           Show this help

Example: a second daemon beside the router's own, to look at
  tollgate-wrt run --root /tmp/try --listen 127.0.0.1:8121
  curl http://127.0.0.1:8121/
";

const CHECK_HELP: &str = "\
Read /etc/tollgate/config.json and /etc/config/tollgate as `run` would, and say
what is wrong or odd in them. Changes nothing.

Usage: tollgate-wrt config check [OPTIONS]

Options:
  --json      Print an object with `ok`, `mints` and `findings`
  --root DIR  Find the files below DIR. Default: /
  -h, --help  Show this help

Exit codes: 0 the daemon would start, 1 it would not, 2 wrong usage.

Example:
  tollgate-wrt config check && /etc/init.d/tollgate-wrt restart
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help(&'static str),
    Version,
    Run(Options),
    ConfigCheck { root: PathBuf, json: bool },
    Remote(Remote),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    const FAILURE: u8 = 1;
    const USAGE: u8 = 2;
    let is_done = match parse(std::env::args_os().skip(1)) {
        Ok(Command::Help(text)) => print(text),
        Ok(Command::Version) => print(concat!("tollgate-wrt ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Run(options)) => daemon::run(&options).is_ok(),
        Ok(Command::ConfigCheck { root, json }) => check(&Paths::new(root), json),
        Ok(Command::Remote(remote)) => remote.run(),
        Err(error) => {
            complain(&format!("{error}\nTry `tollgate-wrt --help`."));
            return ExitCode::from(USAGE);
        }
    };
    match is_done {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(FAILURE),
    }
}

/// Reads the arguments without the program's name.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut parser = lexopt::Parser::from_args(arguments);
    match parser.next()? {
        Some(Short('h') | Long("help")) => Ok(Command::Help(HELP)),
        Some(Short('V') | Long("version")) => Ok(Command::Version),
        Some(Value(command)) if command == "run" => parse_run(parser),
        Some(Value(command)) if command == "config" => parse_config(parser),
        Some(Value(command)) if command == "sessions" => remote::parse_sessions(parser),
        Some(Value(command)) if command == "wallet" => remote::parse_wallet(parser),
        Some(Value(command)) if command == "help" => Ok(Command::Help(HELP)),
        Some(Value(command)) => Err(format!("there is no command {command:?}").into()),
        Some(option) => Err(option.unexpected()),
        None => Err("a command is missing".into()),
    }
}

fn parse_run(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut options = Options {
        root: PathBuf::from("/"),
        listen: Vec::new(),
        interfaces: Vec::new(),
        syslog: false,
        log_level: None,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help(RUN_HELP)),
            Long("root") => options.root = root(&mut parser)?,
            Long("listen") => options.listen.push(parser.value()?.parse_with(address)?),
            Long("interface") => options
                .interfaces
                .push(parser.value()?.parse_with(interface)?),
            Long("log") => options.syslog = parser.value()?.parse_with(is_syslog)?,
            Long("log-level") => options.log_level = Some(parser.value()?.parse_with(level)?),
            _ => return Err(argument.unexpected()),
        }
    }
    if !options.listen.is_empty() && !options.interfaces.is_empty() {
        return Err("--listen and --interface exclude each other".into());
    }
    Ok(Command::Run(options))
}

fn parse_config(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    match parser.next()? {
        Some(Short('h') | Long("help")) => return Ok(Command::Help(CHECK_HELP)),
        Some(Value(command)) if command == "check" => {}
        Some(argument) => return Err(argument.unexpected()),
        None => return Err("`config` needs a command: check".into()),
    }
    let mut directory = PathBuf::from("/");
    let mut json = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help(CHECK_HELP)),
            Long("root") => directory = root(&mut parser)?,
            Long("json") => json = true,
            _ => return Err(argument.unexpected()),
        }
    }
    let root = directory;
    Ok(Command::ConfigCheck { root, json })
}

/// A directory that is there: daemons would else make one and run on defaults.
fn root(parser: &mut lexopt::Parser) -> Result<PathBuf, lexopt::Error> {
    let root = PathBuf::from(parser.value()?);
    match root.is_dir() {
        true => Ok(root),
        false => Err(format!("--root {}: no such directory", root.display()).into()),
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an address with a port, such as 192.168.1.1:2121 or [::]:2121")
}

fn interface(text: &str) -> Result<String, &'static str> {
    match config::is_interface_name(text) {
        true => Ok(text.to_owned()),
        false => Err("expected the name of a network device, such as br-lan"),
    }
}

fn is_syslog(text: &str) -> Result<bool, &'static str> {
    match text {
        "stderr" => Ok(false),
        "syslog" => Ok(true),
        _ => Err("expected stderr or syslog"),
    }
}

fn level(text: &str) -> Result<LevelFilter, &'static str> {
    match text.parse() {
        Ok(LevelFilter::Off) | Err(_) => Err("expected error, warn, info, debug or trace"),
        Ok(level) => Ok(level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    fn error(arguments: &[&str]) -> String {
        run(arguments).unwrap_err()
    }

    #[test]
    fn run_reads_its_options() {
        let command = run(&[
            "run",
            "--root=/tmp",
            "--listen",
            "127.0.0.1:0",
            "--listen=[::1]:2121",
            "--log",
            "syslog",
            "--log-level=debug",
        ]);
        let options = Options {
            root: "/tmp".into(),
            listen: vec![
                "127.0.0.1:0".parse().unwrap(),
                "[::1]:2121".parse().unwrap(),
            ],
            interfaces: Vec::new(),
            syslog: true,
            log_level: Some(LevelFilter::Debug),
        };
        assert_eq!(command, Ok(Command::Run(options)));
    }

    #[test]
    fn help_and_version() {
        assert_eq!(run(&["--help"]), Ok(Command::Help(HELP)));
        assert_eq!(run(&["-V"]), Ok(Command::Version));
        assert_eq!(run(&["run", "-h"]), Ok(Command::Help(RUN_HELP)));
        assert_eq!(
            run(&["config", "check", "--help"]),
            Ok(Command::Help(CHECK_HELP))
        );
    }

    #[test]
    fn usage_errors_say_what_is_expected() {
        assert_eq!(error(&[]), "a command is missing");
        assert_eq!(error(&["walk"]), "there is no command \"walk\"");
        assert_eq!(error(&["run", "--lisen"]), "invalid option '--lisen'");
        assert!(error(&["run", "--listen", "2121"]).contains("192.168.1.1:2121"));
        assert!(error(&["run", "--interface", ""]).contains("br-lan"));
        assert!(error(&["run", "--log", "file"]).contains("stderr or syslog"));
        assert!(error(&["run", "--log-level", "loud"]).contains("debug"));
        assert_eq!(
            error(&["run", "--root", "/none"]),
            "--root /none: no such directory"
        );
        assert!(error(&["run", "--listen=[::]:1", "--interface=a"]).contains("exclude"));
        assert_eq!(error(&["config"]), "`config` needs a command: check");
    }
}
