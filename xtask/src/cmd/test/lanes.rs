//! Runs test programs: those of one crate one after the other, the crates side
//! by side. The daemon's mostly wait, for mints and time-outs, and the build
//! tool's mostly compile, so that together they need little more than the
//! longer ones alone.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::Output;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::programs::Program;
use crate::util::ui::Ui;

/// Runs all and returns those that failed. What a program prints is shown when
/// it has ended, so that two of them never mix.
///
/// # Errors
/// When one cannot be started. The others run to their end.
pub fn run<'a>(
    programs: &'a [Program],
    ui: Ui,
    variables: &[(&str, &OsStr)],
) -> Result<Vec<&'a Program>> {
    let lanes: Vec<&[Program]> = programs
        .chunk_by(|one, next| one.folder == next.folder)
        .collect();
    let ended: Vec<Result<Vec<&Program>>> = std::thread::scope(|scope| {
        let running: Vec<_> = lanes
            .iter()
            .map(|lane| scope.spawn(|| run_lane(lane, ui, variables)))
            .collect();
        running
            .into_iter()
            .map(|lane| {
                lane.join()
                    .unwrap_or_else(|_| anyhow::bail!("the thread that ran tests has panicked"))
            })
            .collect()
    });
    let mut failed = Vec::new();
    for lane in ended {
        failed.extend(lane?);
    }
    Ok(failed)
}

fn run_lane<'a>(
    lane: &'a [Program],
    ui: Ui,
    variables: &[(&str, &OsStr)],
) -> Result<Vec<&'a Program>> {
    let mut failed = Vec::new();
    for program in lane {
        let name = name(program);
        ui.status("Testing", &name);
        let started = Instant::now();
        let output = run_one(program, variables).with_context(|| format!("run {name}"))?;
        show(&name, &output, started)?;
        if !output.status.success() {
            failed.push(program);
        }
    }
    Ok(failed)
}

fn run_one(program: &Program, variables: &[(&str, &OsStr)]) -> Result<Output> {
    let mut command = duct::cmd!(&program.path)
        .dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder);
    for (name, value) in variables {
        command = command.env(name, value);
    }
    let output = command
        .stdin_null()
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()?;
    Ok(output)
}

/// `tollgate-wrt/tests/gate/main.rs`
pub fn name(program: &Program) -> String {
    let folder = program.folder.file_name().map(Path::new);
    let path = folder.unwrap_or(Path::new("")).join(&program.source);
    path.display().to_string()
}

fn show(name: &str, output: &Output, started: Instant) -> Result<()> {
    let seconds = started.elapsed().as_secs();
    let how = match output.status.code() {
        Some(0) => String::new(),
        Some(code) => format!(", exit code {code}"),
        None => format!(", {}", output.status),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n     {name} ({seconds} s{how})")
        .and_then(|()| out.write_all(&output.stdout))
        .and_then(|()| out.flush())
        .context("show what the tests printed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::fs::write_program;

    fn program(folder: &Path, name: &str, text: &str) -> Program {
        let folder = folder.join(name);
        let path = folder.join("run");
        std::fs::create_dir_all(&folder).unwrap();
        write_program(&path, text);
        let source = "tests/t.rs".into();
        Program {
            folder,
            source,
            path,
        }
    }

    #[test]
    fn crates_run_side_by_side_and_failures_are_named() {
        let dir = tempfile::tempdir().unwrap();
        // Each waits for what the other makes: one after the other they would not end.
        let wait = "#!/bin/sh\ntouch mine\nfor i in $(seq 100); do [ -e ../$OTHER/mine ] && exit $CODE; sleep 0.1; done\nexit 9\n";
        let text = |other: &str, code: &str| {
            let text = wait.replace("$OTHER", other);
            text.replace("$CODE", code)
        };
        let programs = [
            program(dir.path(), "a", &text("b", "0")),
            program(dir.path(), "b", &text("a", "1")),
        ];
        let failed = run(&programs, Ui::default(), &[]).unwrap();
        assert_eq!(failed, [&programs[1]]);
        assert_eq!(name(failed[0]), "b/tests/t.rs");
    }
}
