//! What cargo runs as rustc: this program itself, which adds what must not be
//! in RUSTFLAGS. cargo mixes those into every crate's hash, and paths in them
//! would make the bytes of a package depend on the building machine's
//! directories.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use super::provider::Compiler;

/// The compiler itself; its presence makes this program a starter.
const RUSTC: &str = "XTASK_STARTER_RUSTC";
const TARGET: &str = "XTASK_STARTER_TARGET";
const SYSROOT: &str = "XTASK_STARTER_SYSROOT";
/// `FROM=TO` a line, as `--remap-path-prefix` takes them.
const REMAP: &str = "XTASK_STARTER_REMAP";

/// How rustc is to be run.
#[derive(Debug)]
pub struct Starter<'a> {
    /// The compiler itself.
    pub compiler: &'a Compiler,
    /// The standard library's sysroot; `None` while it is being built.
    pub sysroot: Option<&'a Path>,
    /// The router's target.
    pub target: &'a str,
    /// Directories and what the compiled code calls them.
    pub remap: &'a [(PathBuf, String)],
}

impl Starter<'_> {
    /// Sets the environment of a cargo command so that it runs rustc this way.
    ///
    /// # Errors
    /// When this program's own file is unknown.
    pub fn apply(&self, cargo: duct::Expression) -> Result<duct::Expression> {
        let own = own_program()?;
        let remap: Vec<String> = self
            .remap
            .iter()
            .map(|(from, to)| format!("{}={to}", from.display()))
            .collect();
        let cargo = cargo
            .env("RUSTC", own)
            // A wrapper from the user's configuration would be asked first.
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .env(RUSTC, &self.compiler.rustc)
            .env(TARGET, self.target)
            .env(SYSROOT, self.sysroot.unwrap_or(Path::new("")))
            .env(REMAP, remap.join("\n"));
        Ok(self.compiler.with_libraries(cargo))
    }
}

/// This program's file. Where another build has put a newer one in its place,
/// the old one is to be had as long as this process runs.
fn own_program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    let running = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    Ok(if !own.exists() && running.exists() {
        running
    } else {
        own
    })
}

/// Becomes rustc when cargo started this program as such; returns otherwise.
pub fn run_if_started_as_rustc() -> Option<ExitCode> {
    let rustc = std::env::var_os(RUSTC)?;
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let mut arguments: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let texts = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned());
    let added = additions(
        &texts.collect::<Vec<_>>(),
        &variable(TARGET),
        &variable(SYSROOT),
        &variable(REMAP),
    );
    arguments.extend(added.into_iter().map(Into::into));
    let error = Command::new(&rustc).args(arguments).exec();
    eprintln!("error: start {}: {error}", Path::new(&rustc).display());
    Some(ExitCode::FAILURE)
}

/// What a compile for the target gets besides; build scripts get nothing.
fn additions(arguments: &[String], target: &str, sysroot: &str, remap: &str) -> Vec<String> {
    let is_for_target = arguments
        .windows(2)
        .any(|pair| pair[0] == "--target" && pair[1] == target);
    if !is_for_target {
        return Vec::new();
    }
    let mut added = Vec::new();
    if !sysroot.is_empty() {
        added.extend(["--sysroot".to_owned(), sysroot.to_owned()]);
    }
    added.extend(
        remap
            .lines()
            .map(|pair| format!("--remap-path-prefix={pair}")),
    );
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_compiles_for_the_target_are_changed() {
        let run = |text: &str| {
            let arguments: Vec<String> = text.split(' ').map(str::to_owned).collect();
            additions(&arguments, "mips", "/s y", "/a b=/x\n/d=/y").join("|")
        };
        assert_eq!(run("--crate-name build"), "");
        assert_eq!(run("x --target mipsel"), "");
        assert_eq!(run("--target"), "");
        assert_eq!(
            run("x --target mips -o y"),
            "--sysroot|/s y|--remap-path-prefix=/a b=/x|--remap-path-prefix=/d=/y"
        );
        let arguments = ["--target".to_owned(), "mips".to_owned()];
        assert!(additions(&arguments, "mips", "", "").is_empty());
    }
}
