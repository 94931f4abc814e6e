//! zig and cargo-zigbuild: wheels from PyPI in a private folder of the cache,
//! pinned and hash-checked by pip. Nothing global is changed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use super::cache::{Cache, Check, Entry, verify};
use crate::config::sdk::{ToolchainPins, Wheel};
use crate::fingerprint::{Inputs, Reason, join};
use crate::util::ui::Ui;
use crate::util::{fs, process};

/// What is run; the other 18,000 files of the wheels are compared by `doctor`.
const PROGRAMS: [&str; 2] = ["ziglang/zig", "bin/cargo-zigbuild"];

/// What [`installed`] says where the wheels were never fetched.
pub const NOT_INSTALLED: &str = "not installed";

/// The linker and its driver, ready to run.
#[derive(Clone, Debug)]
pub struct Zig {
    /// `zig`.
    pub zig: PathBuf,
    /// `cargo-zigbuild`.
    pub zigbuild: PathBuf,
    /// Versions and hashes, for fingerprints.
    pub origin: String,
}

/// What the wheels are made from.
pub fn inputs(pins: &ToolchainPins) -> Inputs {
    [&pins.zig, &pins.cargo_zigbuild]
        .into_iter()
        .fold(Inputs::new(), |inputs, wheel| {
            inputs.with(
                &wheel.package,
                format!("{} sha256 {}", wheel.version, wheel.sha256.join(" ")),
            )
        })
}

/// The installed wheels, or what is wrong with them. Changes nothing.
///
/// # Errors
/// Why they cannot be used.
pub fn installed(cache: &Cache, pins: &ToolchainPins, check: Check) -> Result<Zig, String> {
    let path = cache.entry_path("wheels", "zig", &inputs(pins));
    verify(&path, check).map_err(|reasons| match path.exists() {
        true => join(&reasons),
        false => NOT_INSTALLED.to_owned(),
    })?;
    Ok(zig(&path, pins))
}

/// What makes a build install the wheels again; it looks at the programs only.
///
/// # Errors
/// Those reasons.
pub fn ready(cache: &Cache, pins: &ToolchainPins) -> Result<(), Vec<Reason>> {
    let path = cache.entry_path("wheels", "zig", &inputs(pins));
    verify(&path, Check::Named(&PROGRAMS))
}

/// Installs the wheels where they are missing or damaged, and says why if it
/// had to.
///
/// # Errors
/// No usable pip, no network, or a wheel with another hash.
pub fn ensure(cache: &Cache, pins: &ToolchainPins, ui: &Ui) -> Result<(Zig, Vec<Reason>)> {
    let entry: Entry = cache.ensure(("wheels", "zig"), &inputs(pins), Check::Named(&PROGRAMS), ui, |dir, _| {
        let text = format!("zig {} and cargo-zigbuild {}", pins.zig.version, pins.cargo_zigbuild.version);
        let step = ui.step("Fetching", &format!("{text} (about 90 MB)"));
        // Named by its content: a run with other pins has another.
        let short = inputs(pins).short();
        let requirements = cache.path(&format!("wheels/requirements-{short}.txt"));
        let lines: String = [&pins.zig, &pins.cargo_zigbuild].map(requirement).concat();
        fs::write_atomic(&requirements, lines.as_bytes(), 0o644)?;
        let pip = Pip::find(cache, ui)?;
        pip.install(&requirements, dir, &cache.path(&format!("wheels/pip-{short}.log")))
            .context("install zig and cargo-zigbuild with pip; openwrt/sdk.toml names versions and hashes")?;
        check(dir)?;
        step.done("Installed");
        Ok(())
    })?;
    Ok((zig(&entry.path, pins), entry.built))
}

fn zig(dir: &Path, pins: &ToolchainPins) -> Zig {
    let [zig, zigbuild] = PROGRAMS.map(|program| dir.join(program));
    Zig {
        zig,
        zigbuild,
        origin: format!(
            "zig {}, cargo-zigbuild {}",
            pins.zig.version, pins.cargo_zigbuild.version
        ),
    }
}

/// One line of pip's requirements file with all its hashes.
pub fn requirement(wheel: &Wheel) -> String {
    let hashes: String = wheel
        .sha256
        .iter()
        .map(|hash| format!(" --hash=sha256:{hash}"))
        .collect();
    format!("{}=={}{hashes}\n", wheel.package, wheel.version)
}

fn check(dir: &Path) -> Result<()> {
    for (program, argument) in PROGRAMS.into_iter().zip(["version", "--version"]) {
        let file = dir.join(program);
        duct::cmd!(&file, argument)
            .stdin_null()
            .stdout_null()
            .stderr_null()
            .run()
            .with_context(|| format!("run the installed {program}"))?;
    }
    Ok(())
}

/// A pip, wherever there is one.
struct Pip {
    python: PathBuf,
    /// A wheel of pip itself, where Python has none.
    wheel: Option<PathBuf>,
}

impl Pip {
    /// The first python3 on PATH that has pip; else one with Debian's wheel of
    /// pip, unpacked into the cache.
    fn find(cache: &Cache, ui: &Ui) -> Result<Self> {
        let pythons = process::find_programs("python3");
        let works = |pip: &Self| {
            pip.command(&["--version"])
                .stdout_null()
                .stderr_null()
                .run()
                .is_ok()
        };
        let own = pythons
            .iter()
            .map(|python| Self {
                python: python.clone(),
                wheel: None,
            })
            .find(works);
        if let Some(pip) = own {
            return Ok(pip);
        }
        let Some(python) = pythons.first().cloned() else {
            bail!("python3 is not on PATH: install it (Debian: apt-get install python3)");
        };
        let Some(apt) = Apt::find(cache, ui) else {
            bail!(
                "{} has no pip: install it (python3-pip, or python3 -m ensurepip)",
                python.display()
            );
        };
        let entry = cache
            .ensure(
                ("debian", "pip"),
                &Inputs::new(),
                Check::Sizes,
                ui,
                |dir, _| {
                    let wheel =
                        |path: &Path| path.extension().is_some_and(|extension| extension == "whl");
                    apt.unpack(&["python3-pip-whl".to_owned()], dir, &wheel)
                        .map(drop)
                },
            )
            .context("get pip from Debian's python3-pip-whl (or: apt-get install python3-pip)")?;
        let wheels = std::fs::read_dir(entry.path.join("usr/share/python-wheels"))
            .context("list pip's wheels")?;
        let wheel = wheels.flatten().map(|file| file.path()).find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("pip-"))
        });
        Ok(Self {
            python,
            wheel: Some(wheel.context("find pip's wheel in python3-pip-whl")?),
        })
    }

    fn command(&self, args: &[&str]) -> duct::Expression {
        let mut all = vec!["-m", "pip"];
        all.extend(args);
        let command = duct::cmd(&self.python, all).stdin_null();
        match &self.wheel {
            Some(wheel) => command.env("PYTHONPATH", wheel),
            None => command,
        }
    }

    fn install(&self, requirements: &Path, target: &Path, log: &Path) -> Result<()> {
        let (requirements, target) = (requirements.to_string_lossy(), target.to_string_lossy());
        let install = self
            .command(&[
                "install",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
                "--no-compile",
                "--no-input",
                "--disable-pip-version-check",
                "--retries=5",
                "--timeout=30",
                "--target",
                &target,
                "-r",
                &requirements,
            ])
            // Settings of the user that do not go with --target.
            .env("PIP_USER", "0")
            .env("PIP_REQUIRE_VIRTUALENV", "0");
        process::run_logged(install, "pip install", log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_carry_every_hash() {
        let wheel = Wheel {
            package: "zig".into(),
            version: "1".into(),
            sha256: vec!["aa".into(), "bb".into()],
        };
        assert_eq!(
            requirement(&wheel),
            "zig==1 --hash=sha256:aa --hash=sha256:bb\n"
        );
    }
}
