//! Images shared by fingerprint: whoever builds one pushes it, everybody else
//! pulls it instead of building. An image is believed by its labels, wherever
//! it comes from.

use anyhow::{Context, Result, bail, ensure};

use super::decide::{self, Ready};
use super::spec::{REPOSITORY, Spec};
use crate::engine::Engine;
use crate::util::ui::Ui;

/// The image's name in a registry: `host:5000/team` → `host:5000/team/openwrt-rust-builder:…`.
fn name(spec: &Spec, registry: &str) -> Result<String> {
    let registry = registry.trim_end_matches('/');
    let plain = |char: char| char.is_ascii_alphanumeric() || "._-/:".contains(char);
    ensure!(
        !registry.is_empty()
            && !registry.starts_with('-')
            && !registry.contains("//")
            && registry.chars().all(plain),
        "{registry:?} is no registry: HOST[:PORT][/PATH], such as registry.example.org/team"
    );
    let tag = spec.tag();
    let tag = tag.strip_prefix(REPOSITORY).unwrap_or(&tag);
    Ok(format!("{registry}/{REPOSITORY}{tag}"))
}

/// Pushes the image.
///
/// # Errors
/// The registry's, with what may help.
pub fn push(engine: &Engine, spec: &Spec, registry: &str, ui: &Ui) -> Result<String> {
    let name = name(spec, registry)?;
    engine.read(&["tag", &spec.tag(), &name])?;
    let step = ui.step("Pushing", &name);
    let pushed = engine.read(&["push", &name]);
    // The name only serves to push.
    let untagged = engine.read(&["rmi", "--no-prune", &name]);
    pushed.with_context(|| {
        format!(
            "push {name}; a registry that asks who you are needs: {} login",
            engine.kind.name()
        )
    })?;
    if let Err(error) = untagged {
        ui.warn(&format!("{name} stays among the engine's names: {error:#}"));
    }
    step.done("Pushed");
    Ok(name)
}

/// Pulls the image and tags it; `None` when the registry has none.
///
/// # Errors
/// The registry does not answer, or its image is not the one that its name says.
pub fn pull(engine: &Engine, spec: &Spec, registry: &str, ui: &Ui) -> Result<Option<Ready>> {
    let name = name(spec, registry)?;
    let step = ui.step("Pulling", &name);
    let output = engine
        .command(&["pull", "--quiet", &name])
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()
        .context("start the engine")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if is_missing(&said) {
            drop(step);
            let hint = match said.contains("denied") {
                true => format!(", or it needs: {} login", engine.kind.name()),
                false => String::new(),
            };
            ui.note(&format!("{name} is not there: nobody pushed it yet{hint}"));
            return Ok(None);
        }
        return Err(crate::engine::trouble::explain(engine, "pull", &said))
            .with_context(|| format!("pull {name}; without --pull it is built here"));
    }
    let found = engine
        .inspect_images(&[&name])?
        .into_iter()
        .next()
        .flatten();
    let image = found.with_context(|| format!("the engine lost {name}"))?;
    let id = image.id.clone();
    let checked = decide::check(image, spec);
    if checked.is_ok() {
        engine.read(&["tag", &id, &spec.tag()])?;
    }
    engine.read(&["rmi", "--no-prune", &name])?;
    match checked {
        Ok(ready) => {
            step.done("Pulled");
            Ok(Some(ready))
        }
        Err(why) => bail!(
            "{name} is not the image that its name says, and was not taken: {why}\n\
             Who pushes to that registry? Without --pull the image is built here"
        ),
    }
}

/// A registry's words for "there is no such image".
fn is_missing(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    // A helper for passwords that is "not found" is no answer of a registry.
    if said.contains("executable file") || said.contains("error getting credentials") {
        return false;
    }
    [
        "manifest unknown",
        "not found",
        "name unknown",
        "repository does not exist",
    ]
    .iter()
    .any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::is_missing;

    #[test]
    fn what_registries_say() {
        assert!(is_missing(
            "Error response from daemon: manifest for x:1 not found: manifest unknown: manifest unknown"
        ));
        assert!(is_missing(
            "Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login'"
        ));
        assert!(!is_missing(
            "error getting credentials - err: exec: \"docker-credential-x\": executable file not found in $PATH, out: ``"
        ));
        assert!(!is_missing(
            "dial tcp 127.0.0.1:1: connect: connection refused"
        ));
    }
}
