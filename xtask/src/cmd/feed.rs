//! `feed`: what `ipk` and `apk` made, as a folder that routers install from.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use crate::config::sdk::{Format, Release};
use crate::context::Context;
use crate::engine::ca;
use crate::feed::package::Package;
use crate::feed::write::{Request, Written, kind};
use crate::feed::{fetch, verify};
use crate::flags::Feed;
use crate::keys::store::{self, Secret};
use crate::util::fs;

/// Runs the command.
///
/// # Errors
/// No packages, no key, packages that no router installs.
pub fn run(flags: &Feed, ctx: &Context) -> Result<ExitCode> {
    if let Some(place) = &flags.verify {
        return verify_feed(flags, place, ctx);
    }
    if let Some(url) = &flags.url {
        // It stands in commands that owners copy into a shell.
        let is_plain = |c: char| c.is_ascii_graphic() && !"'\"`$\\<>|;&(){}".contains(c);
        ensure!(
            fetch::is_url(url) && url.chars().all(is_plain),
            "--url {url:?} is no http or https address without blanks, quotes and the shell's own characters"
        );
    }
    let release = ctx.sdk.release(flags.release.as_deref())?;
    let dist = match &flags.dist {
        Some(dist) => dist.clone(),
        None => ctx.root.join("dist"),
    };
    let archs = archs(flags, &release, &dist, ctx)?;
    let key = key(flags, release.format, ctx)?;
    let mut feeds = Vec::new();
    for arch in &archs {
        let url = flags.url.as_deref().map(|url| {
            let url = url.trim_end_matches('/');
            format!("{url}/{}/{arch}", release.name)
        });
        let request = Request {
            dist: &dist,
            release: &release.name,
            format: release.format,
            arch,
            url: url.as_deref(),
            key: key.as_ref(),
        };
        let written = match flags.dry_run {
            true => request.plan()?,
            false => request.write(&ctx.ui)?,
        };
        for older in &written.chosen.older {
            ctx.ui.note(&format!(
                "{} is left out: a newer one is there",
                fs::shown(&older.path).display()
            ));
        }
        if !flags.json {
            tell(flags, &written, key.as_ref(), ctx);
        }
        feeds.push(json!({
            "release": release.name,
            "arch": arch,
            "dir": written.dir,
            "key": key.as_ref().map(|key| key.public().id()),
            "packages": shown(&written.chosen.packages),
            "older": shown(&written.chosen.older),
        }));
    }
    if flags.json {
        println!("{:#}", json!({ "feeds": feeds }));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(packages: &[Package]) -> Vec<Value> {
    packages
        .iter()
        .map(|package| {
            json!({
                "name": package.name,
                "version": package.version,
                "arch": package.arch,
                "file": package.file_name,
                "size": package.size,
                "sha256": package.sha256,
            })
        })
        .collect()
}

fn tell(flags: &Feed, written: &Written, key: Option<&Secret>, ctx: &Context) {
    let packages = written.chosen.packages.len();
    let text = format!(
        "{}: {packages} package{}, {}",
        fs::shown(&written.dir).display(),
        if packages == 1 { "" } else { "s" },
        key.map_or("unsigned".to_owned(), |key| format!(
            "signed with the key {}",
            key.public().id()
        ))
    );
    ctx.ui.status(
        if flags.dry_run {
            "Would write"
        } else {
            "Wrote"
        },
        &text,
    );
}

/// Those that are named, else those that packages were made for.
fn archs(
    flags: &Feed,
    release: &Release,
    dist: &std::path::Path,
    ctx: &Context,
) -> Result<Vec<String>> {
    if !flags.archs.is_empty() {
        let mut archs = Vec::new();
        for name in &flags.archs {
            let arch = ctx.sdk.arch(name, release)?.name;
            if !archs.contains(&arch) {
                archs.push(arch);
            }
        }
        return Ok(archs);
    }
    let dir = dist.join(&release.name);
    let end = crate::feed::choose::extension(release.format);
    let mut archs = Vec::new();
    for arch in ctx.sdk.all_archs(release)? {
        let files = std::fs::read_dir(dir.join(&arch.name))
            .into_iter()
            .flatten();
        let mut files = files.filter_map(|entry| Some(entry.ok()?.path()));
        if files.any(|file| file.extension().is_some_and(|found| found == end)) {
            archs.push(arch.name);
        }
    }
    ensure!(
        !archs.is_empty(),
        "{} has no packages: `cargo xtask {end} --all --release {}` makes them",
        dir.display(),
        release.name
    );
    Ok(archs)
}

fn key(flags: &Feed, format: Format, ctx: &Context) -> Result<Option<Secret>> {
    if flags.unsigned {
        ctx.ui.warn(match format {
            Format::Ipk => "without a signature opkg refuses the feed, unless `check_signature` is off on the router",
            Format::Apk => "without a signature apk refuses the feed, unless it is told --allow-untrusted",
        });
        return Ok(None);
    }
    let kind = kind(format);
    ensure!(flags.key.len() < 2, "one --key signs a feed");
    let Some(found) = store::find(kind, flags.key.first().map(PathBuf::as_path))? else {
        bail!(
            "no key signs this feed: `cargo xtask keygen` makes one; ${} may hold its text; --unsigned writes the feed without",
            kind.variable()
        );
    };
    for warning in found.warnings() {
        ctx.ui.warn(&warning);
    }
    Ok(Some(found.key))
}

fn verify_feed(flags: &Feed, place: &str, ctx: &Context) -> Result<ExitCode> {
    let ca = ca::bundle(flags.ca_bundle.as_deref())?;
    let report = verify::verify(place, &flags.key, ca.as_deref(), &ctx.ui)
        .with_context(|| format!("verify {place}"))?;
    for feed in report.feeds.iter().filter(|feed| feed.own_key) {
        ctx.ui.note(&format!(
            "{} was checked with the key that it brings itself: --key FILE says whose it has to be",
            feed.place
        ));
    }
    if flags.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for feed in &report.feeds {
            println!("{feed}");
        }
    }
    for problem in report.feeds.iter().flat_map(|feed| &feed.problems) {
        ctx.ui.error(&anyhow!("{problem}"));
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
