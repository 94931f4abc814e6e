//! Was anything of the toolchain made again, or would it be? Five checks for
//! each architecture and backend; `cached` needs evidence from each.
//!
//! | check | `native` | `sdk` |
//! |---|---|---|
//! | inputs | the cache's records against what would be used now | the image's label |
//! | files | every byte of compiler, zig and std | the same in the image, and stamps: `inside` |
//! | next build | what the next build takes from the cache | what make would do: `dry` |
//! | last build | its record: `last` | its record and its log |
//! | twice | two builds, one after the other: `twice` | the same |

pub mod check;
mod dry;
mod inside;
mod last;
mod native;
mod sdk;
pub mod show;
pub mod subject;
mod twice;

use std::path::PathBuf;

use anyhow::Result;

use crate::buildlog::Outcome;
use crate::config::workspace::Workspace;
use crate::context::Context;
use crate::engine::Kind;
use crate::record::Backend;
use crate::toolchain::select::Choice;
use crate::util::interrupt::Stopped;
use check::{Check, Evidence, Subject};
use last::Last;
use native::Native;
use sdk::Sdk;
use subject::Place;

/// What is asked.
#[derive(Debug)]
pub struct Request<'a> {
    /// What is examined.
    pub places: Vec<Place>,
    /// `--toolchain`; otherwise as each last build chose.
    pub toolchain: Option<Choice>,
    /// The workspace that is built from.
    pub workspace: &'a Workspace,
    /// Builds twice.
    pub twice: bool,
    /// Docker or Podman.
    pub engine: Option<Kind>,
    /// Certificates of a company's network.
    pub ca_bundle: Option<PathBuf>,
}

/// Examines every place.
///
/// # Errors
/// When the cache's place is unknown or the pin is no version.
pub fn examine(ctx: &Context, request: &Request<'_>) -> Result<Vec<Subject>> {
    let mut native = Native::new(ctx)?;
    let sdk = Sdk::new(ctx, request);
    let mut subjects = Vec::new();
    for place in &request.places {
        let before = Last::read(place);
        let plan = twice::plan(request, before.built());
        let place = &place.clone().of(before.built(), plan.toolchain);
        // The first of the two builds brings all up to date, and what it makes
        // again its record tells.
        let first = request
            .twice
            .then(|| stopped(twice::build(ctx, request, place, plan)))
            .transpose()?;
        let last = Last::read(place).of_workspace(request.workspace, place);
        let dependencies = last
            .built()
            .map(|built| built.compiled.dependencies.clone());
        let mut subject = Subject {
            release: place.release.clone(),
            arch: place.arch.clone(),
            backend: place.backend,
            verdict: Outcome::Unknown,
            cause: None,
            mend: None,
            checks: Vec::new(),
            dependencies: dependencies.unwrap_or_default(),
        };
        let answers = match (place.find(&ctx.sdk), place.backend) {
            (Ok((_, arch)), Backend::Native) => {
                native.examine(&arch, plan.toolchain, place, &last)?
            }
            (Ok((release, arch)), Backend::Sdk) => {
                sdk.examine(&release, &arch, plan.toolchain, place, &last)?
            }
            (Err(error), _) => vec![Evidence::unknown(Check::Inputs, format!("{error:#}"))],
        };
        for answer in answers {
            subject.answer(answer);
        }
        subject.answer(match first {
            Some(first) => {
                let second = match first {
                    Ok(()) => stopped(twice::build(ctx, request, place, plan))?,
                    failed => failed,
                };
                twice::compare(second, &last, &Last::read(place))
            }
            None => Evidence::new(
                Check::Twice,
                check::State::NotRun,
                "--twice builds twice and compares",
            ),
        });
        subjects.push(subject.judged());
    }
    Ok(subjects)
}

/// A build's failure is an answer, the user's wish to stop is none.
fn stopped(built: Result<()>) -> Result<Result<()>> {
    match built {
        Err(error) if error.is::<Stopped>() => Err(error),
        built => Ok(built),
    }
}
