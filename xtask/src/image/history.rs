//! `image --history`: the layers of an image, and which inputs of its
//! fingerprint drive each: a changed input makes that layer and those after it
//! anew.

use anyhow::{Context, Result};
use serde::Serialize;

use super::dockerfile::{Dockerfile, Step};
use super::label::Labels;
use super::spec::{DOCKERFILE, Spec};
use super::{ensure, spec};
use crate::engine::{Engine, Image, Kind};
use crate::fingerprint::Inputs;

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its bytes.
    pub size: u64,
    /// What made it, in one line.
    pub command: String,
    /// Its stage; of a layer of the base: none.
    pub stage: Option<String>,
    /// Names of the inputs that drive it, besides those of the layers before.
    pub inputs: Vec<String>,
}

/// The layers, the base's first as one; empty ones are left out.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// One of the image's names.
    pub image: String,
    /// In the order in which they were made.
    pub layers: Vec<Layer>,
    /// The Dockerfile is no longer the one that the image was made with, so
    /// that nobody knows which inputs drove which layer.
    pub dockerfile_changed: bool,
}

/// Reads an image's layers.
///
/// # Errors
/// The engine's.
pub fn read(engine: &Engine, spec: &Spec, image: &Image) -> Result<History> {
    let mut made = made(engine, &image.id)?;
    made.reverse();
    let inputs = Labels::read(image).map(|labels| labels.inputs);
    let changed = inputs
        .as_ref()
        .is_ok_and(|inputs| inputs.get(DOCKERFILE) != spec.inputs.get(DOCKERFILE));
    let file = Dockerfile::parse(&ensure::dockerfile(spec)?);
    let inputs = inputs.ok().filter(|_| !changed);
    Ok(History {
        image: image.repo_tags.first().unwrap_or(&image.id).clone(),
        layers: layers(&made, &file, inputs.as_ref(), spec),
        dockerfile_changed: changed,
    })
}

/// Size and command of each layer, the newest first.
fn made(engine: &Engine, id: &str) -> Result<Vec<(u64, String)>> {
    let context = "read the engine's history of the image";
    if engine.kind == Kind::Podman {
        #[derive(serde::Deserialize)]
        struct Line {
            #[serde(default)]
            size: u64,
            #[serde(default, rename = "CreatedBy")]
            created_by: String,
        }
        let text = engine.read(&["history", "--no-trunc", "--format", "json", id])?;
        let lines: Vec<Line> = serde_json::from_str(&text).context(context)?;
        return Ok(lines
            .into_iter()
            .map(|line| (line.size, line.created_by))
            .collect());
    }
    let text = engine.read(&[
        "history",
        "--no-trunc",
        "--human=false",
        "--format",
        "{{.Size}} {{json .CreatedBy}}",
        id,
    ])?;
    text.lines()
        .map(|line| {
            let (size, command) = line.split_once(' ').unwrap_or((line, "\"\""));
            let command = serde_json::from_str(command).context(context)?;
            Ok((size.parse().unwrap_or(0), command))
        })
        .collect()
}

fn layers(
    made: &[(u64, String)],
    file: &Dockerfile,
    inputs: Option<&Inputs>,
    spec: &Spec,
) -> Vec<Layer> {
    // Whose Rust it holds decides which stages it is made of.
    let rust = inputs.and_then(|inputs| inputs.get("rust"));
    let value = |name: &str| match (name, rust) {
        ("RUST", Some(rust)) => Some(rust.to_owned()),
        _ => spec.args.get(name).cloned(),
    };
    let needed = file.needed(&value);
    let mut steps = needed.iter().flat_map(|stage| stage.steps()).peekable();
    let mut layers: Vec<Layer> = Vec::new();
    let mut base = 0;
    for (size, command) in made {
        let is_next = steps.peek().is_some_and(|step| is_of(command, *step));
        if let Some(step) = steps.next_if(|_| is_next) {
            layers.push(Layer {
                size: *size,
                command: step.instruction.short(),
                stage: Some(step.stage.name.clone()),
                inputs: inputs.map_or_else(Vec::new, |inputs| drivers(step, inputs)),
            });
        } else if layers.is_empty() {
            base += size;
        } else if *size > 0 {
            layers.push(Layer {
                size: *size,
                command: command.clone(),
                stage: None,
                inputs: Vec::new(),
            });
        }
    }
    let of_base = ["base", "base.digest"];
    layers.insert(
        0,
        Layer {
            size: base,
            command: format!("FROM {}", base_of(inputs).unwrap_or(&spec.base)),
            stage: None,
            inputs: inputs.map_or_else(Vec::new, |inputs| {
                let known = of_base.iter().filter(|name| inputs.get(name).is_some());
                known.map(|name| (*name).to_owned()).collect()
            }),
        },
    );
    layers
}

fn base_of(inputs: Option<&Inputs>) -> Option<&str> {
    inputs?.get("base")
}

/// `RUN |2 A=1 B=2 /bin/sh -c bash x # buildkit` is of `RUN --mount=… bash x`.
fn is_of(command: &str, step: Step<'_>) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    words.join(" ").contains(&step.instruction.command())
        && (command.starts_with(&step.instruction.word) || command.starts_with("/bin/sh"))
}

/// The inputs behind an instruction's arguments and files.
fn drivers(step: Step<'_>, inputs: &Inputs) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for arg in step.stage.args_before(step.instruction) {
        found.extend(spec::inputs_of_arg(&arg, inputs));
    }
    for source in step.instruction.sources() {
        let from = source.from.trim_end_matches('/');
        let files = inputs.iter().map(|(name, _)| name).filter(|name| {
            name.strip_prefix(from)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        found.extend(files.map(str::to_owned));
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_and_its_step() {
        let file = Dockerfile::parse(
            "FROM x AS base\nFROM base AS a\nARG ARCH\nRUN --mount=type=bind,source=openwrt/image/a.sh,target=/r/a.sh \\\n  bash /r/a.sh\n",
        );
        let step = file.step("a", 1).unwrap();
        assert!(is_of(
            "RUN |1 ARCH=mips /bin/sh -c bash /r/a.sh # buildkit",
            step
        ));
        assert!(!is_of("RUN /bin/sh -c bash /r/b.sh # buildkit", step));
        let inputs = Inputs::new()
            .with("arch", "mips")
            .with("openwrt/image/a.sh", "0644 sha256:00")
            .with("openwrt/image/a.sh2", "0644 sha256:00");
        assert_eq!(drivers(step, &inputs), ["arch", "openwrt/image/a.sh"]);
    }
}
