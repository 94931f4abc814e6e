//! The state of every part that builds need. Looks only; asks no network.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::config::sdk::Arch;
use crate::context::Context;
use crate::fingerprint::{Reason, join};
use crate::toolchain::cache::{Cache, Check};
use crate::toolchain::provider::{Compiler, State};
use crate::toolchain::select::{self, Choice};
use crate::toolchain::{qemu, stdlib, wheels};
use crate::util::process;

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartState {
    /// Usable.
    Ok,
    /// Not there; a build fetches or makes it where it can.
    Missing,
    /// There and not as recorded; a build makes it again.
    Damaged,
    /// Not there and not needed for this choice of toolchain.
    NotNeeded,
}

/// One part.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// `cargo`, `provider debian`, `std mips-unknown-linux-musl` …
    pub name: String,
    /// How it is.
    pub state: PartState,
    /// Version and place, or what is wrong.
    pub detail: String,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// All parts for the given choice and architectures.
///
/// # Errors
/// When the cache's place is unknown or the pin is no version.
pub fn parts(ctx: &Context, cache: &Cache, choice: Choice, archs: &[Arch]) -> Result<Vec<Part>> {
    let mut parts = vec![
        program(
            "cc",
            "links build scripts and this tool",
            "apt-get install gcc libc6-dev",
        ),
        program("git", "gives packages their time", "apt-get install git"),
    ];
    let (compiler, providers) = providers(ctx, cache, choice)?;
    parts.extend(providers);
    parts.extend(zig(ctx, cache));
    let mut seen = std::collections::BTreeSet::new();
    for arch in archs.iter().filter(|arch| seen.insert(&arch.target)) {
        parts.push(std_part(ctx, cache, compiler.as_ref(), arch));
        parts.push(match qemu::installed(&arch.qemu, &ctx.sdk, cache) {
            Some(path) => ok(&arch.qemu, path.display().to_string()),
            None => missing(
                &arch.qemu,
                "not on PATH nor in the cache; only `smoke` needs it",
                setup(arch),
            ),
        });
    }
    Ok(parts)
}

fn providers(
    ctx: &Context,
    cache: &Cache,
    choice: Choice,
) -> Result<(Option<Compiler>, Vec<Part>)> {
    let pin = select::pin(&ctx.sdk)?;
    let mut chosen = None;
    let mut parts = Vec::new();
    for provider in select::providers(cache, pin, &ctx.ui) {
        let name = format!("provider {}", provider.name());
        let wanted = match choice {
            Choice::Auto => true,
            Choice::Rustup => provider.name() == "rustup",
            Choice::Debian => provider.name() == "debian",
        };
        parts.push(match provider.state()? {
            State::Ready(compiler) => {
                let detail = format!("Rust {} ({})", compiler.version, compiler.origin);
                let part = match provider.verify() {
                    Ok(_) => ok(&name, detail),
                    Err(reasons) => Part {
                        name,
                        state: PartState::Damaged,
                        detail: join(&reasons),
                        mend: Some(compiler.renew()),
                    },
                };
                if wanted && chosen.is_none() {
                    chosen = Some(compiler);
                }
                part
            }
            State::Missing { why, mend } => missing(&name, &why, mend),
        });
    }
    // One provider is enough.
    for (part, name) in parts.iter_mut().zip(["rustup", "debian"]) {
        let other_serves = chosen
            .as_ref()
            .is_some_and(|compiler| compiler.provider != name);
        if part.state == PartState::Missing && other_serves {
            part.state = PartState::NotNeeded;
        }
    }
    Ok((chosen, parts))
}

fn zig(ctx: &Context, cache: &Cache) -> Vec<Part> {
    let pins = &ctx.sdk.toolchain;
    let name = "zig and cargo-zigbuild";
    let mend = "cargo xtask setup".to_owned();
    match wheels::installed(cache, pins, Check::Hashes) {
        Ok(zig) => vec![ok(name, zig.origin)],
        Err(why) if why == wheels::NOT_INSTALLED => {
            let pip = process::find_program("python3").is_some();
            let python = match pip {
                true => ok("python3", "fetches zig from PyPI".to_owned()),
                false => missing(
                    "python3",
                    "fetches zig from PyPI",
                    "apt-get install python3".to_owned(),
                ),
            };
            vec![python, missing(name, &why, mend)]
        }
        Err(why) => vec![Part {
            name: name.to_owned(),
            state: PartState::Damaged,
            detail: why,
            mend: Some(mend),
        }],
    }
}

fn std_part(ctx: &Context, cache: &Cache, compiler: Option<&Compiler>, arch: &Arch) -> Part {
    let name = format!("std {}", arch.target);
    let Some(compiler) = compiler else {
        return missing(&name, "cannot be built without a compiler", setup(arch));
    };
    let inputs = stdlib::inputs(compiler, &arch.target, &ctx.sdk);
    match stdlib::state(cache, &inputs, &arch.target) {
        Ok(path) => ok(&name, path.display().to_string()),
        Err(reasons) if reasons == [Reason::FirstBuild] => {
            let why = join(&cache.why_absent("std", &arch.target, &inputs));
            missing(&name, &format!("not built: {why}"), setup(arch))
        }
        Err(reasons) => Part {
            name,
            state: PartState::Damaged,
            detail: join(&reasons),
            mend: Some(setup(arch)),
        },
    }
}

fn setup(arch: &Arch) -> String {
    format!("cargo xtask setup {}", arch.name)
}

fn program(name: &str, purpose: &str, mend: &str) -> Part {
    match process::find_program(name) {
        Some(path) => ok(name, path.display().to_string()),
        None => missing(name, &format!("not on PATH; it {purpose}"), mend.to_owned()),
    }
}

fn ok(name: &str, detail: String) -> Part {
    Part {
        name: name.to_owned(),
        state: PartState::Ok,
        detail,
        mend: None,
    }
}

fn missing(name: &str, detail: &str, mend: String) -> Part {
    Part {
        name: name.to_owned(),
        state: PartState::Missing,
        detail: detail.to_owned(),
        mend: Some(mend),
    }
}

/// The cache directory and its size, for the head of the report.
pub fn cache_line(cache: &Cache) -> String {
    let root = cache.path("");
    format!(
        "{} ({})",
        root.display(),
        crate::util::fs::human_size(size(&root))
    )
}

fn size(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let files = walkdir::WalkDir::new(dir).into_iter().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .map(|found| found.blocks() * 512)
        .sum()
}
