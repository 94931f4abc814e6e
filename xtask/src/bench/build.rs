//! Native builds: what `ipk` adds to the bare compile.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Figure, Target, alternate, pack};
use crate::compile::profile::Profile;
use crate::compile::{self, Job};
use crate::config::workspace::Workspace;
use crate::context::Context;
use crate::toolchain::Toolchain;
use crate::toolchain::select::Choice;
use crate::util::fs;

const ARCH: &str = "aarch64";
/// The same for both sides: build scripts look at it.
const EPOCH: u64 = 1_700_000_000;

/// All figures of native builds, measured on a copy of this project.
///
/// # Errors
/// When something does not build.
pub fn figures(ctx: &Context, choice: Choice, runs: usize) -> Result<Vec<Figure>> {
    let own = std::env::current_exe().context("find this program")?;
    let release = ctx.sdk.release(None)?;
    let arch = ctx.sdk.arch(ARCH, &release)?;
    let toolchain = Toolchain::ensure(choice, &ctx.sdk, &ctx.ui)?;
    let std = toolchain.std(&arch.target, &ctx.sdk, &ctx.ui)?;

    // Sources are edited: on a copy, whose target directory stays for next time.
    let copy = ctx.root.join("target/bench/project");
    copy_sources(&ctx.root, &copy)?;
    let workspace = Workspace::read(&copy.join("Cargo.toml"))?;
    let member = workspace.select(None)?;
    let job = Job {
        toolchain: &toolchain,
        std: &std,
        sdk: &ctx.sdk,
        workspace: &workspace,
        member: &member,
        target: &arch.target,
        profile: Profile::Release,
        epoch: Some(EPOCH),
    };
    let ipk = |fast: bool| {
        let mut args: Vec<PathBuf> = vec![
            "ipk".into(),
            ARCH.into(),
            "--manifest-path".into(),
            copy.join("Cargo.toml"),
        ];
        args.extend(["--toolchain".into(), toolchain.compiler.provider.into()]);
        if fast {
            args.push("--fast".into());
        }
        duct::cmd(&own, args).env("SOURCE_DATE_EPOCH", EPOCH.to_string())
    };
    let source = member.dir.join("src/lib.rs");
    let mut edits = 0;
    let mut edit = || -> Result<()> {
        edits += 1;
        change(&source, edits)
    };

    ctx.ui.status("Measuring", "no-op builds");
    let (release_ipk, release_bare) = (ipk(false), compile::cargo_zigbuild(&job)?);
    let pair = [("ipk", &release_ipk), ("cargo zigbuild", &release_bare)];
    alternate(1, &pair, || Ok(()))?;
    let no_op = alternate(runs.max(9), &pair, || Ok(()))?;

    ctx.ui.status("Measuring", "builds after an edit");
    let edited = alternate(runs, &pair, &mut edit)?;

    ctx.ui.status("Measuring", "--fast builds after an edit");
    let fast_ipk = ipk(true);
    alternate(1, &[("ipk --fast", &fast_ipk)], || Ok(()))?;
    let fast = alternate(
        runs,
        &[("ipk --fast", &fast_ipk), ("ipk", &release_ipk)],
        &mut edit,
    )?;

    ctx.ui.status("Measuring", "packing");
    let mut figures = vec![
        difference(
            "no-op ipk beyond a bare no-op compile",
            no_op[0],
            no_op[1],
            0.1,
        ),
        ratio(
            "edit to ipk against the bare compile",
            edited[0],
            edited[1],
            1.05,
        ),
        ratio(
            "edit to ipk --fast against edit to ipk",
            fast[0],
            fast[1],
            0.25,
        ),
    ];
    let program = largest_library(&toolchain.compiler.library).unwrap_or_else(|| own.clone());
    figures.extend(pack::figures(
        &own,
        &program,
        &toolchain.compiler.library,
        runs.max(9),
    )?);
    figures.extend(sizes(&copy, &job)?);
    Ok(figures)
}

fn difference(name: &str, ours: Duration, other: Duration, most: f64) -> Figure {
    let (ours, other) = (ours.as_secs_f64(), other.as_secs_f64());
    Figure {
        name: name.into(),
        value: ours - other,
        unit: "s",
        target: Some(Target::AtMost(most)),
        detail: format!("{ours:.3} s against {other:.3} s"),
    }
}

fn ratio(name: &str, ours: Duration, other: Duration, most: f64) -> Figure {
    let (ours, other) = (ours.as_secs_f64(), other.as_secs_f64());
    Figure {
        name: name.into(),
        value: ours / other,
        unit: "×",
        target: Some(Target::AtMost(most)),
        detail: format!("{ours:.2} s against {other:.2} s"),
    }
}

fn sizes(copy: &Path, job: &Job<'_>) -> Result<Vec<Figure>> {
    let folder = compile::target_dir(job.workspace, job.std).join(job.target);
    let binary = folder.join(Profile::Release.name()).join("tollgate-wrt");
    let ipk = walkdir::WalkDir::new(copy.join("dist"))
        .into_iter()
        .flatten()
        .find(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "ipk")
        })
        .context("find the package that was measured")?;
    let figure = |name: &str, path: &Path, most: f64| -> Result<Figure> {
        let size = std::fs::metadata(path)
            .with_context(|| format!("measure {}", path.display()))?
            .len();
        let target = Some(Target::AtMost(most));
        Ok(Figure {
            name: name.into(),
            value: size as f64,
            unit: "B",
            target,
            detail: String::new(),
        })
    };
    // The ipk was last written by one of the two profiles; the binary is the
    // release one in any case.
    Ok(vec![
        figure("stripped aarch64 binary", &binary, 1_600_000.0)?,
        figure("aarch64 ipk", ipk.path(), 800_000.0)?,
    ])
}

/// The compiler's own library: tens of megabytes of machine code, always there.
fn largest_library(library: &Path) -> Option<PathBuf> {
    let lib = library
        .canonicalize()
        .ok()?
        .ancestors()
        .find(|dir| dir.join("lib/rustlib").is_dir())?
        .join("lib");
    let files = walkdir::WalkDir::new(lib)
        .max_depth(2)
        .into_iter()
        .flatten();
    let libraries = files.filter(|file| {
        file.file_name()
            .to_string_lossy()
            .starts_with("librustc_driver")
    });
    libraries.map(|file| file.into_path()).next()
}

/// Makes `to` hold what git tracks or would track in `from`, and build results
/// of its own.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    let tracked = duct::cmd!(
        "git",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard"
    )
    .dir(from)
    .read()
    .context("list the project's files with git")?;
    let names: BTreeSet<&str> = tracked
        .split('\0')
        .filter(|name| !name.is_empty())
        .collect();

    // A file that was moved since the last time would be there twice.
    let kept = walkdir::WalkDir::new(to).into_iter().filter_entry(|entry| {
        entry.depth() != 1 || !matches!(entry.file_name().to_str(), Some("target" | "dist"))
    });
    for entry in kept.flatten().filter(|entry| !entry.file_type().is_dir()) {
        let name = entry.path().strip_prefix(to)?.to_string_lossy();
        if !names.contains(&*name) {
            std::fs::remove_file(entry.path())
                .with_context(|| format!("remove {}", entry.path().display()))?;
        }
    }
    for name in names {
        let (source, target) = (from.join(name), to.join(name));
        let Ok(content) = std::fs::read(&source) else {
            continue;
        };
        if std::fs::read(&target).is_ok_and(|old| old == content) {
            continue;
        }
        fs::write_atomic(&target, &content, 0o644)?;
    }
    Ok(())
}

/// Gives a library another function, so that it is really compiled again.
fn change(source: &Path, number: u32) -> Result<()> {
    const MARK: &str = "\n/// Written by the bench.\n";
    let text = fs::read_text(source)?;
    let text = text.split(MARK).next().unwrap_or_default();
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_nanos() as u64;
    let function = format!(
        "#[inline(never)]\npub fn bench_edit() -> u64 {{\n    {}\n}}\n",
        now ^ u64::from(number)
    );
    fs::write_atomic(source, format!("{text}{MARK}{function}").as_bytes(), 0o644)
}
