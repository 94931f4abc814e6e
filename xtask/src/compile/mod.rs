//! Compiles a crate's binaries for a router with cargo-zigbuild.

mod live;
mod messages;
pub mod profile;
mod zigbuild;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::config::sdk::Sdk;
use crate::config::workspace::{Crate, Workspace};
use crate::record::Work;
use crate::toolchain::Toolchain;
use crate::toolchain::stdlib::Std;
use crate::util::process;
use crate::util::ui::Ui;
pub use messages::Linked;
use profile::Profile;

/// What is compiled, and with what.
#[derive(Debug)]
pub struct Job<'a> {
    /// Compiler and linker.
    pub toolchain: &'a Toolchain,
    /// The target's standard library.
    pub std: &'a Std,
    /// Profile settings.
    pub sdk: &'a Sdk,
    /// The crate's workspace.
    pub workspace: &'a Workspace,
    /// The crate.
    pub member: &'a Crate,
    /// Rust's target triple.
    pub target: &'a str,
    /// Which settings.
    pub profile: Profile,
    /// What build scripts see as SOURCE_DATE_EPOCH. A change of it builds their
    /// crates again, so the edit-and-try loop goes without.
    pub epoch: Option<u64>,
}

/// What a compile gave.
#[derive(Debug)]
pub struct Compiled {
    /// The binaries by name.
    pub binaries: BTreeMap<String, PathBuf>,
    /// Crates that cargo compiled this time, in order.
    pub compiled: Vec<String>,
    /// The same by whose they are, with cargo's reasons.
    pub work: Work,
    /// What the binaries are linked from.
    pub linked: Vec<Linked>,
    /// Wall time.
    pub took: Duration,
}

/// What becomes of cargo's progress and diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// They go to stderr as cargo writes them.
    Shown,
    /// They are part of the error, if there is one.
    Kept,
}

/// Compiles the crate's installed binaries for `target`.
///
/// # Errors
/// When the crate does not compile, or gives another set of binaries.
pub fn compile(job: &Job<'_>, show: Output) -> Result<Compiled> {
    let (member, target) = (job.member, job.target);
    let started = Instant::now();
    zigbuild::ensure_wrappers(job, &Ui::default())
        .with_context(|| format!("prepare zig for {target}"))?;
    let ran = match show {
        Output::Kept => cargo(job, &[])?
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .map(|output| (output, BTreeMap::new())),
        Output::Shown => live::run(|verbose| cargo(job, verbose))?,
    };
    let (output, reasons) =
        ran.with_context(|| format!("start {}", job.toolchain.zig.zigbuild.display()))?;
    if !output.status.success() && show == Output::Kept {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!(
            "compile {} for {target}:\n{}",
            member.cargo_name,
            process::tail(&text)
        );
    }
    if !output.status.success() {
        let hint = match job.workspace.workspace_root.join("Cargo.lock").is_file() {
            true => {
                "if it speaks of Cargo.lock, run `cargo update --workspace` and commit the file"
            }
            false => "Cargo.lock is missing: run `cargo generate-lockfile` and commit it",
        };
        bail!(
            "compile {} for {target}: see cargo's message above ({hint})",
            member.cargo_name
        );
    }
    let for_target = target_dir(job.workspace, job.std).join(target);
    let artifacts = messages::read(&output.stdout, &for_target).context("read cargo's messages")?;
    let library = &job.toolchain.compiler.library;
    let work = Work::sort(
        &artifacts.compiled,
        &reasons,
        &library.canonicalize().unwrap_or_else(|_| library.clone()),
    );
    let mut binaries = BTreeMap::new();
    for bin in &member.bins {
        let path = artifacts.executables.get(bin).with_context(|| {
            format!("cargo built no binary {bin} (does it need features? see `features`)")
        })?;
        binaries.insert(bin.clone(), path.clone());
    }
    Ok(Compiled {
        binaries,
        compiled: artifacts
            .compiled
            .into_iter()
            .map(|made| made.name)
            .collect(),
        work,
        linked: artifacts.linked,
        took: started.elapsed(),
    })
}

/// The command that [`compile`] runs, which has to have been there before; a bare
/// no-op of it is what `bench build` compares with.
///
/// # Errors
/// When cargo's home or this program's own file is unknown.
pub fn cargo_zigbuild(job: &Job<'_>) -> Result<duct::Expression> {
    cargo(job, &[])
}

/// That command with arguments that change nothing but what cargo says.
fn cargo(job: &Job<'_>, say: &[&str]) -> Result<duct::Expression> {
    let Job { member, target, .. } = *job;
    let mut args: Vec<String> = [
        "zigbuild",
        "--locked",
        "--message-format=json-render-diagnostics",
    ]
    .map(str::to_owned)
    .into();
    args.extend(say.iter().map(|&word| word.to_owned()));
    args.extend([
        "--package".to_owned(),
        member.cargo_name.clone(),
        "--target".to_owned(),
        target.to_owned(),
    ]);
    args.extend(job.profile.args(job.sdk));
    for bin in &member.bins {
        args.extend(["--bin".to_owned(), bin.clone()]);
    }
    if member.table.no_default_features {
        args.push("--no-default-features".to_owned());
    }
    if !member.table.features.0.is_empty() {
        args.extend(["--features".to_owned(), member.table.features.0.join(",")]);
    }
    let dir = &job.workspace.workspace_root;
    zigbuild::command(job, args, &job.toolchain.compiler.cargo, dir)
}

/// A target directory for each standard library: cargo does not notice when
/// another one is given to it.
pub fn target_dir(workspace: &Workspace, std: &Std) -> PathBuf {
    workspace.target_directory.join("openwrt").join(&std.short)
}
