//! `[image]` of `openwrt/sdk.toml`: the Docker image with OpenWrt's SDK.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::sdk::{Arch, Release, Sdk};
use super::strict;

/// Where config seeds lie: what the Dockerfile copies and .dockerignore lets in.
const SEEDS: &str = "openwrt/config";

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
    /// None in a file that was read with [`Sdk::parse`].
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

    /// Everything that the types do not say.
    ///
    /// # Errors
    /// The first mistake, with its key.
    pub(super) fn check(&self, sdk: &Sdk) -> Result<()> {
        for release in sdk.release.keys() {
            let release = sdk.release(Some(release))?;
            for arch in sdk.all_archs(&release)? {
                check_reference(&self.base(&release, &arch)?)?;
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
        self.check_digests(sdk)
    }

    fn check_digests(&self, sdk: &Sdk) -> Result<()> {
        for (name, digests) in &self.digest {
            let release = sdk
                .release(Some(name))
                .with_context(|| format!("check [image.digest.{name:?}]"))?;
            let archs = sdk.all_archs(&release)?;
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
mod tests {
    use super::*;

    const BASE: &str = r#"base = "example.org/sdk:{board}-{version}""#;
    const SEED: &str = r#"["openwrt/config/sdk.config"]"#;
    const PACKAGES: &str = r#"build_dependencies = ["curl"]"#;

    fn text() -> String {
        format!(
            r#"
[release."24.10"]
version = "24.10.8"
format = "ipk"
default = true
[release."25.12"]
version = "25.12.5"
format = "apk"
[arch.mips_24kc]
target = "mips-unknown-linux-musl"
board = "ath79/generic"
qemu = "qemu-mips"
[arch.riscv64]
target = "riscv64gc-unknown-linux-musl"
board = "starfive/generic"
qemu = "qemu-riscv64"
release_names = {{ "24.10" = "riscv64_riscv64", "25.12" = "riscv64_generic" }}
[image]
{BASE}
rust = "pinned"
config_seed = {SEED}
feeds = []
{PACKAGES}
[toolchain]
rust = "1.96.0"
zig = {{ package = "ziglang", version = "1", sha256 = [] }}
cargo_zigbuild = {{ package = "cargo-zigbuild", version = "1", sha256 = [] }}
[profile]
release = {{}}
fast = {{}}
"#
        )
    }

    fn with(old: &str, new: &str) -> Result<Sdk> {
        assert_eq!(text().matches(old).count(), 1, "{old}");
        Sdk::parse(Path::new("sdk.toml"), &text().replace(old, new))
    }

    fn refused(old: &str, new: &str) -> String {
        let error = with(old, new).unwrap_err();
        format!("{error:#}").replace("check sdk.toml: ", "")
    }

    #[test]
    fn placeholders_are_filled_in() {
        let sdk = with(BASE, "base = \"localhost:5000/x/{arch}-{board}:{version}\"").unwrap();
        let release = sdk.release(None).unwrap();
        let arch = sdk.arch("mips_24kc", &release).unwrap();
        let base = sdk.image.base(&release, &arch).unwrap();
        assert_eq!(base, "localhost:5000/x/mips_24kc-ath79-generic:24.10.8");
        assert_eq!(
            refused(BASE, "base = \"x:{target}\""),
            "unknown placeholder {target} in `base`; known are: {arch}, {version}, {board}"
        );
        for (base, why) in [
            ("x:{arch", "without `}`"),
            ("", "no reference"),
            ("-v x", "no reference"),
            ("x@sha256:00", "a digest"),
        ] {
            let error = refused(BASE, &format!("base = {base:?}"));
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn digests_belong_to_a_release_and_an_architecture() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let table = |release: &str, line: &str| {
            with(
                "[toolchain]\n",
                &format!("[image.digest.{release:?}]\n{line}\n[toolchain]\n"),
            )
        };
        let sdk = table("25.12", &format!("riscv64_generic = {digest:?}")).unwrap();
        let release = sdk.release(Some("25.12")).unwrap();
        let arch = |name| sdk.arch(name, &release).unwrap();
        assert_eq!(
            sdk.image.digest(&release, &arch("riscv64")),
            Some(digest.as_str())
        );
        assert_eq!(sdk.image.digest(&release, &arch("mips_24kc")), None);
        for (release, line, why) in [
            (
                "23.05",
                "mips_24kc = \"\"".to_owned(),
                "release \"23.05\" is not",
            ),
            (
                "24.10",
                format!("mips_24k = {digest:?}"),
                "did you mean mips_24kc?",
            ),
            ("24.10", "mips_24kc = \"sha256:00\"".to_owned(), "64 digits"),
            (
                "24.10",
                format!("mips_24kc = {:?}", digest.to_uppercase()),
                "64 digits",
            ),
        ] {
            let error = format!("{:#}", table(release, &line).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn seeds_lie_in_their_folder() {
        for file in [
            "/etc/passwd",
            "../x",
            "openwrt/config/../x",
            "openwrt/sdk.toml",
            "openwrt/config/",
            "openwrt/configx",
            "openwrt/config/a b",
        ] {
            let error = refused(SEED, &format!("[{file:?}]"));
            assert!(error.contains("lie in openwrt/config/"), "{error}");
        }
        assert!(refused(SEED, "[]").contains("names no file"));
        with(SEED, "[\"openwrt/config/a/b.config\"]").unwrap();
    }

    #[test]
    fn feeds_are_lines_of_feeds_conf_with_a_commit() {
        let commit = "1".repeat(40);
        let feeds = |lines: &[&str]| with("feeds = []", &format!("feeds = {lines:?}"));
        let git = format!("src-git packages https://example.org/packages.git^{commit}");
        feeds(&[&git, "src-link own /builder/own", "src-git-full --root=x luci https://example.org/l^1111111111111111111111111111111111111111"]).unwrap();
        for (line, why) in [
            ("packages https://example.org", "is no line"),
            ("# src-git a b", "is no line"),
            ("src-git", "is no line"),
            ("src-link a/b /x", "is no line"),
            ("src-link a /x\nsrc-link b /y", "is no line"),
            ("src-git a", "names no commit"),
            ("src-git a https://example.org/a.git", "names no commit"),
            (
                "src-git a https://example.org/a.git;main",
                "names no commit",
            ),
            ("src-git a https://example.org/a.git^v1", "names no commit"),
        ] {
            let error = format!("{:#}", feeds(&[line]).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
        assert!(
            format!("{:#}", feeds(&[&git, &git]).unwrap_err()).contains("names packages twice")
        );
    }

    #[test]
    fn build_dependencies_are_names_of_packages() {
        for name in ["-y", "a;b", "Curl", ""] {
            let error = refused(PACKAGES, &format!("build_dependencies = [{name:?}]"));
            assert!(error.contains("no name of a Debian package"), "{error}");
        }
        with(PACKAGES, "build_dependencies = [\"g++\", \"libssl1.1\"]").unwrap();
    }

    #[test]
    fn a_typo_names_the_key() {
        let error = refused("rust = \"pinned\"", "rust = \"pined\"");
        assert!(error.contains("did you mean `pinned`?"), "{error}");
        let error = refused("config_seed = ", "config_sed = ");
        assert!(error.contains("did you mean `config_seed`?"), "{error}");
    }
}
