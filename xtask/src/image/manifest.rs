//! A fingerprint that was written down: what `fingerprint --json` prints and
//! what images carry as a label.

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;

use super::spec::Spec;
use crate::fingerprint::{Inputs, Reason};

/// The label of an image that holds its inputs as canonical JSON.
pub const LABEL: &str = "org.tollgate-wrt.manifest";

/// The inputs of an image with what they mean.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// Branch name of the release.
    pub release: String,
    /// OpenWrt's name of the architecture.
    pub arch: String,
    /// SHA-256 of the inputs' canonical JSON.
    pub digest: String,
    /// The image's name.
    pub tag: String,
    /// Every input by name.
    pub inputs: Inputs,
}

impl Manifest {
    /// Of an image that is described.
    pub fn of(spec: &Spec) -> Self {
        Self {
            release: spec.release.name.clone(),
            arch: spec.arch.name.clone(),
            digest: spec.inputs.digest(),
            tag: spec.tag(),
            inputs: spec.inputs.clone(),
        }
    }
}

/// A difference, for machines and for people.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The cause with both values.
    #[serde(flatten)]
    pub reason: Reason,
    /// The same as a sentence.
    pub sentence: String,
}

impl From<Reason> for Difference {
    fn from(reason: Reason) -> Self {
        Self {
            sentence: reason.to_string(),
            reason,
        }
    }
}

/// The inputs in a saved [`Manifest`], or standing alone as in the label.
///
/// # Errors
/// JSON of something else, and a digest that is not that of its inputs.
pub fn parse(text: &[u8]) -> Result<Inputs> {
    let value: Value = serde_json::from_slice(text).context("it is no JSON")?;
    let is_whole = value.get("inputs").is_some_and(Value::is_object);
    let inputs = if is_whole { &value["inputs"] } else { &value };
    let inputs: Inputs = serde_json::from_value(inputs.clone())
        .ok()
        .filter(|inputs: &Inputs| inputs.get("schema").is_some())
        .context("it is no manifest (`cargo xtask fingerprint --json` prints one)")?;
    if let (true, Some(digest)) = (is_whole, value["digest"].as_str()) {
        ensure!(
            digest == inputs.digest(),
            "its digest is not that of its inputs: it was changed after it was written"
        );
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_bare() {
        let inputs = Inputs::new().with("arch", "mips_24kc");
        let bare = serde_json::to_vec(&inputs).unwrap();
        assert_eq!(parse(&bare).unwrap(), inputs);
        let whole = |digest: &str| {
            let value = serde_json::json!({ "digest": digest, "inputs": &inputs, "new": [1] });
            parse(value.to_string().as_bytes()).map_err(|error| error.to_string())
        };
        assert_eq!(whole(&inputs.digest()), Ok(inputs.clone()));
        assert!(whole("00").unwrap_err().starts_with("its digest is not"));
        for text in [
            "",
            "[]",
            "{}",
            "{\"arch\":\"x\"}",
            "{\"schema\":1}",
            "{\"inputs\":{}}",
            "7",
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("it is no "), "{text}: {error}");
        }
    }
}
