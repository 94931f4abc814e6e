//! `doctor`: every part with its state and the command that mends it.

use std::process::ExitCode;

use anyhow::Result;

use crate::context::Context;
use crate::doctor::{self, PartState};
use crate::flags::Doctor;
use crate::toolchain::cache::Cache;

/// Runs the command; exit code 1 when a part is missing or damaged.
///
/// # Errors
/// When the cache's place is unknown.
pub fn run(flags: &Doctor, ctx: &Context) -> Result<ExitCode> {
    let cache = Cache::open()?;
    let archs = ctx.sdk.all_archs(&ctx.sdk.release(None)?)?;
    let parts = doctor::parts(ctx, &cache, flags.toolchain.toolchain, &archs)?;
    let bad = parts
        .iter()
        .filter(|part| matches!(part.state, PartState::Missing | PartState::Damaged))
        .count();
    if flags.json {
        let object = serde_json::json!({ "cache": cache.path(""), "ok": bad == 0, "parts": parts });
        println!("{object:#}");
    } else {
        println!("cache: {}", doctor::cache_line(&cache));
        for part in &parts {
            let state = match part.state {
                PartState::Ok => "ok",
                PartState::Missing => "missing",
                PartState::Damaged => "damaged",
                PartState::NotNeeded => "not needed",
            };
            println!("{state:>10}  {:<40} {}", part.name, part.detail);
            if let (Some(mend), PartState::Missing | PartState::Damaged) = (&part.mend, part.state)
            {
                println!("{:>10}  {:<40} mend: {mend}", "", "");
            }
        }
        if bad > 0 {
            println!(
                "\n{bad} parts are not ready. A build fetches and makes what it needs; to do it now:\n  cargo xtask setup"
            );
        }
    }
    Ok(if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
