//! Builds in the SDK: the image's label, what is in the image, what make would
//! do there, and the log of the last build.

use anyhow::Result;

use super::check::{Check, Evidence};
use super::last::Last;
use super::subject::Place;
use super::{Request, dry, inside};
use crate::build;
use crate::compile::profile::Profile;
use crate::config::sdk::{Arch, Release};
use crate::context::Context;
use crate::engine::Engine;
use crate::fingerprint::{Inputs, Reason, join_short};
use crate::image::decide::{self, Look, Ready};
use crate::image::files::WorkingTree;
use crate::image::spec::Spec;
use crate::sdk_run::plan::Plan;
use crate::toolchain::select::Choice;

/// Looks through one engine.
#[derive(Debug)]
pub struct Sdk<'a> {
    ctx: &'a Context,
    request: &'a Request<'a>,
}

/// The image that a build would take.
struct Found {
    engine: Engine,
    spec: Spec,
    look: Look,
}

impl<'a> Sdk<'a> {
    /// Asks nobody yet.
    pub fn new(ctx: &'a Context, request: &'a Request<'a>) -> Self {
        Self { ctx, request }
    }

    /// The four checks that build nothing.
    ///
    /// # Errors
    /// The user's wish to stop.
    pub fn examine(
        &self,
        release: &Release,
        arch: &Arch,
        choice: Choice,
        place: &Place,
        last: &Last,
    ) -> Result<Vec<Evidence>> {
        let nobody = |error: &anyhow::Error| {
            let why = format!("{error:#}");
            let all = [Check::Inputs, Check::Files, Check::NextBuild];
            let answers = all.map(|check| Evidence::unknown(check, why.clone()));
            Ok(answers.into_iter().chain([last.log(place, None)]).collect())
        };
        let found = match self.find(release, arch, choice) {
            Ok(found) => found,
            Err(error) => return nobody(&error),
        };
        let Found { engine, spec, look } = &found;
        let command = place.image();
        let before = last.built().and_then(|built| built.inputs.get("image"));
        let Some(ready) = &look.ready else {
            let reasons = match decide::why(engine, spec, look) {
                Ok(reasons) => reasons,
                Err(error) => return nobody(&error),
            };
            return Ok(vec![
                absent(spec, &reasons, before, &command),
                Evidence::unknown(Check::Files, "there is no image to look into").mend(&command),
                Evidence::recompiled(Check::NextBuild, "the next build would build the image")
                    .because(reasons.first().map_or("first-build", Reason::kind))
                    .mend(&command),
                last.log(place, None),
            ]);
        };
        let force = format!("{command} --force");
        let is_of_last = before.is_none_or(|before| *before == ready.labels.inputs);
        Ok(vec![
            present(spec, before),
            inside::examine(engine, ready, &force),
            self.next(&found, ready, arch, choice, place)?,
            last.log(place, is_of_last.then(|| ready.labels.baseline.clone())),
        ])
    }

    fn find(&self, release: &Release, arch: &Arch, choice: Choice) -> Result<Found> {
        let engine = Engine::find(self.request.engine)?;
        let tree = WorkingTree::new(&self.ctx.root);
        let spec = Spec::collect(&tree, &self.ctx.sdk, release, arch, choice)?;
        let look = decide::look(&engine, &spec)?;
        Ok(Found { engine, spec, look })
    }

    fn next(
        &self,
        found: &Found,
        ready: &Ready,
        arch: &Arch,
        choice: Choice,
        place: &Place,
    ) -> Result<Evidence> {
        match self.plan(found, arch, choice, place) {
            Ok(plan) => dry::examine(
                &found.engine,
                ready,
                plan,
                &format!("{} --force", place.image()),
                &self.ctx.ui,
            ),
            Err(error) => Ok(Evidence::unknown(Check::NextBuild, format!("{error:#}"))),
        }
    }

    /// The build as `ipk` would plan it.
    fn plan(&self, found: &Found, arch: &Arch, choice: Choice, place: &Place) -> Result<Plan> {
        let workspace = self.request.workspace;
        let member = workspace.select(place.crate_name.as_deref())?;
        let request = build::Request {
            release: found.spec.release.clone(),
            archs: vec![arch.clone()],
            profile: Profile::Release,
            toolchain: choice,
            workspace,
            member: &member,
            sign_key: None,
            dist: place.dist.clone(),
        };
        let fingerprint = found.spec.inputs.digest();
        Plan::new(
            &request,
            &self.ctx.sdk,
            arch,
            &fingerprint,
            member.defaults.epoch,
        )
    }
}

fn present(spec: &Spec, before: Option<&Inputs>) -> Evidence {
    let evidence = Evidence::ok(
        Check::Inputs,
        format!(
            "{} was made from what it would be made from now ({} inputs)",
            spec.tag(),
            spec.inputs.iter().count()
        ),
    );
    match before.map(|before| spec.inputs.differences(before)) {
        Some(since) if !since.is_empty() => evidence.and(format!(
            "it is another than the last build's: {}",
            join_short(&since)
        )),
        _ => evidence,
    }
}

fn absent(spec: &Spec, why: &[Reason], before: Option<&Inputs>, mend: &str) -> Evidence {
    // The last build's own image explains more than whatever was made last.
    let since = before
        .map(|before| spec.inputs.differences(before))
        .filter(|since| !since.is_empty());
    let reasons = since.as_deref().unwrap_or(why);
    Evidence::recompiled(
        Check::Inputs,
        format!("{} would be built: {}", spec.tag(), join_short(reasons)),
    )
    .because(reasons.first().map_or("first-build", Reason::kind))
    .mend(mend)
}
