//! `--twice`: two builds, one after the other.

use anyhow::{Result, bail};

use super::Request;
use super::check::{Check, Evidence};
use super::last::{self, Last};
use super::subject::Place;
use crate::build;
use crate::compile::profile::Profile;
use crate::context::Context;
use crate::record::{Backend, Built, list};
use crate::sdk_run::{self, Options};
use crate::toolchain::select::Choice;
use crate::util::interrupt::Stopped;

/// Crates that a sentence names.
const NAMED: usize = 3;

/// How the two builds are made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where the compiler comes from.
    pub toolchain: Choice,
    /// Compiler settings.
    profile: Profile,
}

/// As the last build was made, unless the command line says otherwise.
pub fn plan(request: &Request<'_>, last: Option<&Built>) -> Plan {
    let choice = |name: &str| <Choice as clap::ValueEnum>::from_str(name, false).ok();
    let is_fast = last.is_some_and(|built| built.profile == Profile::Fast.name());
    Plan {
        toolchain: request
            .toolchain
            .or_else(|| choice(&last?.choice))
            .unwrap_or_default(),
        profile: match is_fast {
            true => Profile::Fast,
            false => Profile::Release,
        },
    }
}

/// One build.
///
/// # Errors
/// Those of the build.
pub fn build(ctx: &Context, request: &Request<'_>, place: &Place, plan: Plan) -> Result<()> {
    let (release, arch) = place.find(&ctx.sdk)?;
    let member = request.workspace.select(place.crate_name.as_deref())?;
    let build = build::Request {
        release,
        archs: vec![arch],
        profile: plan.profile,
        toolchain: plan.toolchain,
        workspace: request.workspace,
        member: &member,
        dist: place.dist.clone(),
        // The key is not recorded: the same bytes twice is what counts.
        sign_key: None,
    };
    let outcomes = match place.backend {
        Backend::Native => build::build(ctx, &build)?,
        Backend::Sdk => {
            let options = Options {
                engine: request.engine,
                ca_bundle: request.ca_bundle.clone(),
                ..Options::default()
            };
            sdk_run::build(ctx, &build, &options)?
        }
    };
    for (arch, outcome) in outcomes {
        match outcome {
            Ok(_) => {}
            // Nobody waits for a verdict any more.
            Err(error) if error.is::<Stopped>() => return Err(error),
            Err(error) => bail!("{}: {error:#}", arch.name),
        }
    }
    Ok(())
}

/// What the second build shows against the first.
pub fn compare(second: Result<()>, first: &Last, after: &Last) -> Evidence {
    let check = Check::Twice;
    if let Err(error) = second {
        return Evidence::unknown(check, format!("a build failed: {error:#}"));
    }
    let (Some(first), Some(second)) = (first.built(), after.built()) else {
        return Evidence::unknown(check, "a build left no record");
    };
    if let Some(bad) = last::made(check, second) {
        return bad.and("the second of two builds did that");
    }
    if first.package.sha256 != second.package.sha256 {
        return Evidence::unknown(
            check,
            format!(
                "the second package is another: {} after {}",
                second.package.sha256, first.package.sha256
            ),
        );
    }
    let (own, dependencies) = (&second.compiled.own, &second.compiled.dependencies);
    let ran = match (own.is_empty(), dependencies.is_empty()) {
        (true, true) => "the second build compiled nothing".to_owned(),
        (false, true) => format!("the second build only made {}", list(own, NAMED)),
        (_, false) => format!(
            "the second build compiled third-party crates again, which are not of the toolchain: {}",
            list(dependencies, NAMED)
        ),
    };
    Evidence::ok(check, ran).and(format!(
        "the package is the same, byte for byte ({})",
        second.package.sha256
    ))
}
