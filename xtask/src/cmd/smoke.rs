//! `smoke`: builds packages and tries each under qemu-user.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::ipk;
use crate::build::{self, Request};
use crate::compile::profile::Profile;
use crate::config::package::SmokeTable;
use crate::context::Context;
use crate::flags::Smoke;
use crate::smoke::{self, Tried};
use crate::toolchain::cache::Cache;
use crate::toolchain::qemu;

/// Runs the command.
///
/// # Errors
/// What concerns every architecture; a single one's failure is printed and
/// gives exit code 1.
pub fn run(flags: &Smoke, ctx: &Context) -> Result<ExitCode> {
    let (release, archs) = ipk::chosen(&flags.archs, ctx)?;
    let (workspace, member) = ipk::selected(&flags.package, ctx)?;
    let table = member.table.smoke.clone().with_context(|| {
        format!(
            "crate {} has no [package.metadata.openwrt.smoke] table: `run` names what to start",
            member.cargo_name
        )
    })?;
    let dist = ipk::dist(None, &workspace);
    let toolchain = flags.toolchain.toolchain;
    let profile = Profile::Release;
    let request = Request {
        release,
        archs,
        profile,
        toolchain,
        dist,
        workspace: &workspace,
        member: &member,
        sign_key: None,
    };
    let mut tried = Vec::new();
    let mut failed = false;
    for (arch, built) in build::build(ctx, &request)? {
        match built.and_then(|built| try_one(ctx, &arch.qemu, &built, &table)) {
            Ok(result) => {
                if !flags.json {
                    ctx.ui.status("Answered", &describe(&result));
                }
                tried.push(result);
            }
            Err(error) => {
                failed = true;
                ctx.ui.error(&error.context(arch.name));
            }
        }
    }
    if flags.json {
        println!("{:#}", serde_json::json!({ "tried": tried, "ok": !failed }));
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn try_one(ctx: &Context, qemu: &str, built: &build::Built, table: &SmokeTable) -> Result<Tried> {
    let qemu = qemu::ensure(qemu, &ctx.sdk, &Cache::open()?, &ctx.ui)?;
    smoke::try_package(&built.path, &built.arch, table, &qemu)
}

fn describe(tried: &Tried) -> String {
    let verified = tried
        .verified_kind
        .map(|kind| format!(", event kind {kind} with a valid signature"));
    format!(
        "{}: {} answered {} bytes after {:.2} s{}",
        tried.arch,
        tried.run[0],
        tried.answer.len(),
        tried.seconds,
        verified.unwrap_or_default()
    )
}
