//! `ci release`: all that a release consists of, from the packages in `dist/`:
//! checked, put into signed feeds, and laid out as the files that are published.

mod assets;
mod checked;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::steps::Steps;
use crate::config::workspace::Workspace;
use crate::context::Context;
use crate::flags::CiRelease;
use crate::keys::store::{self, Kind, Secret};
use crate::source;
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// The first thing that is not as a release has to be, with what mends it.
pub fn run(flags: &CiRelease, ctx: &Context) -> Result<ExitCode> {
    let workspace = Workspace::read(&ctx.root.join("Cargo.toml"))?;
    let member = workspace.select(None)?;
    let version = &member.version;
    ensure!(
        flags.tag == format!("v{version}"),
        "{:?} is no tag for this tree: {} has version {version} in Cargo.toml, so its tag is v{version}",
        flags.tag,
        member.cargo_name
    );
    let changelog = ctx.root.join("CHANGELOG.md");
    let notes = checked::notes(&fs::read_text(&changelog)?, version)
        .with_context(|| fs::shown(&changelog).display().to_string())?;
    let source = source::ask(&ctx.root).answer(&ctx.ui)?;
    ensure!(
        source.commit.is_some() && !source.dirty,
        "a release is made of a commit: commit or stash what `git status` shows"
    );
    let dist = flags.dist.clone().unwrap_or_else(|| ctx.root.join("dist"));
    let packages = checked::packages(ctx, &dist, &member.cargo_name, &source)?;
    let keys = Keys::find(ctx)?;
    let plan = assets::plan(ctx, &packages)?;
    if flags.dry_run {
        let text = format!(
            "{} files for {} into {}",
            plan.len(),
            flags.tag,
            fs::shown(&dist.join("release")).display()
        );
        ctx.ui.status("Would write", &text);
        return Ok(ExitCode::SUCCESS);
    }

    let url = flags.url.as_deref().filter(|url| !url.is_empty());
    feeds(ctx, &dist, &packages, url, &keys)?;
    let place = assets::write(&assets::Request {
        dist: &dist,
        name: &format!("{}-{version}", member.cargo_name),
        epoch: source.epoch,
        plan: &plan,
        releases: ctx.sdk.release.keys().map(String::as_str).collect(),
        keys: &keys.all,
        notes: &notes,
    })?;
    if flags.json {
        let object = json!({
            "tag": flags.tag,
            "version": version,
            "dir": place.dir,
            "notes": place.notes,
            "feed": dist.join("feed"),
            "assets": place.files,
        });
        println!("{object:#}");
    } else {
        let text = format!(
            "{} files for {} into {}",
            place.files.len(),
            flags.tag,
            fs::shown(&place.dir).display()
        );
        ctx.ui.status("Wrote", &text);
    }
    Ok(ExitCode::SUCCESS)
}

/// The keys of both package managers, and their public halves as files.
struct Keys {
    all: Vec<(Kind, Secret)>,
    public: tempfile::TempDir,
}

impl Keys {
    fn find(ctx: &Context) -> Result<Self> {
        let public = tempfile::tempdir().context("make a folder for public keys")?;
        let mut all = Vec::new();
        for kind in [Kind::Usign, Kind::Ec] {
            let Some(found) = store::find(kind, None)? else {
                bail!(
                    "no key signs this release: `cargo xtask keygen` makes one, or ${} holds its text (docs/release.md)",
                    kind.variable()
                );
            };
            for warning in found.warnings() {
                ctx.ui.warn(&warning);
            }
            let text = found.key.public().to_text()?;
            fs::write_atomic(&public.path().join(kind.files().1), text.as_bytes(), 0o644)?;
            all.push((kind, found.key));
        }
        Ok(Self { all, public })
    }
}

/// Writes every feed, and asks whether a router that has our keys takes it.
fn feeds(
    ctx: &Context,
    dist: &Path,
    packages: &[checked::Package],
    url: Option<&str>,
    keys: &Keys,
) -> Result<()> {
    let steps = Steps::new(ctx)?;
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .context("a path is no text")
    };
    // What an earlier release left there would be published too.
    fs::remove_dir(&dist.join("feed"))?;
    let folder = text(dist)?;
    for package in packages {
        let (release, arch) = (&package.release, &package.arch);
        let mut args = vec!["feed", arch, "--release", release, "--dist", &folder];
        if let Some(url) = url {
            args.extend(["--url", url]);
        }
        steps.run(&args)?;
    }
    let feed = text(&dist.join("feed"))?;
    let mut args = vec!["feed".to_owned(), "--verify".to_owned(), feed];
    for (kind, _) in &keys.all {
        args.push("--key".to_owned());
        args.push(text(&keys.public.path().join(kind.files().1))?);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    steps.run(&args)
}
