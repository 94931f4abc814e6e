//! `deploy`: the package, or a feed, to a router over ssh.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::ipk;
use super::one::Wanted;
use crate::context::Context;
use crate::deploy::feed;
use crate::deploy::install::{self, Unknown};
use crate::deploy::package::{Candidate, Change};
use crate::deploy::router::{After, Router, manager};
use crate::deploy::ssh::{Session, Target};
use crate::flags::Deploy;
use crate::util::fs::{human_size, shown};
use crate::util::interrupt::{self, Interrupt, Stopped};

/// Exit code where nobody knows how the installation ended.
const UNKNOWN: u8 = 3;

/// Runs the command.
///
/// # Errors
/// No connection; a router that would not take the package, or did not.
pub fn run(flags: &Deploy, ctx: &Context) -> Result<ExitCode> {
    match deploy(flags, ctx) {
        Err(error) if error.is::<Stopped>() => {
            ctx.ui.error(&error);
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        Err(error) if error.is::<Unknown>() => {
            ctx.ui.error(&error);
            Ok(ExitCode::from(UNKNOWN))
        }
        result => result,
    }
}

fn deploy(flags: &Deploy, ctx: &Context) -> Result<ExitCode> {
    // What is wrong here is said before anybody types a password.
    let given = flags.file.as_deref().map(Candidate::read).transpose()?;
    let name = match &given {
        Some(package) => package.name.clone(),
        None => {
            let (_, member) = ipk::selected(&flags.package, ctx)?;
            member.table.name.unwrap_or(member.cargo_name)
        }
    };
    let target = Target {
        destination: flags.router.clone(),
        port: flags.ssh.port,
        identity: flags.ssh.identity.clone(),
        options: flags.ssh.ssh_option.clone(),
    };
    let session = Session::open(target)?;
    let interrupt = Interrupt::watch()?;
    let router = Router::ask(&session, &name, &interrupt)
        .with_context(|| format!("ask {}", flags.router))?;
    tell_router(ctx, &name, &router);
    let mut told = json!({ "router": router, "dry_run": flags.dry_run });
    let code = match &flags.feed {
        Some(place) => add_feed(
            flags, ctx, &session, &router, place, &name, &mut told, &interrupt,
        ),
        None => put(flags, ctx, &session, &router, given, &mut told, &interrupt),
    }?;
    if flags.json {
        println!("{told:#}");
    }
    Ok(code)
}

fn tell_router(ctx: &Context, name: &str, router: &Router) {
    let model = match router.model.as_str() {
        "" => String::new(),
        model => format!("{model}, "),
    };
    let installed = match &router.installed {
        Some(version) => format!("{name} {version} is installed"),
        None => format!("{name} is not installed"),
    };
    ctx.ui.status(
        "Router",
        &format!(
            "{model}OpenWrt {}, {}, {}; free: {} flash, {} memory; {installed}",
            router.release,
            router.arch,
            manager(router.format),
            human_size(router.flash),
            human_size(router.memory)
        ),
    );
}

/// Installs a package.
fn put(
    flags: &Deploy,
    ctx: &Context,
    session: &Session,
    router: &Router,
    given: Option<Candidate>,
    told: &mut Value,
    interrupt: &Interrupt,
) -> Result<ExitCode> {
    let package = match given {
        Some(package) => Some(package),
        None => of_project(flags, ctx, router)?,
    };
    let Some(package) = package else {
        told["package"] = Value::Null;
        ctx.ui.status(
            "Would",
            "build the package first: none is in dist for this router, so its size is not known yet",
        );
        return Ok(ExitCode::SUCCESS);
    };
    told["package"] = json!(package);
    let change = package.check(router, flags.downgrade)?;
    told["change"] = json!(change);
    let command = package.command(change).join(" ");
    told["command"] = json!(command);
    if command.contains("--allow-untrusted") {
        ctx.ui.note(
            "the apk itself is not signed, as OpenWrt's are not: apk is told --allow-untrusted. What ssh brought is what is here; --feed has routers check signatures",
        );
    }
    let path = shown(&package.path);
    if flags.dry_run {
        ctx.ui.status(
            "Would",
            &format!(
                "copy {} ({}) to /tmp and run `{command}`, which needs {} of flash; nothing was changed",
                path.display(),
                human_size(package.size),
                human_size(package.installed_size)
            ),
        );
        return Ok(ExitCode::SUCCESS);
    }
    if change == Change::Reinstall {
        ctx.ui.note(&format!(
            "{} {} is installed again",
            package.name, package.version
        ));
    }
    let done = install::install(session, &package, change, &ctx.ui, interrupt)?;
    if !done.compared {
        ctx.ui.note(
            "the router has no sha256sum: the copy's size was compared, and ssh guards what is under way",
        );
    }
    told["said"] = json!(done.said);
    if interrupt.asked() {
        let what = format!("{} {} is installed", package.name, package.version);
        return Err(Stopped(format!("{what}; what its service does was not looked at")).into());
    }
    let after = After::ask(
        session,
        package.format,
        &package.name,
        &package.services,
        &package.conffiles,
        interrupt,
    )?;
    told["after"] = json!(after);
    if !flags.json {
        for line in &done.said {
            println!("{line}");
        }
    }
    tell_after(flags, ctx, &package, &after)
}

/// The package of the project for this router; `None` where a dry run would
/// have to build it.
fn of_project(flags: &Deploy, ctx: &Context, router: &Router) -> Result<Option<Candidate>> {
    let release = router.release_of(&ctx.sdk)?;
    let arch = ctx.sdk.arch(&router.arch, &release)?;
    let wanted = Wanted {
        package: &flags.package,
        dist: flags.dist.as_ref(),
        toolchain: flags.toolchain.toolchain,
        release,
        arch,
    };
    match flags.dry_run {
        true => wanted.there(ctx),
        false => wanted.built(ctx).map(Some),
    }
}

/// How things stand, for people; the exit code for programs.
fn tell_after(
    flags: &Deploy,
    ctx: &Context,
    package: &Candidate,
    after: &After,
) -> Result<ExitCode> {
    for file in &after.kept {
        ctx.ui.note(&format!(
            "{file} is the owner's and was kept; the package's own is beside it"
        ));
    }
    let mut ok = true;
    for service in &after.services {
        let state = match (service.running, service.enabled) {
            (true, true) => "runs, and starts at boot",
            (true, false) => "runs, but does not start at boot",
            (false, true) => "does not run",
            (false, false) => "is disabled, and does not run",
        };
        ctx.ui
            .status("Service", &format!("{} {state}", service.name));
        ok &= service.running || !service.enabled;
    }
    if !flags.json {
        for line in &after.log {
            println!("{line}");
        }
    }
    if after.installed.as_deref() != Some(package.version.as_str()) {
        bail!(
            "{} says that it installed {}, but what is installed is {}",
            manager(package.format),
            package.version,
            after.installed.as_deref().unwrap_or("nothing")
        );
    }
    if !ok {
        ctx.ui.error(&anyhow::anyhow!(
            "{} {} is installed, but its service does not run: the log says why (`logread -e {0}` on the router)",
            package.name,
            package.version
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells the router of a feed.
#[allow(clippy::too_many_arguments)] // what `put` has, and the feed
fn add_feed(
    flags: &Deploy,
    ctx: &Context,
    session: &Session,
    router: &Router,
    place: &str,
    package: &str,
    told: &mut Value,
    interrupt: &Interrupt,
) -> Result<ExitCode> {
    let (_, member) = ipk::selected(&flags.package, ctx)?;
    let name = member.table.feed();
    let plan = feed::plan(name, place, flags.key.as_deref(), router, &ctx.ui)?;
    told["feed"] = json!(plan);
    if plan.own_key {
        ctx.ui.note(&format!(
            "the key {} comes from the feed itself: --key FILE says whose it has to be",
            plan.key_id
        ));
    }
    let what = format!(
        "{} to {} and the key to {}",
        plan.url, plan.list, plan.key_file
    );
    if flags.dry_run {
        ctx.ui
            .status("Would", &format!("add {what}; nothing was changed"));
        return Ok(ExitCode::SUCCESS);
    }
    let step = ctx.ui.step("Adding", &what);
    let said = feed::add(session, &plan, router.format, interrupt)?;
    step.done("Added");
    told["said"] = json!(said);
    let install = match router.format {
        crate::config::sdk::Format::Ipk => "opkg install",
        crate::config::sdk::Format::Apk => "apk add",
    };
    ctx.ui.status(
        "Next",
        &format!("`{install} {package}` on the router installs from it"),
    );
    Ok(ExitCode::SUCCESS)
}
