//! Was anything of the toolchain made again, or would it be? Five checks for
//! each architecture and backend; `cached` needs evidence from each.
//!
//! | check | native | sdk |
//! |---|---|---|
//! | inputs | the cache's records against what would be used now | the image's label |
//! | files | every byte of compiler, zig and std | in the image |
//! | next build | what the next build takes from the cache | a dry run in a container |
//! | last build | its record | its log |
//! | twice | two builds, one after the other | the same |

pub mod check;
mod last;
mod native;
pub mod show;
pub mod subject;

use anyhow::Result;

use crate::buildlog::Outcome;
use crate::context::Context;
use crate::record::{Backend, Built, list};
use crate::toolchain::select::Choice;
use check::{Check, Evidence, Subject};
use last::Last;
use native::Native;
use subject::Place;

/// What is asked.
#[derive(Debug)]
pub struct Request {
    /// What is examined.
    pub places: Vec<Place>,
    /// `--toolchain`; otherwise as each last build chose.
    pub toolchain: Option<Choice>,
}

/// Builds at a place, once.
pub type Build<'a> = &'a dyn Fn(&Place, &Plan) -> Result<()>;

/// How a build for `--twice` is made: as the last one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the compiler comes from.
    pub toolchain: Choice,
    /// With the settings of `--fast`.
    pub fast: bool,
}

/// Examines every place; with `build`, `--twice`.
///
/// # Errors
/// When the cache's place is unknown or the pin is no version.
pub fn examine(ctx: &Context, request: &Request, build: Option<Build<'_>>) -> Result<Vec<Subject>> {
    let mut native = Native::new(ctx)?;
    let mut subjects = Vec::new();
    for place in &request.places {
        // The first of the two builds brings all up to date, and what it makes
        // again its record tells.
        let plan = plan(request, &Last::read(place));
        let first = build.map(|build| build(place, &plan));
        let last = Last::read(place);
        let mut subject = Subject {
            release: place.release.clone(),
            arch: place.arch.clone(),
            backend: place.backend,
            verdict: Outcome::Unknown,
            cause: None,
            mend: None,
            checks: Vec::new(),
            dependencies: last
                .built()
                .map(|built| built.compiled.dependencies.clone())
                .unwrap_or_default(),
        };
        let answers = match place.find(&ctx.sdk) {
            Ok((_, arch)) => match place.backend {
                Backend::Native => native.examine(&arch, plan.toolchain, place, &last)?,
                Backend::Sdk => Vec::new(),
            },
            Err(error) => vec![Evidence::unknown(Check::Inputs, format!("{error:#}"))],
        };
        for answer in answers {
            subject.answer(answer);
        }
        subject.answer(match (build, first) {
            (Some(build), Some(first)) => {
                let built = first.and_then(|()| build(place, &plan));
                twice(built, &last, &Last::read(place))
            }
            _ => Evidence::new(
                Check::Twice,
                check::State::NotRun,
                "--twice builds twice and compares",
            ),
        });
        subjects.push(subject.judged());
    }
    Ok(subjects)
}

/// As the last build was made, unless the command line says otherwise.
fn plan(request: &Request, last: &Last) -> Plan {
    let built = last.built();
    let choice = |name: &str| <Choice as clap::ValueEnum>::from_str(name, false).ok();
    Plan {
        toolchain: request
            .toolchain
            .or_else(|| choice(&built?.choice))
            .unwrap_or_default(),
        fast: built.is_some_and(|built| built.profile == "openwrt-fast"),
    }
}

/// What two builds, one after the other, show.
fn twice(built: Result<()>, first: &Last, second: &Last) -> Evidence {
    let check = Check::Twice;
    if let Err(error) = built {
        return Evidence::unknown(check, format!("a build failed: {error:#}"));
    }
    let (Some(first), Some(second)) = (first.built(), second.built()) else {
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
    let same = format!(
        "the package is the same, byte for byte ({})",
        &second.package.sha256
    );
    let work = |built: &Built| {
        [
            built.compiled.own.clone(),
            built.compiled.dependencies.clone(),
        ]
    };
    let [own, dependencies] = work(second);
    let ran = match (own.is_empty(), dependencies.is_empty()) {
        (true, true) => "the second build compiled nothing".to_owned(),
        (false, true) => format!("the second build only made {}", list(&own, 3)),
        (_, false) => format!(
            "the second build compiled third-party crates again, which are not of the toolchain: {}",
            list(&dependencies, 3)
        ),
    };
    Evidence::ok(check, ran).and(same)
}
