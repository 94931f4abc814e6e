//! cargo-zigbuild: the environment that it runs cargo in, and the wrappers that
//! it keeps in the cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Job, target_dir};
use crate::config::workspace::Workspace;
use crate::toolchain::starter::Starter;
use crate::toolchain::stdlib::TARGET_FLAGS;
use crate::util::ui::Ui;
use crate::util::{fs, lock, process};

/// A path where nothing is.
const NO_PYTHON: &str = "/nonexistent/python3";

/// cargo-zigbuild with these arguments; it runs `cargo` in `dir`.
///
/// # Errors
/// When cargo's home or this program's own file is unknown.
pub fn command(
    job: &Job<'_>,
    args: Vec<String>,
    cargo: &Path,
    dir: &Path,
) -> Result<duct::Expression> {
    let Job {
        toolchain, target, ..
    } = *job;
    let target_dir = target_dir(job.workspace, job.std);
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
        .dir(dir)
        .env("CARGO", cargo)
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

/// Has cargo-zigbuild write its wrappers for the target, where it has not: the
/// programs that cargo starts as linker and C compiler.
///
/// It looks for them at each start and writes what is missing, in place: of two
/// that start at once on a new cache one fails ("File exists", "Text file busy").
/// The first run makes them alone; later ones find what they would write.
///
/// # Errors
/// When cargo-zigbuild or zig does not run.
pub fn ensure_wrappers(job: &Job<'_>, ui: &Ui) -> Result<()> {
    let (cache, zig) = (&job.toolchain.cache, &job.toolchain.zig);
    // The wrappers name both programs, and what the flags say of the processor.
    let made_for = format!(
        "{}\n{}\n{}\n",
        zig.zigbuild.display(),
        zig.zig.display(),
        TARGET_FLAGS.join(" ")
    );
    // Among what cargo-zigbuild writes: removed with it.
    let ready = cache.path(&format!("zigbuild/cargo-zigbuild/ready-{}", job.target));
    let is_ready = || std::fs::read_to_string(&ready).is_ok_and(|text| text == made_for);
    if is_ready() {
        return Ok(());
    }
    // One lock: some wrappers are those of all targets.
    let lock = cache.path("locks/zigbuild.lock");
    let _lock = lock::take(&lock, "the wrappers of cargo-zigbuild", ui)?;
    if is_ready() {
        return Ok(());
    }
    make_wrappers(job)?;
    fs::write_atomic(&ready, made_for.as_bytes(), 0o644)
}

/// Runs cargo-zigbuild with a shell for cargo: `sh build …` runs the file
/// `build`, which links something. What ARM needs for linking is written then.
fn make_wrappers(job: &Job<'_>) -> Result<()> {
    let dir = tempfile::tempdir().context("make a directory for a script")?;
    let script = format!(
        "exec \"$CC_{}\" -nostdlib -shared -o linked empty.c\n",
        job.target.replace('-', "_")
    );
    for (name, text) in [("build", script.as_str()), ("empty.c", "")] {
        fs::write_atomic(&dir.path().join(name), text.as_bytes(), 0o644)?;
    }
    let args = ["zigbuild", "--target", job.target];
    let args = args.map(str::to_owned).into();
    let output = command(job, args, Path::new("sh"), dir.path())?
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run()
        .with_context(|| format!("start {}", job.toolchain.zig.zigbuild.display()))?;
    ensure!(
        output.status.success(),
        "cargo-zigbuild failed ({}):\n{}",
        output.status,
        process::tail(&String::from_utf8_lossy(&output.stdout))
    );
    Ok(())
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
