//! Writes the manual page and the completions of `tollgate-wrt` into a folder:
//!
//! ```sh
//! cargo run -p tollgate-wrt --example manual -- target/manual
//! man -l target/manual/tollgate-wrt.8
//! source target/manual/tollgate-wrt.bash
//! ```
//!
//! They are made of the table that the program's own `--help` is made of, and
//! are no part of the program: a router has neither `man` nor bash.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

use tollgate_wrt::cli::table::{manual, shell};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("Usage: cargo run -p tollgate-wrt --example manual -- FOLDER");
        return ExitCode::from(2);
    };
    let folder = PathBuf::from(folder);
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &std::path::Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, text) in [
        ("tollgate-wrt.8", manual::page()),
        ("tollgate-wrt.bash", shell::bash()),
        ("_tollgate-wrt", shell::zsh()),
    ] {
        let file = folder.join(name);
        fs::write(&file, text)?;
        println!("{}", file.display());
    }
    Ok(())
}
