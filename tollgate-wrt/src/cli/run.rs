//! `run`: the daemon itself.

use std::net::SocketAddr;
use std::process::ExitCode;

use lexopt::ValueExt as _;
use log::LevelFilter;

use super::output::exit_code;
use super::table::Parsed;
use super::table::options::{INTERFACE, LISTEN, LOG, LOG_LEVEL};
use crate::config;
use crate::daemon::{self, Options};

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// What is wrong with the options.
pub fn run(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let options = options(parsed)?;
    Ok(exit_code(daemon::run(&options).is_ok()))
}

fn options(parsed: &Parsed) -> Result<Options, lexopt::Error> {
    let mut options = Options {
        root: parsed.root()?,
        listen: Vec::new(),
        interfaces: Vec::new(),
        syslog: false,
        log_level: None,
    };
    for value in parsed.values(&LISTEN) {
        options.listen.push(value.parse_with(address)?);
    }
    for value in parsed.values(&INTERFACE) {
        options.interfaces.push(value.parse_with(interface)?);
    }
    if let Some(value) = parsed.value(&LOG) {
        options.syslog = value.parse_with(is_syslog)?;
    }
    if let Some(value) = parsed.value(&LOG_LEVEL) {
        options.log_level = Some(value.parse_with(level)?);
    }
    if !options.listen.is_empty() && !options.interfaces.is_empty() {
        return Err("--listen and --interface exclude each other".into());
    }
    Ok(options)
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
    use super::super::table::parse::{Request, parse};
    use super::*;

    fn run(arguments: &[&str]) -> Result<Options, String> {
        match parse(arguments.iter().map(Into::into)).map_err(|error| error.to_string())? {
            Request::Run(parsed) => options(&parsed).map_err(|error| error.to_string()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn run_reads_its_options() {
        let options = run(&[
            "run",
            "--root=/tmp",
            "--listen",
            "127.0.0.1:0",
            "--listen=[::1]:2121",
            "--log",
            "syslog",
            "--log-level=debug",
        ]);
        let expected = Options {
            root: "/tmp".into(),
            listen: vec![
                "127.0.0.1:0".parse().unwrap(),
                "[::1]:2121".parse().unwrap(),
            ],
            interfaces: Vec::new(),
            syslog: true,
            log_level: Some(LevelFilter::Debug),
        };
        assert_eq!(options, Ok(expected));
    }

    #[test]
    fn values_that_do_not_fit() {
        let error = |arguments: &[&str]| run(arguments).unwrap_err();
        assert!(error(&["run", "--listen", "2121"]).contains("192.168.1.1:2121"));
        assert!(error(&["run", "--interface", ""]).contains("br-lan"));
        assert!(error(&["run", "--log", "file"]).contains("stderr or syslog"));
        assert!(error(&["run", "--log-level", "loud"]).contains("debug"));
        assert_eq!(
            error(&["run", "--root", "/none"]),
            "--root /none: no such directory"
        );
        assert!(error(&["run", "--listen=[::]:1", "--interface=a"]).contains("exclude"));
    }
}
