//! `ci image` and `ci package`: the SDK images and the packages of one
//! architecture, for every release of openwrt/sdk.toml.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::steps::Steps;
use crate::cmd::ipk;
use crate::config::image::RustMode;
use crate::context::Context;
use crate::flags::{CiImage, CiPackage};
use crate::record::{self, Backend, Record};
use crate::util::fs;
use crate::util::interrupt::Stopped;

/// An architecture's name in each release.
fn releases(ctx: &Context, arch: &str) -> Result<Vec<(String, String)>> {
    let releases = ctx.sdk.release.keys();
    releases
        .map(|name| {
            let release = ctx.sdk.release(Some(name))?;
            Ok((name.clone(), ctx.sdk.arch(arch, &release)?.name))
        })
        .collect()
}

/// Runs `ci image`.
///
/// # Errors
/// An unknown architecture; a failed image is printed and gives exit code 1.
pub fn image(flags: &CiImage, ctx: &Context) -> Result<ExitCode> {
    let releases = releases(ctx, &flags.arch)?;
    let mut report = json!({ "images": [], "failures": [] });
    let mut failed = false;
    match flags.registry.name() {
        None => ctx.ui.note(
            "no registry is named (--registry, XTASK_REGISTRY): packages are built natively, without an image",
        ),
        Some(registry) => {
            let steps = Steps::new(ctx)?;
            for (release, arch) in &releases {
                let toolchain = flags.toolchain.toolchain.name();
                let mut args = vec!["image", arch, "--release", release];
                args.extend(["--toolchain", toolchain, "--pull", registry]);
                if flags.push {
                    args.extend(["--push", registry]);
                }
                if flags.dry_run {
                    args.push("--dry-run");
                }
                if flags.json {
                    let (answer, ok) = steps.json(&args)?;
                    failed |= !ok;
                    for list in ["images", "failures"] {
                        let more = answer[list].as_array().cloned().unwrap_or_default();
                        if let Some(all) = report[list].as_array_mut() {
                            all.extend(more);
                        }
                    }
                } else {
                    failed |= !told(ctx, release, steps.run(&args))?;
                }
            }
        }
    }
    if flags.json {
        println!("{report:#}");
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// Runs `ci package`.
///
/// # Errors
/// An unknown architecture; a release whose package cannot be made is printed
/// and gives exit code 1.
pub fn package(flags: &CiPackage, ctx: &Context) -> Result<ExitCode> {
    let releases = releases(ctx, &flags.arch)?;
    let workspace = ipk::workspace(&flags.package, ctx)?;
    let dist = ipk::dist(flags.dist.as_ref(), &workspace);
    let backends: &[Backend] = match flags.registry.name() {
        Some(_) => &Backend::ALL,
        None => &[Backend::Native],
    };
    let steps = Steps::new(ctx)?;
    let mut packages: Vec<Value> = Vec::new();
    let mut failed = Vec::new();
    for (release, arch) in &releases {
        if flags.dry_run {
            let names: Vec<&str> = backends.iter().map(|backend| backend.name()).collect();
            let text = format!("a package for {release} {arch}, {}", names.join(" and "));
            ctx.ui.status("Would make", &text);
            continue;
        }
        let made = make(flags, ctx, &steps, &dist, release, arch, backends);
        let package = made.as_ref().ok().cloned();
        if told(ctx, release, made.map(|_| ()))? {
            packages.extend(package);
        } else {
            failed.push(release);
        }
    }
    if flags.json {
        println!("{:#}", json!({ "packages": packages, "failures": failed }));
    }
    Ok(ExitCode::from(u8::from(!failed.is_empty())))
}

fn make(
    flags: &CiPackage,
    ctx: &Context,
    steps: &Steps<'_>,
    dist: &Path,
    release: &str,
    arch: &str,
    backends: &[Backend],
) -> Result<Value> {
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .context("a path is no text")
    };
    let mut more: Vec<String> = Vec::new();
    if let Some(dist) = &flags.dist {
        more.extend(["--dist".to_owned(), text(dist)?]);
    }
    if let Some(manifest) = &flags.package.manifest_path {
        more.extend(["--manifest-path".to_owned(), text(manifest)?]);
    }
    if let Some(name) = &flags.package.package {
        more.extend(["--package".to_owned(), name.clone()]);
    }
    let mut made: Vec<record::Package> = Vec::new();
    for backend in backends {
        let toolchain = flags.toolchain.toolchain.name();
        let mut args = vec!["ipk", arch, "--release", release, "--toolchain", toolchain];
        args.extend(["--backend", backend.name()]);
        args.extend(more.iter().map(String::as_str));
        steps.run(&args)?;
        made.push(recorded(dist, release, arch, *backend)?);
    }
    if let [native, sdk] = &made[..] {
        let said = compare(ctx.sdk.image.rust, native, sdk)?;
        ctx.ui.status("Compared", &said);
    }
    let package = made.pop().context("no backend")?;
    let file: PathBuf = dist.join(release).join(arch).join(&package.file);
    let names: Vec<&str> = backends.iter().map(|backend| backend.name()).collect();
    Ok(json!({
        "release": release,
        "arch": arch,
        "path": file,
        "version": package.version,
        "size": package.size,
        "sha256": package.sha256,
        "backends": names,
    }))
}

/// What the record says that a build has made.
pub fn recorded(
    dist: &Path,
    release: &str,
    arch: &str,
    backend: Backend,
) -> Result<record::Package> {
    let path = record::path(dist, release, arch, backend);
    let record = Record::read(&path)?
        .with_context(|| format!("{} is missing", fs::shown(&path).display()))?;
    let result = record.result.with_context(|| {
        format!(
            "{}: that build has not finished",
            fs::shown(&path).display()
        )
    })?;
    Ok(result.package)
}

/// Both backends give the same bytes where they have the same compiler; says
/// how that is.
///
/// # Errors
/// They do not.
fn compare(rust: RustMode, native: &record::Package, sdk: &record::Package) -> Result<String> {
    if native.sha256 == sdk.sha256 {
        return Ok(format!(
            "{}: the same bytes natively and by the SDK",
            sdk.file
        ));
    }
    let differ = format!(
        "{} is {} ({}) natively and {} ({}) by the SDK",
        sdk.file,
        native.sha256,
        fs::human_size(native.size),
        sdk.sha256,
        fs::human_size(sdk.size)
    );
    ensure!(
        rust == RustMode::Feed,
        "{differ}: with one compiler they are the same bytes; `cargo xtask inspect FILE --json` shows what differs"
    );
    Ok(format!("{differ}, which compiles with the feed's own Rust"))
}

/// Prints a release's failure; false when it failed.
fn told(ctx: &Context, release: &str, result: Result<()>) -> Result<bool> {
    match result {
        Err(error) if error.is::<Stopped>() => Err(error),
        Err(error) => {
            ctx.ui.error(&anyhow!("release {release}: {error:#}"));
            Ok(false)
        }
        Ok(()) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_compiler_gives_one_package() {
        let package = |sha256: &str| record::Package {
            crate_name: "x".to_owned(),
            name: "x".to_owned(),
            version: "1-r1".to_owned(),
            file: "x.ipk".to_owned(),
            size: 1_000,
            sha256: sha256.to_owned(),
            epoch: 1,
        };
        let compare = |rust, sdk: &str| compare(rust, &package("aa"), &package(sdk));
        for rust in [RustMode::Pinned, RustMode::Feed] {
            assert!(compare(rust, "aa").unwrap().contains("the same bytes"));
        }
        let said = compare(RustMode::Feed, "bb").unwrap();
        assert!(said.contains("feed's own Rust"), "{said}");
        let error = compare(RustMode::Pinned, "bb").unwrap_err().to_string();
        assert!(error.contains("aa (1.0 kB) natively and bb"), "{error}");
    }
}
