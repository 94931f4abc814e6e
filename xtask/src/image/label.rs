//! What an image says of itself in its labels: enough to tell, on any machine,
//! what it was made from and what was baked into it.

use anyhow::{Context, Result, ensure};

use super::manifest;
use crate::buildlog::Baseline;
use crate::engine::{Image, Kind};
use crate::fingerprint::Inputs;

/// Of the image's inputs: 64 hexadecimal digits.
pub const FINGERPRINT: &str = "org.tollgate-wrt.fingerprint";
/// The inputs themselves, canonical JSON.
pub const MANIFEST: &str = manifest::LABEL;
/// What was baked: JSON, as `log --baseline` reads it.
pub const BASELINE: &str = "org.tollgate-wrt.baseline";
/// SHA-256 of the image's own list of its toolchain's files.
pub const TOOLCHAIN: &str = "org.tollgate-wrt.toolchain";
/// OpenWrt's name of the architecture.
pub const ARCH: &str = "org.tollgate-wrt.arch";
/// Branch name of the release.
pub const RELEASE: &str = "org.tollgate-wrt.release";
/// The project's first commit: whose image it is. Not every image has it.
pub const PROJECT: &str = "org.tollgate-wrt.project";

/// The labels of a finished image, checked.
#[derive(Clone, Debug)]
pub struct Labels {
    /// [`FINGERPRINT`].
    pub fingerprint: String,
    /// [`MANIFEST`].
    pub inputs: Inputs,
    /// [`BASELINE`].
    pub baseline: Baseline,
    /// [`TOOLCHAIN`].
    pub toolchain: String,
    /// [`ARCH`].
    pub arch: String,
    /// [`RELEASE`].
    pub release: String,
}

impl Labels {
    /// Reads them; an image that lacks one is not finished, or not ours.
    ///
    /// # Errors
    /// A label that is missing, broken, or does not go with another.
    pub fn read(image: &Image) -> Result<Self> {
        let label = |name: &str| {
            image
                .label(name)
                .map(str::to_owned)
                .with_context(|| format!("it has no label {name}"))
        };
        let fingerprint = label(FINGERPRINT)?;
        let inputs = manifest::parse(label(MANIFEST)?.as_bytes())
            .with_context(|| format!("read its label {MANIFEST}"))?;
        ensure!(
            inputs.digest() == fingerprint,
            "its label {FINGERPRINT} is not the fingerprint of its label {MANIFEST}"
        );
        let baseline = Baseline::parse(&label(BASELINE)?)
            .with_context(|| format!("read its label {BASELINE}"))?;
        Ok(Self {
            inputs,
            fingerprint,
            baseline,
            toolchain: label(TOOLCHAIN)?,
            arch: label(ARCH)?,
            release: label(RELEASE)?,
        })
    }

    /// Every label with its value.
    ///
    /// # Errors
    /// None that is known: all of it is JSON.
    pub fn all(&self) -> Result<Vec<(&'static str, String)>> {
        let json = |value: serde_json::Result<String>| value.context("write a label");
        Ok(vec![
            (ARCH, self.arch.clone()),
            (BASELINE, json(serde_json::to_string(&self.baseline))?),
            (FINGERPRINT, self.fingerprint.clone()),
            (MANIFEST, json(serde_json::to_string(&self.inputs))?),
            (RELEASE, self.release.clone()),
            (TOOLCHAIN, self.toolchain.clone()),
        ])
    }
}

/// A LABEL instruction, for an image that is committed, whose value means
/// exactly this. Docker reads it as in a Dockerfile; Podman takes what follows
/// `=` as it stands.
pub fn instruction(kind: Kind, name: &str, value: &str) -> String {
    if kind == Kind::Podman {
        return format!("LABEL {name}={value}");
    }
    let mut quoted = String::with_capacity(value.len() + 16);
    for char in value.chars() {
        if matches!(char, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    format!("LABEL \"{name}\"=\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::inspect::Config;

    fn labels() -> Labels {
        let inputs = Inputs::new().with("feed.x", "a \"b\"\n$c\\");
        Labels {
            fingerprint: inputs.digest(),
            inputs,
            baseline: Baseline::parse(
                r#"{"schema":1,"tree":"/builder","autoremove":"y","autorebuild":true,"stages":[]}"#,
            )
            .unwrap(),
            toolchain: "00".into(),
            arch: "mips_24kc".into(),
            release: "24.10".into(),
        }
    }

    fn image(labels: BTreeMap<String, String>) -> Image {
        Image {
            config: Some(Config {
                labels,
                ..Config::default()
            }),
            ..Image::default()
        }
    }

    #[test]
    fn labels_are_read_back_and_checked() {
        let all: BTreeMap<String, String> = labels()
            .all()
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let read = Labels::read(&image(all.clone())).unwrap();
        assert_eq!(read.inputs, labels().inputs);
        for name in all.keys() {
            let mut less = all.clone();
            less.remove(name);
            assert_eq!(
                Labels::read(&image(less)).unwrap_err().to_string(),
                format!("it has no label {name}")
            );
        }
        let mut other = all;
        other.insert(FINGERPRINT.to_owned(), "0".repeat(64));
        let error = Labels::read(&image(other)).unwrap_err().to_string();
        assert!(error.contains("is not the fingerprint of"), "{error}");
    }

    #[test]
    fn values_are_quoted() {
        assert_eq!(
            instruction(Kind::Docker, "a.b", r#"{"x":"\n$HOME"}"#),
            r#"LABEL "a.b"="{\"x\":\"\\n\$HOME\"}""#
        );
    }
}
