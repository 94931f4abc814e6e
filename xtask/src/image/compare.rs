//! `--diff OTHER`: what an image is compared with. A saved manifest, an image,
//! or a git revision. A word that is both of the latter is refused.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;

use super::files::Files;
use super::manifest::{self, LABEL};
use super::revision::Revision;
use super::spec::{SDK, Spec};
use crate::config::sdk::Sdk;
use crate::engine::Engine;
use crate::fingerprint::Inputs;
use crate::toolchain::select::Choice;
use crate::util::fs;

/// What the inputs were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What `fingerprint --json` printed.
    Manifest,
    /// An image's label.
    Image,
    /// A git revision of this project.
    Revision,
}

/// Reads the inputs of `other`; those of a revision are of the image that
/// `like` describes.
///
/// # Errors
/// It is none of the three, more than one of them, or broken.
pub fn read(other: &str, root: &Path, like: &Spec, choice: Choice) -> Result<(Kind, Inputs)> {
    if Path::new(other).is_file() {
        return saved(other);
    }
    let can_be_image = is_image_name(other);
    let image = Asked::of(can_be_image.then(|| image(other)));
    // With a tag it is an image's name and nothing else.
    let is_tagged = can_be_image && other.contains(':');
    let revision = Asked::of((!is_tagged).then(|| Revision::read(root, other)));
    match (image, revision) {
        (Asked::Yes(inputs), Asked::No(_)) => Ok((Kind::Image, inputs?)),
        (Asked::No(_), Asked::Yes(revision)) => {
            let inputs = of_revision(&revision, like, choice)
                .with_context(|| format!("read {}", revision.name()))?;
            Ok((Kind::Revision, inputs))
        }
        (Asked::No(image), Asked::No(revision)) => bail!(
            "{other:?} is nothing to compare with\n  \
             manifest: there is no such file\n  \
             image: {image}\n  \
             revision: {revision}\n\
             Name a file that `cargo xtask fingerprint --json` wrote, an image as NAME:TAG, or a git revision"
        ),
        (Asked::Yes(_), Asked::Yes(_)) => bail!(
            "{other:?} is both an image and a git revision\n\
             Name the image as NAME:TAG, or the revision as heads/NAME, tags/NAME or a whole commit"
        ),
    }
}

/// An answer of git or of the engine.
enum Asked<T> {
    Yes(T),
    /// Why not.
    No(String),
}

impl<T> Asked<T> {
    fn of(answer: Option<Result<T>>) -> Self {
        match answer {
            None => Self::No("none can have that name".to_owned()),
            Some(Ok(found)) => Self::Yes(found),
            Some(Err(error)) => Self::No(format!("{error:#}")),
        }
    }
}

fn saved(file: &str) -> Result<(Kind, Inputs)> {
    let text = fs::read(Path::new(file))?;
    let inputs = manifest::parse(&text).with_context(|| format!("read the manifest {file}"))?;
    Ok((Kind::Manifest, inputs))
}

/// The label of an image that is there; the inner error is about the label.
fn image(name: &str) -> Result<Result<Inputs>> {
    let engine = Engine::find(None)?;
    let found = engine.inspect_images(&[name])?.into_iter().next().flatten();
    let found = found.context("there is no such image here")?;
    let label = found.label(LABEL).map(|text| {
        manifest::parse(text.as_bytes())
            .with_context(|| format!("read the label {LABEL} of {name}"))
    });
    Ok(label.unwrap_or_else(|| {
        Err(anyhow!(
            "the image {name} has no label {LABEL}: it was not made by `cargo xtask image`"
        ))
    }))
}

fn of_revision(revision: &Revision, like: &Spec, choice: Choice) -> Result<Inputs> {
    let file = revision
        .file(SDK)?
        .with_context(|| format!("{SDK} is missing"))?;
    let text = String::from_utf8(file.content).with_context(|| format!("{SDK} is not UTF-8"))?;
    let sdk = Sdk::parse(Path::new(SDK), &text)?;
    let release = sdk.release(Some(&like.release.name))?;
    let arch = sdk.arch(&like.arch.name, &release)?;
    Ok(Spec::collect(revision, &sdk, &release, &arch, choice)?.inputs)
}

/// Whether an engine could know an image by this name: `HEAD~1` need not be
/// asked for.
fn is_image_name(name: &str) -> bool {
    // Upper case can stand in a tag only, and in a registry's address.
    let repository = name.split(['@', ':']).next().unwrap_or_default();
    let plain = |text: &str| {
        text.chars()
            .all(|char| char.is_ascii_alphanumeric() || "._-/:@".contains(char))
    };
    let lower = repository
        .rsplit('/')
        .next()
        .is_some_and(|last| !last.contains(|char: char| char.is_ascii_uppercase()));
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && plain(name) && lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_git_can_know() {
        for name in ["HEAD", "HEAD~1", "v1^", "main@{1}", "-x", "", "a b"] {
            assert!(!is_image_name(name), "{name}");
        }
        for name in [
            "main",
            "v1.0",
            "localhost:5000/x:1",
            "openwrt-rust-builder:24.10-mips_24kc-0123456789ab",
            "x@sha256:00",
            "feature/x",
        ] {
            assert!(is_image_name(name), "{name}");
        }
    }
}
