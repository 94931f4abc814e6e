//! Whether an image must be built: `docker image inspect` of the tag that holds
//! the fingerprint decides, the labels of an older image explain.

use anyhow::Result;

use super::label::{self, Labels};
use super::spec::Spec;
use crate::engine::{Engine, Image};
use crate::fingerprint::Reason;

/// What is there.
#[derive(Clone, Debug)]
pub struct Look {
    /// The image of this fingerprint, whole.
    pub ready: Option<Ready>,
    /// What has the tag and is not that image.
    pub impostor: Option<String>,
    /// What the moving alias points at.
    pub alias: Option<Image>,
}

/// An image that can be used.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The image.
    pub image: Image,
    /// Its labels.
    pub labels: Labels,
}

/// Looks at the tag and the alias. One process of the engine.
///
/// # Errors
/// The engine does not answer.
pub fn look(engine: &Engine, spec: &Spec) -> Result<Look> {
    let names: Vec<String> = std::iter::once(spec.tag()).chain(spec.alias()).collect();
    let mut found = engine.inspect_images(&names)?.into_iter();
    let tagged = found.next().flatten();
    let alias = found.next().flatten();
    let checked = tagged.map(|image| check(image, spec));
    let (ready, impostor) = match checked {
        None => (None, None),
        Some(Ok(ready)) => (Some(ready), None),
        Some(Err(why)) => (None, Some(why)),
    };
    Ok(Look {
        ready,
        impostor,
        alias,
    })
}

/// Believes an image only when its labels say that it is this one.
///
/// # Errors
/// Why not.
pub fn check(image: Image, spec: &Spec) -> Result<Ready, String> {
    let labels = Labels::read(&image).map_err(|error| format!("{error:#}"))?;
    let digest = spec.inputs.digest();
    if labels.fingerprint != digest {
        return Err(format!(
            "its fingerprint is {}, not {}",
            short(&labels.fingerprint),
            short(&digest)
        ));
    }
    Ok(Ready { image, labels })
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

impl Look {
    /// The alias does not point at the image that it should.
    pub fn alias_is_wrong(&self, spec: &Spec) -> bool {
        let Some(ready) = &self.ready else {
            return false;
        };
        let points_at = self.alias.as_ref().map(|image| image.id.as_str());
        spec.alias().is_some() && points_at != Some(ready.image.id.as_str())
    }
}

/// Why there is no image of this fingerprint: what changed since the newest one
/// of the same release and architecture.
///
/// # Errors
/// The engine does not answer.
pub fn why(engine: &Engine, spec: &Spec, look: &Look) -> Result<Vec<Reason>> {
    if let Some(why) = &look.impostor {
        return Ok(vec![Reason::RecordBroken { why: why.clone() }]);
    }
    let of_alias = look.alias.iter().cloned();
    for image in of_alias.chain(newest(engine, spec)?) {
        if let Ok(labels) = Labels::read(&image) {
            let differences = spec.inputs.differences(&labels.inputs);
            // An image of this very fingerprint that lost its tag tells nothing.
            if !differences.is_empty() && labels.release == spec.release.name {
                return Ok(differences);
            }
        }
    }
    Ok(vec![Reason::FirstBuild])
}

/// The newest images of the same release and architecture.
fn newest(engine: &Engine, spec: &Spec) -> Result<Vec<Image>> {
    let release = format!("label={}={}", label::RELEASE, spec.release.name);
    let arch = format!("label={}={}", label::ARCH, spec.arch.name);
    let listed = engine.read(&[
        "images",
        "--no-trunc",
        "--quiet",
        "--filter",
        &release,
        "--filter",
        &arch,
    ])?;
    let mut ids: Vec<&str> = listed.lines().collect();
    ids.dedup();
    ids.truncate(5);
    Ok(engine.inspect_images(&ids)?.into_iter().flatten().collect())
}
