//! `try`: a package's whole life in an OpenWrt userland.

use std::process::ExitCode;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};

use super::ipk;
use super::one::Wanted;
use crate::config::package::SmokeTable;
use crate::config::sdk::{Arch, Release};
use crate::context::Context;
use crate::deploy::package::Candidate;
use crate::deploy::router::manager;
use crate::engine::Engine;
use crate::flags::Try;
use crate::smoke;
use crate::toolchain::cache::Cache;
use crate::toolchain::qemu;
use crate::trial::container::Container;
use crate::trial::report::Report;
use crate::trial::rootfs::Rootfs;
use crate::trial::{self};
use crate::util::fs::shown;
use crate::util::interrupt::{self, Interrupt, Stopped};

/// Runs the command.
///
/// # Errors
/// No userland, no package; a userland that runs nothing.
pub fn run(flags: &Try, ctx: &Context) -> Result<ExitCode> {
    match try_it(flags, ctx) {
        Err(error) if error.is::<Stopped>() => {
            ctx.ui.error(&error);
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        result => result,
    }
}

fn try_it(flags: &Try, ctx: &Context) -> Result<ExitCode> {
    let release = ctx.sdk.release(flags.release.as_deref())?;
    let arch = ctx.sdk.arch(&flags.arch, &release)?;
    let image = flags
        .image
        .clone()
        .unwrap_or_else(|| format!("openwrt/rootfs:{}-{}", arch.name, release.version));
    let userland = match &flags.rootfs {
        Some(rootfs) => rootfs.display().to_string(),
        None => image.clone(),
    };
    let given = flags.file.as_deref().map(Candidate::read).transpose()?;
    let wanted = Wanted {
        package: &flags.package,
        dist: flags.dist.as_ref(),
        toolchain: flags.toolchain.toolchain,
        release: release.clone(),
        arch: arch.clone(),
    };
    let mut told = json!({ "userland": userland, "dry_run": flags.dry_run });
    let package = match given {
        Some(package) => package,
        None if flags.dry_run => match wanted.there(ctx)? {
            Some(package) => package,
            None => {
                told["package"] = Value::Null;
                ctx.ui.status(
                    "Would",
                    &format!("build the package first, and try it in {userland}"),
                );
                return finish(flags, &told, true);
            }
        },
        None => wanted.built(ctx)?,
    };
    told["package"] = json!(package);
    check(&package, &release, &arch)?;
    let table = smoke_table(flags, ctx, &package)?;
    let url = flags.ask.clone().or_else(|| {
        let table = table.as_ref()?;
        let (path, port) = (table.get.as_ref()?, table.port?);
        Some(format!("http://127.0.0.1:{port}{path}"))
    });
    told["url"] = json!(url);
    if flags.dry_run {
        let asked = url.map_or_else(String::new, |url| format!(", ask {url}"));
        ctx.ui.status(
            "Would",
            &format!(
                "install {} with {} in {userland}{asked}, and remove it; nothing was changed",
                shown(&package.path).display(),
                manager(package.format)
            ),
        );
        return finish(flags, &told, true);
    }
    let interrupt = Interrupt::watch()?;
    let args = trial::arguments(&package, url.as_deref())?;
    let report = match &flags.rootfs {
        Some(from) => in_rootfs(flags, ctx, from, &arch, &package, &args, &interrupt)?,
        None => in_container(flags, ctx, &image, &package, &args, &interrupt)?,
    };
    told["report"] = json!(report);
    tell(flags, ctx, &package, &report, url.as_deref());
    let mut faults = report.faults(!package.services.is_empty());
    let kinds = table.and_then(|table| table.nostr_kinds);
    if let (Some(true), Some(kinds), None) = (report.answered, kinds, &flags.ask) {
        match smoke::verify(&report.answer, &kinds) {
            Ok(kind) => {
                told["verified_kind"] = json!(kind);
                ctx.ui.status(
                    "Verified",
                    &format!("event kind {kind}, its id and signature"),
                );
            }
            Err(error) => faults.push(format!("{error:#}")),
        }
    }
    told["faults"] = json!(faults);
    for fault in &faults {
        ctx.ui.error(&anyhow!("{}: {fault}", package.name));
    }
    finish(flags, &told, faults.is_empty())
}

fn finish(flags: &Try, told: &Value, ok: bool) -> Result<ExitCode> {
    if flags.json {
        println!("{told:#}");
    }
    Ok(match ok {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn check(package: &Candidate, release: &Release, arch: &Arch) -> Result<()> {
    ensure!(
        package.format == release.format,
        "{} is for {}, and OpenWrt {} has {}: give --release",
        package.path.display(),
        manager(package.format),
        release.name,
        manager(release.format)
    );
    ensure!(
        matches!(package.arch.as_str(), "all" | "noarch") || package.arch == arch.name,
        "{} is for {}, and not for {}",
        package.path.display(),
        package.arch,
        arch.name
    );
    Ok(())
}

/// What the project says of trying this package.
fn smoke_table(flags: &Try, ctx: &Context, package: &Candidate) -> Result<Option<SmokeTable>> {
    if flags.file.is_none() {
        return Ok(ipk::selected(&flags.package, ctx)?.1.table.smoke);
    }
    // A file may be of the project, or anybody's.
    let found = ipk::selected(&flags.package, ctx).ok();
    Ok(found
        .filter(|(_, member)| {
            member.table.name.as_ref().unwrap_or(&member.cargo_name) == &package.name
        })
        .and_then(|(_, member)| member.table.smoke))
}

fn in_rootfs(
    flags: &Try,
    ctx: &Context,
    from: &std::path::Path,
    arch: &Arch,
    package: &Candidate,
    args: &[String],
    interrupt: &Interrupt,
) -> Result<Report> {
    let is_own = arch.target.split('-').next() == Some(std::env::consts::ARCH);
    let qemu = match is_own {
        true => None,
        false => Some(qemu::ensure(
            &arch.qemu,
            &ctx.sdk,
            &Cache::open()?,
            &ctx.ui,
        )?),
    };
    let step = ctx.ui.step("Copying", &from.display().to_string());
    let root = Rootfs::copy(from)?;
    step.done("Copied");
    root.put(&package.file_name()?, &package.bytes()?)?;
    let step = ctx.ui.step("Trying", &package.name);
    let reply = root.run(qemu.as_deref(), args, interrupt);
    drop(step);
    if flags.keep {
        let kept = root.keep();
        ctx.ui
            .note(&format!("the userland is in {}", kept.display()));
    }
    let reply = reply?;
    Report::read(&reply.stdout, &reply.stderr)
}

fn in_container(
    flags: &Try,
    ctx: &Context,
    image: &str,
    package: &Candidate,
    args: &[String],
    interrupt: &Interrupt,
) -> Result<Report> {
    let engine = Engine::find(flags.engine.engine)?;
    let step = ctx.ui.step("Starting", image);
    let (container, has_procd) = Container::start(&engine, image)?;
    step.done("Started");
    if !has_procd {
        ctx.ui
            .note("procd does not run in this container: the service's command line is run");
    }
    container.put(&package.file_name()?, &package.bytes()?)?;
    let step = ctx.ui.step("Trying", &package.name);
    let reply = container.run(args, interrupt);
    drop(step);
    if flags.keep {
        let name = container.keep();
        ctx.ui.note(&format!(
            "the container is {name}: `{0} exec -it {name} sh`, and `{0} rm -f {name}`",
            engine.kind.name()
        ));
    }
    let reply = reply?;
    Report::read(&reply.stdout, &reply.stderr)
}

fn tell(flags: &Try, ctx: &Context, package: &Candidate, report: &Report, url: Option<&str>) {
    let lines = |lines: &[String]| {
        if !flags.json {
            for line in lines {
                println!("{line}");
            }
        }
    };
    let by = manager(package.format);
    let verb = match report.install.code {
        0 => "Installed",
        _ => "Refused",
    };
    ctx.ui.status(
        verb,
        &format!("{} {} by {by}", package.name, package.version),
    );
    lines(&report.install.said);
    match report.how.as_deref() {
        Some("procd") => ctx.ui.status("Service", "started by procd"),
        Some("") | None => {}
        Some(command) => ctx
            .ui
            .status("Service", &format!("run without procd: {command}")),
    }
    if let (Some(true), Some(url)) = (report.answered, url) {
        let size = report.answer.len();
        ctx.ui
            .status("Answered", &format!("{url} with {size} bytes"));
        lines(std::slice::from_ref(&report.answer));
    }
    if !report.log.is_empty() {
        ctx.ui.status("Log", "its last lines");
        lines(&report.log);
    }
    if let Some(remove) = &report.remove {
        ctx.ui.status("Removed", &format!("by {by}"));
        lines(&remove.said);
        match report.left.as_slice() {
            [] => ctx.ui.status("Left", "nothing"),
            left => {
                ctx.ui
                    .status("Left", "these files, which were not there before:");
                lines(left);
            }
        }
    }
}
