//! The standard library for a target, built once from the compiler's own
//! source into the cache: `cargo clean` never costs a std build.
//!
//! It is built as rustc's bootstrap does it, in the library's own workspace, so
//! that crate hashes depend on no path: the same compiler gives the same bytes
//! wherever the cache lies. Panics abort.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::cache::{Cache, Check, Entry, verify};
use super::provider::Compiler;
use super::starter;
use crate::config::sdk::Sdk;
use crate::fingerprint::{Inputs, Reason, join};
use crate::util::ui::Ui;
use crate::util::{fs, process};

/// Flags of every crate for a router: static, at a fixed address, linked by zig
/// with zig's own C runtime. A static-pie binary segfaults at start on mips.
/// Without tables for unwinding, a seventh of a program: panics abort, and
/// nothing on a router reads a stripped program's stack.
pub const TARGET_FLAGS: [&str; 4] = [
    "-Cforce-unwind-tables=no",
    "-Clink-self-contained=no",
    "-Ctarget-feature=+crt-static",
    "-Crelocation-model=static",
];

/// A standard library ready to compile against.
#[derive(Clone, Debug)]
pub struct Std {
    /// What `rustc --sysroot` takes.
    pub sysroot: PathBuf,
    /// First digits of its fingerprint.
    pub short: String,
    /// Its inputs, for records.
    pub inputs: Inputs,
    /// Why it was built just now; empty when it was there.
    pub built: Vec<Reason>,
}

/// What a standard library is made from.
pub fn inputs(compiler: &Compiler, target: &str, sdk: &Sdk) -> Inputs {
    let features = &sdk.toolchain.std_features;
    Inputs::new()
        .with("provider", compiler.provider)
        .with("rustc", compiler.version.to_string())
        .with("compiler", compiler.origin.as_str())
        .with("commit", compiler.commit.as_str())
        .with("target", target)
        .with("flags", flags().join(" "))
        .with("opt-level", opt_level(sdk))
        .with(
            "features",
            if features.is_empty() {
                "none".to_owned()
            } else {
                features.join(" ")
            },
        )
}

/// Compares the cached standard library with its record.
///
/// # Errors
/// Every difference, or that it was never built.
pub fn state(cache: &Cache, inputs: &Inputs, target: &str) -> Result<PathBuf, Vec<Reason>> {
    let path = cache.entry_path("std", target, inputs);
    verify(&path, Check::Hashes).map(|()| path)
}

/// Builds the standard library where it is missing or damaged; every byte of a
/// cached one is compared with its record first.
///
/// # Errors
/// When cargo cannot build it.
pub fn ensure_built(
    cache: &Cache,
    compiler: &Compiler,
    target: &str,
    sdk: &Sdk,
    ui: &Ui,
) -> Result<Std> {
    let inputs = inputs(compiler, target, sdk);
    let entry: Entry = cache.ensure(
        ("std", target),
        &inputs,
        Check::Hashes,
        ui,
        |dir, reasons| {
            ui.note(&format!(
                "the standard library for {target} is built: {}",
                join(reasons)
            ));
            let step = ui.step("Building", &format!("the standard library for {target}"));
            let log = cache.path(&format!("std/{target}-{}.log", inputs.short()));
            build(compiler, target, sdk, dir, &log)?;
            step.done("Built");
            Ok(())
        },
    )?;
    Ok(Std {
        sysroot: entry.path.join("sysroot"),
        short: inputs.short(),
        inputs: entry.inputs,
        built: entry.built,
    })
}

/// Rust flags of the library's own crates.
pub fn flags() -> Vec<&'static str> {
    let own = [
        "-Zforce-unstable-if-unmarked",
        "-Cpanic=abort",
        "-Cembed-bitcode=yes",
    ];
    own.into_iter().chain(TARGET_FLAGS).collect()
}

/// `opt-level` of the library's crates: that of the packages.
pub fn opt_level(sdk: &Sdk) -> String {
    match sdk.profile.release.get("opt-level") {
        Some(toml::Value::String(level)) => level.clone(),
        Some(other) => other.to_string(),
        None => "3".to_owned(),
    }
}

fn build(compiler: &Compiler, target: &str, sdk: &Sdk, dir: &Path, log: &Path) -> Result<()> {
    let target_dir = dir.join("target");
    let library = compiler.library.canonicalize().with_context(|| {
        format!(
            "find the standard library's source in {}",
            compiler.library.display()
        )
    })?;
    let mut args: Vec<String> = [
        "build",
        "--release",
        "--locked",
        "--package",
        "std",
        "--target",
        target,
    ]
    .map(str::to_owned)
    .into();
    if !sdk.toolchain.std_features.is_empty() {
        args.extend([
            "--features".to_owned(),
            sdk.toolchain.std_features.join(","),
        ]);
    }
    if library.join("vendor").is_dir() {
        // The few crates that std itself needs come with its source.
        let source = r#"source.crates-io.replace-with="vendored-sources""#;
        let vendored = format!(
            "source.vendored-sources.directory={:?}",
            library.join("vendor")
        );
        // What only the library's own tests need is not among them.
        args.extend(
            [
                "-Zavoid-dev-deps",
                "--offline",
                "--config",
                source,
                "--config",
                &vendored,
            ]
            .map(str::to_owned),
        );
    }
    let remap = [(
        library.clone(),
        format!("/rustc/{}/library", compiler.commit),
    )];
    let cargo = duct::cmd(&compiler.cargo, args)
        .dir(&library)
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags().join("\x1f"))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level(sdk))
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("RUSTC_BOOTSTRAP", "1");
    let cargo = starter::Starter {
        compiler,
        sysroot: None,
        target,
        remap: &remap,
    }
    .apply(cargo)?;
    let cargo = process::without_build_variables(cargo);
    process::run_logged(
        cargo,
        &format!("the build of the standard library for {target}"),
        log,
    )?;

    let lib = dir.join("sysroot/lib/rustlib").join(target).join("lib");
    fs::create_dirs(&lib)?;
    let deps = target_dir.join(target).join("release/deps");
    let mut found = 0;
    for file in std::fs::read_dir(&deps).with_context(|| format!("list {}", deps.display()))? {
        let path = file.context("list what was built")?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "rlib")
        {
            let name = path.file_name().context("a library without name")?;
            std::fs::copy(&path, lib.join(name))
                .with_context(|| format!("copy {}", path.display()))?;
            found += 1;
        }
    }
    ensure!(
        found > 3,
        "the standard library's build gave only {found} libraries in {}",
        deps.display()
    );
    // The plain copy that cargo makes of the root crate has no hash in its name.
    ensure!(
        has_crate(&lib, "libstd"),
        "the build gave no libstd in {}",
        deps.display()
    );
    fs::remove_dir(&target_dir)
}

fn has_crate(dir: &Path, name: &str) -> bool {
    std::fs::read_dir(dir).is_ok_and(|files| {
        files
            .flatten()
            .any(|file| file.file_name().to_string_lossy().starts_with(name))
    })
}
