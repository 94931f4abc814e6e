//! `[image]` of `openwrt/sdk.toml`: the Docker image with OpenWrt's SDK.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::strict;
use super::target::{Arch, Release, unknown_release};

/// Where config seeds lie: what the Dockerfile copies and .dockerignore lets in.
pub const SEEDS: &str = "openwrt/config";

/// `[image]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The SDK image to build on, with `{arch}`, `{version}`, `{board}`.
    pub base: String,
    /// Whose Rust is in it.
    pub rust: RustMode,
    /// Files with lines of `.config`, in the order in which they are joined.
    pub config_seed: Vec<String>,
    /// Lines of `feeds.conf`; none for the SDK's own.
    #[serde(default)]
    pub feeds: Vec<String>,
    /// Debian packages that the base lacks.
    #[serde(default)]
    pub build_dependencies: Vec<String>,
    /// The base's digest by release and architecture, once it was resolved.
    #[serde(default)]
    pub digest: BTreeMap<String, BTreeMap<String, String>>,
}

/// Whose Rust the image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RustMode {
    /// The compiler of `[toolchain]`, the feed's lang/rust is never touched.
    Pinned,
    /// The packages feed's own `rust/host`, baked.
    Feed,
}

impl RustMode {
    /// The name that the file and the Dockerfile take.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Feed => "feed",
        }
    }
}

impl Image {
    /// The base image's reference without digest, placeholders filled in.
    ///
    /// # Errors
    /// None in a file that was read with [`Sdk::parse`](super::sdk::Sdk::parse).
    pub fn base(&self, release: &Release, arch: &Arch) -> Result<String> {
        let mut base = String::new();
        let mut rest = self.base.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("a `{{` without `}}` in `base` {:?}", self.base))?;
            base += before;
            match name {
                "arch" => base += &arch.name,
                "version" => base += &release.version,
                "board" => base += &arch.board.replace('/', "-"),
                _ => bail!(
                    "unknown placeholder {{{name}}} in `base`; known are: {{arch}}, {{version}}, {{board}}"
                ),
            }
            rest = after;
        }
        Ok(base + rest)
    }

    /// The base image's digest, where it is pinned.
    pub fn digest(&self, release: &Release, arch: &Arch) -> Option<&str> {
        let digests = self.digest.get(&release.name)?;
        digests.get(&arch.name).map(String::as_str)
    }

    /// Everything that the types do not say; `targets` are all releases with
    /// their architectures.
    ///
    /// # Errors
    /// The first mistake, with its key.
    pub(super) fn check(&self, targets: &[(Release, Vec<Arch>)]) -> Result<()> {
        for (release, archs) in targets {
            for arch in archs {
                check_reference(&self.base(release, arch)?)?;
            }
        }
        ensure!(
            !self.config_seed.is_empty(),
            "`config_seed` of [image] names no file"
        );
        self.config_seed
            .iter()
            .try_for_each(|file| check_seed(file))?;
        let mut names = Vec::new();
        for line in &self.feeds {
            let name = feed_name(line)?;
            ensure!(
                !names.contains(&name),
                "`feeds` of [image] names {name} twice"
            );
            names.push(name);
        }
        for name in &self.build_dependencies {
            ensure!(
                is_debian_package(name),
                "{name:?} in `build_dependencies` of [image] is no name of a Debian package"
            );
        }
        self.check_digests(targets)
    }

    fn check_digests(&self, targets: &[(Release, Vec<Arch>)]) -> Result<()> {
        for (name, digests) in &self.digest {
            let found = targets.iter().find(|(release, _)| release.name == *name);
            let releases = targets.iter().map(|(release, _)| release.name.as_str());
            let (_, archs) = found
                .with_context(|| unknown_release(name, releases))
                .with_context(|| format!("check [image.digest.{name:?}]"))?;
            let known: Vec<&str> = archs.iter().map(|arch| arch.name.as_str()).collect();
            for (arch, digest) in digests {
                ensure!(
                    known.contains(&arch.as_str()),
                    "[image.digest.{name:?}] has {arch:?}, which release {name} does not know{}",
                    match strict::nearest(arch, known.iter().copied()) {
                        Some(near) => format!("; did you mean {near}?"),
                        None => format!("; known are: {}", known.join(", ")),
                    }
                );
                ensure!(
                    is_digest(digest),
                    "the digest of {arch} in [image.digest.{name:?}] must be `sha256:` and 64 digits 0-9, a-f"
                );
            }
        }
        Ok(())
    }
}

/// True for `sha256:` and 64 lower-case hexadecimal digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// A feed's name, from a line as OpenWrt's scripts/feeds reads it:
/// `src-<kind> [--flag[=value]] <name> [<source>]`.
///
/// # Errors
/// A line that is no such; a git feed without a commit.
pub fn feed_name(line: &str) -> Result<&str> {
    let wrong = || {
        format!(
            "{line:?} in `feeds` of [image] is no line of feeds.conf (`src-git NAME URL^COMMIT`)"
        )
    };
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let kind = words.next().and_then(|word| word.strip_prefix("src-"));
    let kind = kind.filter(|kind| is_word(kind, "-")).with_context(wrong)?;
    let name = words.find(|word| !word.starts_with("--"));
    let name = name.filter(|name| is_word(name, "")).with_context(wrong)?;
    ensure!(
        !line.starts_with([' ', '\t']) && !line.contains(char::is_control),
        wrong()
    );
    let sources: Vec<&str> = words.collect();
    let is_pinned = |source: &&str| {
        source.rsplit_once('^').is_some_and(|(_, commit)| {
            commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    ensure!(
        !kind.starts_with("git") || (!sources.is_empty() && sources.iter().all(is_pinned)),
        "the feed {name} of [image] names no commit: it could change and the image's fingerprint would not \
         (`src-{kind} {name} URL^COMMIT`, all 40 digits)"
    );
    Ok(name)
}

/// Perl's `[\w<more>]+`, in ASCII.
fn is_word(text: &str, more: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '_' || more.contains(char))
}

fn is_debian_package(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name
            .chars()
            .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || "+-.".contains(char))
}

fn check_reference(base: &str) -> Result<()> {
    ensure!(
        !base.contains('@'),
        "`base` of [image] holds a digest; those go to [image.digest.\"RELEASE\"] (`cargo xtask image --pin`)"
    );
    ensure!(
        base.starts_with(|first: char| first.is_ascii_alphanumeric())
            && base
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || "._-/:".contains(char)),
        "`base` of [image] gives {base:?}, which is no reference of an image"
    );
    Ok(())
}

fn check_seed(file: &str) -> Result<()> {
    let plain = Path::new(file)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let inside = file
        .strip_prefix(SEEDS)
        .is_some_and(|rest| rest.starts_with('/') && !rest.ends_with('/'));
    ensure!(
        plain && inside && !file.contains(char::is_whitespace) && !file.contains("//"),
        "`config_seed` of [image] names {file:?}; its files lie in {SEEDS}/ and have no space in their names"
    );
    Ok(())
}

#[cfg(test)]
mod tests;
