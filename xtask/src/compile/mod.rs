//! Compiles a crate's binaries for a router with cargo-zigbuild.

mod live;
mod messages;
pub mod profile;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::config::sdk::Sdk;
use crate::config::workspace::{Crate, Workspace};
use crate::record::Work;
use crate::toolchain::Toolchain;
use crate::toolchain::starter::Starter;
use crate::toolchain::stdlib::{Std, TARGET_FLAGS};
use crate::util::process;
pub use messages::Linked;
use profile::Profile;

/// A path where nothing is.
const NO_PYTHON: &str = "/nonexistent/python3";

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

/// The command that [`compile`] runs; a bare no-op of it is what `bench build`
/// compares with.
///
/// # Errors
/// When the cache cannot be written.
pub fn cargo_zigbuild(job: &Job<'_>) -> Result<duct::Expression> {
    cargo(job, &[])
}

/// That command with arguments that change nothing but what cargo says.
fn cargo(job: &Job<'_>, say: &[&str]) -> Result<duct::Expression> {
    let Job {
        toolchain,
        member,
        target,
        ..
    } = *job;
    let target_dir = target_dir(job.workspace, job.std);
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
    let remap = remap(job.workspace, &target_dir)?;
    let prefix_maps: Vec<String> = remap
        .iter()
        .map(|(from, to)| {
            process::shell_quoted(&format!("-ffile-prefix-map={}={to}", from.display()))
        })
        .collect();
    let zig_cache = toolchain.cache.path("zig-cache");
    let command = duct::cmd(&toolchain.zig.zigbuild, args)
        .stdin_null()
        .dir(&job.workspace.workspace_root)
        .env("CARGO", &toolchain.compiler.cargo)
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", TARGET_FLAGS.join("\x1f"))
        .env("CARGO_ZIGBUILD_ZIG_PATH", &toolchain.zig.zig)
        // It would prefer a ziglang of the user's Python, of any version.
        .env("CARGO_ZIGBUILD_PYTHON_PATH", NO_PYTHON)
        .env("CARGO_ZIGBUILD_CACHE_DIR", toolchain.cache.path("zigbuild"))
        .env("ZIG_GLOBAL_CACHE_DIR", &zig_cache)
        .env("ZIG_LOCAL_CACHE_DIR", &zig_cache)
        .env(
            format!("CFLAGS_{}", target.replace('-', "_")),
            prefix_maps.join(" "),
        )
        // Directories may have blanks in their names.
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env("LC_ALL", "C")
        .env("TZ", "UTC");
    let command = match job.epoch {
        Some(epoch) => command.env("SOURCE_DATE_EPOCH", epoch.to_string()),
        None => command.env_remove("SOURCE_DATE_EPOCH"),
    };
    let command = Starter {
        compiler: &toolchain.compiler,
        sysroot: Some(&job.std.sysroot),
        target,
        remap: &remap,
    }
    .apply(command)?;
    Ok(process::without_build_variables(command))
}

/// A target directory for each standard library: cargo does not notice when
/// another one is given to it.
pub fn target_dir(workspace: &Workspace, std: &Std) -> PathBuf {
    workspace.target_directory.join("openwrt").join(&std.short)
}

/// The building machine's directories, and what compiled code calls them.
fn remap(workspace: &Workspace, target_dir: &Path) -> Result<Vec<(PathBuf, String)>> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
        .context("find cargo's home: set CARGO_HOME or HOME")?;
    // The last match wins: the target directory lies in the workspace.
    Ok(vec![
        (cargo_home, "/cargo".to_owned()),
        (workspace.workspace_root.clone(), "/src".to_owned()),
        (target_dir.to_owned(), "/target".to_owned()),
    ])
}
