//! Rebuilds a published package from its recorded commit, with its recorded
//! toolchain, and compares.
//!
//! | module | |
//! |---|---|
//! | [`recorded`] | the provenance, checked: it may be a stranger's |
//! | [`checkout`] | the commit in a folder of its own |
//! | [`compare`] | what differs, by file and field |

pub mod checkout;
pub mod compare;
pub mod recorded;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;

use crate::config::sdk::Sdk;
use crate::context::Context;
use crate::fingerprint::{Reason, hash_file, join};
use crate::provenance::statement::Statement;
use crate::source;
use crate::toolchain::cache::Cache;
use crate::toolchain::provider::State;
use crate::toolchain::select;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::{fs, process};
use checkout::Checkout;
use compare::Difference;
use recorded::Recorded;

/// What is asked.
#[derive(Debug)]
pub struct Request<'a> {
    /// The package.
    pub file: &'a Path,
    /// What its provenance says.
    pub recorded: &'a Recorded,
    /// Where the commit is, instead of in a repository at hand.
    pub source: Option<&'a str>,
    /// Compare although the toolchain is another.
    pub any_toolchain: bool,
    /// The folder that keeps the rebuilt package.
    pub output: Option<&'a Path>,
}

/// What a rebuild showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The same bytes, but for a signature that only the key's owner can make.
    Reproduced,
    /// Other bytes.
    Different,
}

/// A comparison.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// What it showed.
    pub verdict: Verdict,
    /// SHA-256 of the rebuilt package.
    pub rebuilt_sha256: String,
    /// The rebuilt package, where it was kept.
    pub rebuilt: Option<PathBuf>,
    /// The published package is signed, and the rest of it is the same.
    pub signature_aside: bool,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Rebuilds and compares.
///
/// # Errors
/// Whatever keeps it from an answer: no such commit, another toolchain, a build
/// that fails; with the way out.
pub fn reproduce(request: &Request<'_>, ctx: &Context) -> Result<Answer> {
    let interrupt = Interrupt::watch()?;
    let work = tempfile::Builder::new()
        .prefix("xtask-reproduce-")
        .tempdir()
        .context("make a folder to rebuild in")?;
    let answer = rebuild(request, work.path(), ctx);
    // What failed did so because of it.
    match (answer, interrupt.asked()) {
        (Err(_), true) => Err(Stopped("nothing was compared".to_owned()).into()),
        (answer, _) => answer,
    }
}

fn rebuild(request: &Request<'_>, work: &Path, ctx: &Context) -> Result<Answer> {
    let recorded = request.recorded;
    let repository = match request.source {
        Some(source) => checkout::Place::Named(source.to_owned()),
        None => checkout::at_hand(request.file, &recorded.commit, ctx)?,
    };
    let step = ctx.ui.step(
        "Checking out",
        &format!("{} of {repository}", recorded.commit),
    );
    let tree = Checkout::make(&repository, &recorded.commit, &work.join("source"))?;
    step.done("Checked out");
    let own = tree.has_tool() && recorded.tool.is_none();
    if !request.any_toolchain && own {
        let sdk = Sdk::read(&tree.dir.join("openwrt/sdk.toml"))?;
        same_toolchain_at_hand(recorded, &sdk, ctx)?;
    } else if !request.any_toolchain {
        same_toolchain_at_hand(recorded, &ctx.sdk, ctx)?;
    }
    let dist = work.join("dist");
    let tool = match own {
        true => Tool::Of(tree.dir.clone()),
        false => tool(recorded, work, ctx)?,
    };
    let rebuilt = run(recorded, &tree, &tool, &dist, ctx)?;
    if !request.any_toolchain {
        same_toolchain_used(recorded, &rebuilt)?;
    }
    let sha256 = hash(&rebuilt)?;
    let compared = compare::compare(request.file, &rebuilt)?;
    let kept = match request.output {
        None => None,
        Some(dir) => {
            let kept = dir.join(rebuilt.file_name().unwrap_or_default());
            let same = kept.canonicalize().ok() == request.file.canonicalize().ok();
            ensure!(
                !same || !kept.exists(),
                "--output {} would overwrite the package itself",
                dir.display()
            );
            fs::write_atomic(&kept, &fs::read(&rebuilt)?, 0o644)?;
            Some(kept)
        }
    };
    Ok(Answer {
        verdict: match compared.differences.is_empty() {
            true => Verdict::Reproduced,
            false => Verdict::Different,
        },
        rebuilt_sha256: sha256,
        rebuilt: kept,
        signature_aside: compared.signature_aside,
        differences: compared.differences,
    })
}

fn hash(path: &Path) -> Result<String> {
    hash_file(path).with_context(|| format!("read {}", path.display()))
}

/// The program that rebuilds.
enum Tool {
    /// This one.
    Running,
    /// That of a checkout, which cargo compiles first.
    Of(PathBuf),
}

/// The build tool of a package from another repository.
fn tool(recorded: &Recorded, work: &Path, ctx: &Context) -> Result<Tool> {
    let Some(tool) = &recorded.tool else {
        ctx.ui.warn(
            "its provenance names no build tool, and its commit has none: this one rebuilds it",
        );
        return Ok(Tool::Running);
    };
    if tool.dirty {
        ctx.ui.warn("it was made by a build tool that differs from its commit: this one rebuilds it, and other bytes may come from that");
        return Ok(Tool::Running);
    }
    let here = source::ask(&ctx.root).quietly();
    if here.commit.as_deref() == Some(tool.commit.as_str()) && !here.dirty {
        return Ok(Tool::Running);
    }
    let place = checkout::Place::Named(ctx.root.display().to_string());
    let tree = Checkout::make(&place, &tool.commit, &work.join("tool"))
        .context("get the build tool that made it")?;
    ctx.ui
        .note(&format!("the build tool is that of commit {}", tool.commit));
    Ok(Tool::Of(tree.dir))
}

/// Builds the package anew; gives the file.
fn run(
    recorded: &Recorded,
    tree: &Checkout,
    tool: &Tool,
    dist: &Path,
    ctx: &Context,
) -> Result<PathBuf> {
    let asked = &recorded.asked;
    let provider = recorded.provider.as_deref().unwrap_or(&asked.toolchain);
    let manifest = tree.dir.join(&asked.workspace).join("Cargo.toml");
    let mut args: Vec<std::ffi::OsString> = Vec::new();
    if let Tool::Of(_) = tool {
        args.extend(["run", "--quiet", "--locked", "--package", "xtask", "--"].map(Into::into));
    }
    args.extend(["ipk", &asked.arch, "--release", &asked.release].map(Into::into));
    args.extend(["--toolchain", provider, "--backend", asked.backend.name()].map(Into::into));
    args.extend(["--package", &asked.crate_name, "--json"].map(Into::into));
    if asked.profile == "openwrt-fast" {
        args.push("--fast".into());
    }
    args.extend([
        "--manifest-path".into(),
        manifest.into(),
        "--dist".into(),
        dist.into(),
    ]);
    let (program, dir) = match tool {
        Tool::Running => (
            std::env::current_exe().context("find this program")?,
            ctx.root.clone(),
        ),
        Tool::Of(dir) => {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            (cargo.into(), dir.clone())
        }
    };
    ctx.ui.status(
        "Rebuilding",
        &format!(
            "{} for {} of {}",
            asked.crate_name, asked.arch, asked.release
        ),
    );
    let command = process::without_build_variables(duct::cmd(program, args).dir(dir))
        .env("SOURCE_DATE_EPOCH", asked.source_date_epoch.to_string())
        .env_remove("XTASK_TOOLCHAIN");
    let command = match tool {
        // It finds its own project by this.
        Tool::Running => command.env("CARGO_MANIFEST_DIR", ctx.root.join("xtask")),
        Tool::Of(_) => command.env_remove("CARGO_MANIFEST_DIR"),
    };
    let output = command
        .stdin_null()
        .stdout_capture()
        .unchecked()
        .run()
        .context("start the rebuild")?;
    ensure!(
        output.status.success(),
        "the rebuild failed ({}): see its message above",
        output.status
    );
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("read what the rebuild reports")?;
    let path = report["packages"][0]["path"].as_str();
    Ok(PathBuf::from(
        path.context("the rebuild reports no package")?,
    ))
}

/// Before anything is built: is the compiler that is installed the recorded one?
fn same_toolchain_at_hand(recorded: &Recorded, sdk: &Sdk, ctx: &Context) -> Result<()> {
    let (Some(provider), Some(compiler)) = (&recorded.provider, &recorded.compiler) else {
        return Ok(());
    };
    let cache = Cache::open()?;
    let providers = select::providers(&cache, select::pin(sdk)?, &ctx.ui);
    let Some(provider) = providers.iter().find(|one| one.name() == provider) else {
        bail!("its compiler came from {provider:?}, which this tool does not know");
    };
    match provider.state()? {
        State::Ready(here) if here.origin != *compiler => bail!(
            "it was compiled with {compiler} and {} has {}: other bytes would prove nothing. \
             Rebuild it on a machine that has that compiler, or compare nevertheless with --any-toolchain",
            provider.name(),
            here.origin
        ),
        // A missing one is installed by the build, and compared after it.
        _ => Ok(()),
    }
}

/// After the build: was everything of the toolchain the recorded one?
fn same_toolchain_used(recorded: &Recorded, rebuilt: &Path) -> Result<()> {
    let beside = crate::provenance::beside(rebuilt, ".provenance.json");
    if !beside.is_file() {
        return Ok(());
    }
    let now = Statement::read(&beside)?;
    let mut reasons: Vec<Reason> = Vec::new();
    for (part, inputs) in &recorded.toolchain {
        let new = now.toolchain().get(part).cloned().unwrap_or_default();
        reasons.extend(new.differences(inputs));
    }
    ensure!(
        reasons.is_empty(),
        "the toolchain of the rebuild is another: {}. Other bytes would prove nothing; \
         compare nevertheless with --any-toolchain",
        join(&reasons)
    );
    Ok(())
}
