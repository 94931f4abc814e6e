//! `verify-cache`: was anything of the toolchain made again, or would it be?

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::ipk;
use crate::config::workspace::Workspace;
use crate::context::Context;
use crate::flags::VerifyCache;
use crate::record::Backend;
use crate::util::interrupt::{self, Stopped};
use crate::util::process;
use crate::verify::check::{self, Subject};
use crate::verify::subject::{Place, recorded};
use crate::verify::{self, Request, show};

/// Raise it when a key's meaning changes.
const SCHEMA: u32 = 1;

/// Runs the command; the verdict is the exit code.
///
/// # Errors
/// Unknown names, no workspace, and a cache whose place is unknown.
pub fn run(flags: &VerifyCache, ctx: &Context) -> Result<ExitCode> {
    let workspace = ipk::workspace(&flags.package, ctx)?;
    let places = match places(flags, ctx, &workspace) {
        Ok(places) => places,
        Err(error) => {
            ctx.ui.error(&error);
            return Ok(ExitCode::from(2));
        }
    };
    let request = Request {
        places,
        toolchain: flags.toolchain,
        workspace: &workspace,
        twice: flags.twice,
        engine: flags.engine.engine,
        ca_bundle: flags.engine.ca_bundle.clone(),
    };
    let subjects = match verify::examine(ctx, &request) {
        Err(error) if error.is::<Stopped>() => {
            ctx.ui.error(&error);
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        }
        examined => examined?,
    };
    let mend = format!("cargo xtask ipk ARCH{}", options(flags, None));
    // A closed pipe (`… | head`) must not hide the verdict's exit code.
    let text = match flags.json {
        true => json(&subjects, &mend)?,
        false => show::text(&subjects, &mend),
    };
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes());
    Ok(ExitCode::from(check::all(&subjects).code()))
}

fn json(subjects: &[Subject], mend: &str) -> Result<String> {
    let object = serde_json::json!({
        "schema": SCHEMA,
        "verdict": check::all(subjects),
        "mend": subjects.is_empty().then_some(mend),
        "subjects": subjects,
    });
    Ok(serde_json::to_string_pretty(&object).context("write JSON")? + "\n")
}

/// What is examined: what is named, or what has a record.
fn places(flags: &VerifyCache, ctx: &Context, workspace: &Workspace) -> Result<Vec<Place>> {
    let dist = ipk::dist(flags.dist.as_ref(), workspace);
    let asked = flags.release.as_deref();
    let release = ctx.sdk.release(asked)?.name;
    let wanted = |backend: &Backend| flags.backend.is_none_or(|only| only == *backend);
    let found = recorded(&dist);
    let mut chosen: Vec<(String, String, Backend)> = Vec::new();
    if flags.archs.is_empty() {
        chosen.extend(
            found
                .into_iter()
                .filter(|(of, _, backend)| wanted(backend) && asked.is_none_or(|name| name == of)),
        );
    } else {
        for name in &flags.archs {
            let arch = ctx.sdk.arch(name, &ctx.sdk.release(asked)?)?.name;
            let mut backends: Vec<Backend> = found
                .iter()
                .filter(|(of, found, backend)| *of == release && *found == arch && wanted(backend))
                .map(|(_, _, backend)| *backend)
                .collect();
            if backends.is_empty() {
                backends.push(flags.backend.unwrap_or(Backend::Native));
            }
            for backend in backends {
                let place = (release.clone(), arch.clone(), backend);
                if !chosen.contains(&place) {
                    chosen.push(place);
                }
            }
        }
    }
    let default = ctx.sdk.release(None)?.name;
    Ok(chosen
        .into_iter()
        .map(|(release, arch, backend)| Place {
            options: options(flags, Some(&release).filter(|name| **name != default)),
            image_options: match release == default {
                true => String::new(),
                false => format!(" --release {release}"),
            },
            dist: dist.clone(),
            crate_name: flags.package.package.clone(),
            release,
            arch,
            backend,
        })
        .collect())
}

/// Those of the command line that a build needs too.
fn options(flags: &VerifyCache, release: Option<&String>) -> String {
    let mut options = String::new();
    let mut add = |name: &str, value: &str| {
        options.push_str(&format!(" {name} {}", process::shell_word(value)));
    };
    if let Some(release) = release {
        add("--release", release);
    }
    if let Some(path) = &flags.package.manifest_path {
        add("--manifest-path", &path.display().to_string());
    }
    if let Some(name) = &flags.package.package {
        add("-p", name);
    }
    if let Some(dist) = &flags.dist {
        add("--dist", &dist.display().to_string());
    }
    options
}
