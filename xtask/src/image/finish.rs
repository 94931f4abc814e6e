//! From a built image without a name to one that later runs believe in: what
//! was baked is read from it, written into its labels, checked, and only then
//! it gets its tag, and last the alias. A run that is killed before leaves
//! nothing but layers.

use std::collections::BTreeSet;
use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::decide::{self, Ready};
use super::label::{self, Labels};
use super::spec::Spec;
use crate::buildlog::Baseline;
use crate::engine::{Engine, Image, Kind};
use crate::fingerprint::hex;

/// Begin of the names of containers that only hold an image while it is
/// finished. What is left of a killed run is found by it.
pub const CONTAINER: &str = "openwrt-rust-builder-unfinished-";

/// What the bake wrote down, in the image.
const BAKED: &str = "/opt/xtask/baked.json";
const TOOLCHAIN: &str = "/opt/xtask/toolchain.sha256";

/// Gives the image `id` its labels and its tag.
///
/// # Errors
/// It is not what an image of this spec must be; the engine's errors.
pub fn finish(engine: &Engine, spec: &Spec, id: &str) -> Result<Ready> {
    // Nothing but the process number would meet one that a killed run left:
    // processes of CI jobs often have the same.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let name = format!(
        "{CONTAINER}{}-{:x}-{}",
        spec.inputs.short(),
        now.as_nanos(),
        std::process::id()
    );
    let container = Container::create(engine, id, &name)?;
    let baked = container.file(BAKED)?;
    let baseline = Baseline::parse(&String::from_utf8_lossy(&baked))
        .with_context(|| format!("read {BAKED} in the image"))?;
    let toolchain = hex(&Sha256::digest(container.file(TOOLCHAIN)?));
    let labels = Labels {
        fingerprint: spec.inputs.digest(),
        inputs: spec.inputs.clone(),
        baseline,
        toolchain,
        arch: spec.arch.name.clone(),
        release: spec.release.name.clone(),
    };
    let mut args = vec!["commit".to_owned()];
    for (name, value) in labels.all()? {
        args.extend([
            "--change".to_owned(),
            label::instruction(engine.kind, name, &value),
        ]);
    }
    args.push(name.clone());
    let said = engine.read(&args)?;
    let finished = said.lines().last().unwrap_or_default().trim().to_owned();
    drop(container);
    let ready = check(engine, spec, [id, &finished], &labels)?;
    engine.read(&["tag", &finished, &spec.tag()])?;
    Ok(ready)
}

/// `ids` are the image as it was built, and with its labels.
fn check(engine: &Engine, spec: &Spec, ids: [&str; 2], labels: &Labels) -> Result<Ready> {
    let mut found = engine.inspect_images(&ids)?.into_iter().zip(ids);
    let mut next = || {
        let (image, id) = found.next().context("the engine lost an image")?;
        image.with_context(|| format!("the engine lost the image {id}"))
    };
    let (built, mut image) = (next()?, next()?);
    for (name, value) in labels.all()? {
        ensure!(
            image.label(name) == Some(value.as_str()),
            "the engine changed the label {name} of the image"
        );
    }
    // It would be part of the image, and no input of its fingerprint.
    let (before, after) = (environment(&built), environment(&image));
    let added: Vec<&&str> = after
        .difference(&before)
        .filter(|name| !(engine.kind == Kind::Podman && PODMANS.contains(name)))
        .collect();
    ensure!(
        added.is_empty(),
        "the engine added variables to the image's environment: {added:?}"
    );
    let user = image.config.as_ref().map_or("", |config| &config.user);
    ensure!(
        !matches!(user.split(':').next(), Some("" | "0" | "root")),
        "containers of the image would run as root: the last stage of openwrt/Dockerfile needs a USER"
    );
    image.repo_tags.push(spec.tag());
    match decide::check(image, spec) {
        Ok(ready) => Ok(ready),
        Err(why) => bail!("the finished image is not the one that was asked for: {why}"),
    }
}

/// What Podman gives every container, and keeps in what it commits.
const PODMANS: [&str; 2] = ["TERM", "container"];

/// Names only: a value may be a secret, and goes into messages.
fn environment(image: &Image) -> BTreeSet<&str> {
    let variables = image.config.iter().flat_map(|config| &config.env);
    variables
        .map(|variable| variable.split('=').next().unwrap_or(variable))
        .collect()
}

/// Lets the moving alias point at the image.
///
/// # Errors
/// The engine's.
pub fn point_alias(engine: &Engine, spec: &Spec) -> Result<()> {
    match spec.alias() {
        Some(alias) => engine.read(&["tag", &spec.tag(), &alias]).map(drop),
        None => Ok(()),
    }
}

/// A container that never runs: it holds the image's files open.
struct Container<'a> {
    engine: &'a Engine,
    name: &'a str,
}

impl<'a> Container<'a> {
    fn create(engine: &'a Engine, image: &str, name: &'a str) -> Result<Self> {
        engine.create_without_proxies(name, image)?;
        Ok(Self { engine, name })
    }

    /// The content of one file.
    fn file(&self, path: &str) -> Result<Vec<u8>> {
        let from = format!("{}:{path}", self.name);
        let output = self
            .engine
            .command(&["cp", &from, "-"])
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .context("copy from the image")?;
        ensure!(
            output.status.success(),
            "the image has no {path}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let mut archive = tar::Archive::new(output.stdout.as_slice());
        let mut entries = archive.entries().context("read what the engine copies")?;
        let mut entry = entries
            .next()
            .context("the engine copied nothing")?
            .context("read what the engine copies")?;
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .context("read what the engine copies")?;
        Ok(content)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.engine.read(&["rm", "--force", self.name]);
    }
}
