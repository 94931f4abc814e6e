//! The `rustup` provider: the pinned toolchain with the standard library's
//! source, through the user's own rustup.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cache::Cache;
use super::provider::{Compiler, Provider, State, Version, parse_verbose_version};
use crate::fingerprint::Reason;
use crate::util::ui::Ui;
use crate::util::{fs, lock, process};

/// Provider `rustup`.
#[derive(Debug)]
pub struct Rustup<'a> {
    cache: &'a Cache,
    pin: Version,
    ui: &'a Ui,
}

impl<'a> Rustup<'a> {
    /// For the pinned version.
    pub fn new(cache: &'a Cache, pin: Version, ui: &'a Ui) -> Self {
        Self { cache, pin, ui }
    }

    /// `$RUSTUP_HOME/toolchains/<pin>-<host>`.
    fn toolchain_dir(&self) -> Option<PathBuf> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = set("RUSTUP_HOME").or_else(|| set("HOME").map(|home| home.join(".rustup")))?;
        let prefix = format!("{}-", self.pin);
        let found = std::fs::read_dir(home.join("toolchains"))
            .ok()?
            .flatten()
            .find(|entry| {
                let name = entry.file_name();
                // `1.96.0-x86_64-unknown-linux-gnu`, of which there can be one for this host.
                name.to_string_lossy()
                    .strip_prefix(&prefix)
                    .is_some_and(|host| host.starts_with(std::env::consts::ARCH))
            })?;
        Some(found.path())
    }
}

impl Provider for Rustup<'_> {
    fn name(&self) -> &'static str {
        "rustup"
    }

    fn state(&self) -> Result<State> {
        let mend = format!(
            "rustup toolchain install {} --profile minimal --component rust-src",
            self.pin
        );
        let missing = |why: String| {
            Ok(State::Missing {
                why,
                mend: mend.clone(),
            })
        };
        let Some(dir) = self.toolchain_dir() else {
            return missing(format!("rustup has no toolchain {}", self.pin));
        };
        let library = dir.join("lib/rustlib/src/rust/library");
        if !library.join("std/Cargo.toml").is_file() {
            return missing(format!(
                "rustup's toolchain {} has no rust-src component",
                self.pin
            ));
        }
        let rustc = dir.join("bin/rustc");
        let text = match duct::cmd!(&rustc, "-vV").stderr_null().read() {
            Ok(text) => text,
            Err(error) => return missing(format!("{} does not run: {error}", rustc.display())),
        };
        let (version, commit) = parse_verbose_version(&text)?;
        if version != self.pin {
            return missing(format!("{} calls itself {version}", rustc.display()));
        }
        Ok(State::Ready(Compiler {
            provider: "rustup",
            version,
            origin: format!("rustup {commit}"),
            commit,
            rustc,
            cargo: dir.join("bin/cargo"),
            library,
            shared_libraries: None,
        }))
    }

    fn verify(&self) -> Result<Option<usize>, Vec<Reason>> {
        Ok(None)
    }

    fn can_install(&self) -> bool {
        process::find_program("rustup").is_some()
    }

    fn install(&self) -> Result<Compiler> {
        let Some(rustup) = process::find_program("rustup") else {
            bail!(
                "the `rustup` provider needs rustup (https://rustup.rs); on Debian use --toolchain debian"
            );
        };
        let pin = self.pin.to_string();
        // Two rustups at once take each other's downloads away.
        let lock = self.cache.path("locks/rustup.lock");
        let _lock = lock::take(&lock, &format!("Rust {pin} with rustup"), self.ui)?;
        if let State::Ready(compiler) = self.state()? {
            return Ok(compiler);
        }
        let step = self
            .ui
            .step("Installing", &format!("Rust {pin} with rustup"));
        let install = duct::cmd!(
            rustup,
            "toolchain",
            "install",
            &pin,
            "--profile",
            "minimal",
            "--component",
            "rust-src",
            "--no-self-update"
        )
        // rustup would try for minutes: a machine without a network should hear so soon.
        .env("RUSTUP_MAX_RETRIES", "1")
        .env("RUSTUP_DOWNLOAD_TIMEOUT", "30")
        .env_remove("RUSTUP_TOOLCHAIN");
        let log = self.cache.path("rustup.log");
        run_with_limit(install, &log, Duration::from_secs(20 * 60)).with_context(|| {
            format!(
                "install Rust {pin} with rustup; without a network to its server try \
                 --toolchain debian, or install it by hand: rustup toolchain install {pin} --component rust-src"
            )
        })?;
        step.done("Installed");
        match self.state()? {
            State::Ready(compiler) => Ok(compiler),
            State::Missing { why, .. } => {
                bail!("rustup reported success, but {why}; see {}", log.display())
            }
        }
    }
}

/// Like [`process::run_logged`], ended after `limit`.
fn run_with_limit(command: duct::Expression, log: &std::path::Path, limit: Duration) -> Result<()> {
    fs::write_atomic(log, b"", 0o644)?;
    let child = command
        .stderr_to_stdout()
        .stdin_null()
        .stdout_path(log)
        .unchecked()
        .start()
        .context("start rustup")?;
    let finished = child.wait_timeout(limit).context("wait for rustup")?;
    let text = || String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    match finished {
        Some(output) if output.status.success() => Ok(()),
        Some(output) => bail!(
            "rustup failed ({}):\n{}",
            output.status,
            process::tail(&text())
        ),
        None => {
            child.kill().context("stop rustup")?;
            bail!(
                "rustup did not finish within {} min:\n{}",
                limit.as_secs() / 60,
                process::tail(&text())
            )
        }
    }
}
