//! The command line.

mod backup;
mod check;
mod config;
mod gate;
mod identity;
mod logs;
mod output;
mod prepare;
mod remote;
mod run;
pub mod table;

use std::process::ExitCode;

use output::{complain, exit_code, print};
use table::parse::{Request, named, parse};
use table::{Parsed, Runs, help};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    const USAGE: u8 = 2;
    match parse(std::env::args_os().skip(1)).and_then(carry_out) {
        Ok(code) => code,
        Err(error) => {
            let mut words = vec!["tollgate-wrt", named(std::env::args_os().skip(1)), "--help"];
            words.retain(|word| !word.is_empty());
            complain(&format!("{error}\nTry `{}`.", words.join(" ")));
            ExitCode::from(USAGE)
        }
    }
}

fn carry_out(request: Request) -> Result<ExitCode, lexopt::Error> {
    match request {
        Request::Help(command) => Ok(exit_code(print(&help::help(command)))),
        Request::Version => Ok(exit_code(print(concat!(
            "tollgate-wrt ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        )))),
        Request::Run(parsed) => run_command(&parsed),
    }
}

fn run_command(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    match parsed.command.runs {
        Runs::Here(run) => run(parsed),
        Runs::Daemon => remote::run(parsed),
        // The parser gives none.
        Runs::Group => Ok(exit_code(print(&help::help(parsed.command)))),
    }
}
