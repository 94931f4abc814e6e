//! Everything that decides what an image is. What is fingerprinted is what is
//! built: the build arguments are made from the inputs, and the context is the
//! files whose hashes are inputs.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::files::{ContextFile, Files};
use crate::config::image::{RustMode, feed_name};
use crate::config::sdk::{Arch, Release, Sdk};
use crate::fingerprint::Inputs;
use crate::package::tar;
use crate::toolchain::select::Choice;
use crate::toolchain::{stdlib, wheels};

/// The configuration; an input key by key, not as a file.
pub const SDK: &str = "openwrt/sdk.toml";

/// The instructions.
pub const DOCKERFILE: &str = "openwrt/Dockerfile";

/// Folders that the Dockerfile copies from, whole; in the context even when
/// nothing is in them.
pub const FOLDERS: [&str; 2] = ["openwrt/image", "openwrt/patches"];

/// The images' name before the tag.
pub const REPOSITORY: &str = "openwrt-rust-builder";

/// Values of inputs that are empty as arguments: `none` reads better than nothing.
const NONE: &str = "none";
const NOT_PINNED: &str = "not pinned";

/// An image that is described and not built.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The release it is for.
    pub release: Release,
    /// The architecture that it builds for.
    pub arch: Arch,
    /// Whose Rust it holds.
    pub rust: RustMode,
    /// Where the pinned Rust comes from.
    pub provider: String,
    /// The base image, with its digest when that is pinned.
    pub base: String,
    /// `--build-arg`s.
    pub args: BTreeMap<String, String>,
    /// The build context, sorted by path.
    pub files: Vec<ContextFile>,
    /// All of the above by name, hashed.
    pub inputs: Inputs,
    is_default: bool,
}

/// A build argument and the inputs that it is made from.
struct Arg {
    name: &'static str,
    inputs: &'static [&'static str],
    between: &'static str,
}

const fn arg(name: &'static str, inputs: &'static [&'static str], between: &'static str) -> Arg {
    Arg {
        name,
        inputs,
        between,
    }
}

/// The arguments of every image. FEEDS is made from one input a feed.
const ARGS: [Arg; 7] = [
    arg("ARCH", &["arch"], ""),
    arg("BASE", &["base", "base.digest"], "@"),
    arg("BUILD_DEPENDENCIES", &["build-dependencies"], ""),
    arg("CONFIG_SEED", &["config.seed"], ""),
    arg("RELEASE_VERSION", &["release.version"], ""),
    arg("RUST", &["rust"], ""),
    arg("TARGET", &["target"], ""),
];

/// Those of an image with the pinned compiler.
const PINNED_ARGS: [Arg; 6] = [
    arg("PROVIDER", &["rust.provider"], ""),
    arg("RUST_VERSION", &["rust.version"], ""),
    arg("STD_FEATURES", &["std.features"], ""),
    arg("STD_FLAGS", &["std.flags"], ""),
    arg("STD_OPT_LEVEL", &["std.opt-level"], ""),
    arg("ZIG_REQUIREMENTS", &["zig", "cargo-zigbuild"], "\n"),
];

impl Spec {
    /// Collects it from the project's files and its configuration.
    ///
    /// # Errors
    /// Files that are missing, unreadable or symlinks.
    pub fn collect(
        source: &dyn Files,
        sdk: &Sdk,
        release: &Release,
        arch: &Arch,
        choice: Choice,
    ) -> Result<Self> {
        let image = &sdk.image;
        let files = context_files(source, &image.config_seed)?;
        let mut inputs = settings(sdk, release, arch)?;
        for (name, value) in config_values(&files, &image.config_seed) {
            inputs = inputs.with(name, value);
        }
        if image.rust == RustMode::Pinned {
            inputs = pinned(inputs, sdk, choice);
        }
        for file in &files {
            inputs = inputs.with(&file.path, file.summary());
        }
        let args = args(&inputs);
        Ok(Self {
            release: release.clone(),
            arch: arch.clone(),
            rust: image.rust,
            provider: provider(choice).to_owned(),
            base: args.get("BASE").cloned().unwrap_or_default(),
            args,
            files,
            inputs,
            is_default: sdk.release(None)?.name == release.name,
        })
    }

    /// `openwrt-rust-builder:<release>-<arch>-<12 digits of the fingerprint>`.
    pub fn tag(&self) -> String {
        let (release, arch) = (&self.release.name, &self.arch.name);
        format!("{REPOSITORY}:{release}-{arch}-{}", self.inputs.short())
    }

    /// `openwrt-rust-builder:<arch>`, which moves on; of the default release only.
    pub fn alias(&self) -> Option<String> {
        self.is_default
            .then(|| format!("{REPOSITORY}:{}", self.arch.name))
    }

    /// The build context as a tar archive: the same bytes for the same inputs.
    ///
    /// # Errors
    /// A file of more than eight gigabytes.
    pub fn context_tar(&self) -> Result<Vec<u8>> {
        let mut writer = tar::Writer::new(0);
        let mut folders: BTreeSet<&str> = FOLDERS.into();
        for file in &self.files {
            let ends = file.path.match_indices('/');
            folders.extend(ends.map(|(end, _)| &file.path[..end]));
        }
        for folder in folders {
            writer.dir(format!("{folder}/").as_bytes(), 0o755)?;
        }
        for file in &self.files {
            writer.file(file.path.as_bytes(), file.readable(), &file.content)?;
        }
        Ok(writer.finish())
    }
}

fn context_files(source: &dyn Files, seeds: &[String]) -> Result<Vec<ContextFile>> {
    let one = |path: &str| {
        source
            .file(path)?
            .with_context(|| format!("{path} is missing in {}", source.name()))
    };
    let mut files = vec![one(DOCKERFILE)?];
    for folder in FOLDERS {
        files.extend(source.below(folder)?);
    }
    for seed in seeds {
        files.push(one(seed)?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup();
    Ok(files)
}

/// What does not depend on whose Rust it is.
fn settings(sdk: &Sdk, release: &Release, arch: &Arch) -> Result<Inputs> {
    let image = &sdk.image;
    let mut packages = image.build_dependencies.clone();
    packages.sort();
    packages.dedup();
    let mut inputs = Inputs::new()
        .with("release", &release.name)
        .with("release.version", &release.version)
        .with("arch", &arch.name)
        .with("target", &arch.target)
        .with("base", image.base(release, arch)?)
        .with(
            "base.digest",
            image.digest(release, arch).unwrap_or(NOT_PINNED),
        )
        .with("rust", image.rust.name())
        .with("config.seed", image.config_seed.join(" "))
        .with("build-dependencies", or_none(packages.join(" ")));
    let mut names = Vec::new();
    for line in &image.feeds {
        let name = feed_name(line)?;
        inputs = inputs.with(&format!("feed.{name}"), line);
        names.push(name);
    }
    Ok(inputs.with("feeds", or_none(names.join(" "))))
}

/// What the pinned compiler and its standard library are made from.
fn pinned(inputs: Inputs, sdk: &Sdk, choice: Choice) -> Inputs {
    let pins = &sdk.toolchain;
    inputs
        .with("rust.provider", provider(choice))
        .with("rust.version", &pins.rust)
        .with("zig", wheels::requirement(&pins.zig).trim_end())
        .with(
            "cargo-zigbuild",
            wheels::requirement(&pins.cargo_zigbuild).trim_end(),
        )
        .with("std.flags", stdlib::flags().join(" "))
        .with("std.features", or_none(pins.std_features.join(",")))
        .with("std.opt-level", stdlib::opt_level(sdk))
}

/// `auto` is rustup: an image starts with no compiler that could be taken.
fn provider(choice: Choice) -> &'static str {
    match choice {
        Choice::Auto => Choice::Rustup.name(),
        named => named.name(),
    }
}

fn or_none(text: String) -> String {
    match text.is_empty() {
        true => NONE.to_owned(),
        false => text,
    }
}

/// The two settings that decide whether stamps are found again, for people: the
/// seeds' hashes say no more than that something changed. The last line counts.
fn config_values(files: &[ContextFile], seeds: &[String]) -> [(&'static str, String); 2] {
    let contents = seeds
        .iter()
        .filter_map(|seed| files.iter().find(|file| file.path == *seed));
    let text: String = contents
        .map(|file| String::from_utf8_lossy(&file.content).into_owned() + "\n")
        .collect();
    let value = |option: &str| {
        let unset = format!("# {option} is not set");
        let found = text.lines().rev().find_map(|line| match line == unset {
            true => Some("not set"),
            false => line.strip_prefix(option)?.strip_prefix('='),
        });
        found.unwrap_or("the SDK's default").to_owned()
    };
    [
        ("config.AUTOREMOVE", value("CONFIG_AUTOREMOVE")),
        ("config.AUTOREBUILD", value("CONFIG_AUTOREBUILD")),
    ]
}

/// The inputs that a build argument is made from.
pub fn inputs_of_arg(name: &str, inputs: &Inputs) -> Vec<String> {
    if name == "FEEDS" {
        let feeds = inputs.iter().map(|(name, _)| name);
        return feeds
            .filter(|name| *name == "feeds" || name.starts_with("feed."))
            .map(str::to_owned)
            .collect();
    }
    ARGS.iter()
        .chain(&PINNED_ARGS)
        .filter(|arg| arg.name == name)
        .flat_map(|arg| arg.inputs)
        .filter(|name| inputs.get(name).is_some())
        .map(|name| (*name).to_owned())
        .collect()
}

/// Build arguments, from nothing but inputs: two that differ have inputs that
/// differ.
fn args(inputs: &Inputs) -> BTreeMap<String, String> {
    let pinned = inputs.get("rust") == Some(RustMode::Pinned.name());
    let more: &[Arg] = if pinned { &PINNED_ARGS } else { &[] };
    let mut args: BTreeMap<String, String> = ARGS
        .iter()
        .chain(more)
        .map(|arg| {
            let values: Vec<&str> = arg
                .inputs
                .iter()
                .filter_map(|name| value(inputs, name))
                .collect();
            (arg.name.to_owned(), values.join(arg.between))
        })
        .collect();
    let feeds: Vec<&str> = inputs
        .get("feeds")
        .iter()
        .flat_map(|names| names.split(' '))
        .filter_map(|name| inputs.get(&format!("feed.{name}")))
        .collect();
    args.insert("FEEDS".to_owned(), feeds.join("\n"));
    args
}

fn value<'a>(inputs: &'a Inputs, name: &str) -> Option<&'a str> {
    let value = inputs.get(name)?;
    let is_empty = [NONE, NOT_PINNED].contains(&value);
    (!is_empty).then_some(value)
}
