//! The `debian` provider: Debian's Rust packages unpacked into the cache.
//!
//! `rustc-web` conflicts with `rustc` and `rustup`: installing it could remove
//! a user's compiler, so it is never installed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use super::cache::{Cache, Check, Entry, verify, verify_whole};
use super::provider::{Compiler, Provider, State, Version, choose, parse_verbose_version};
use crate::fingerprint::{Inputs, Reason, join};
use crate::util::fs;
use crate::util::ui::Ui;

/// The compiler, its host's library, cargo, and the source of both. All four
/// are named, or apt would want the newest library with an older compiler.
const PACKAGES: [&str; 4] = [
    "rustc-web",
    "libstd-rust-web-dev",
    "cargo-web",
    "rust-web-src",
];

/// Provider `debian`.
#[derive(Debug)]
pub struct Debian<'a> {
    cache: &'a Cache,
    pin: Version,
    /// Takes that version and no newer one.
    exact: bool,
    ui: &'a Ui,
}

impl<'a> Debian<'a> {
    /// For the pinned version, or a newer one where it is gone.
    pub fn new(cache: &'a Cache, pin: Version, ui: &'a Ui) -> Self {
        Self {
            cache,
            pin,
            exact: false,
            ui,
        }
    }

    /// For exactly that version: to check the oldest supported compiler.
    pub fn exactly(cache: &'a Cache, version: Version, ui: &'a Ui) -> Self {
        Self {
            cache,
            pin: version,
            exact: true,
            ui,
        }
    }

    /// The unpacked compiler that would be used, with what is wrong with it.
    fn installed(&self) -> Option<(Version, Entry)> {
        let found: Vec<(Version, Entry)> = self
            .cache
            .find("debian", "rust")
            .into_iter()
            .filter_map(|entry| Some((entry.inputs.get("version")?.parse().ok()?, entry)))
            .filter(|(version, _)| self.accepts(*version))
            .collect();
        choose(self.pin, &found).ok()
    }

    fn accepts(&self, version: Version) -> bool {
        if self.exact {
            version == self.pin
        } else {
            version >= self.pin
        }
    }

    /// The package version that apt offers of all packages.
    fn offered(&self, apt: &Apt<'_>) -> Result<(Version, String)> {
        let mut common: Option<Vec<String>> = None;
        for package in PACKAGES {
            let versions = apt.versions(package)?;
            common = Some(match common {
                None => versions,
                Some(common) => common
                    .into_iter()
                    .filter(|version| versions.contains(version))
                    .collect(),
            });
        }
        let offered: Vec<(Version, String)> = common
            .unwrap_or_default()
            .into_iter()
            .filter_map(|text| Some((text.parse::<Version>().ok()?, text)))
            .filter(|(version, _)| !self.exact || *version == self.pin)
            .collect();
        choose(self.pin, &offered).with_context(|| format!("ask apt for {}", PACKAGES.join(", ")))
    }

    fn compiler(&self, entry: &Entry, version: Version) -> Result<Compiler> {
        let input = |name: &str| entry.inputs.get(name).unwrap_or_default().to_owned();
        let origin = format!("Debian {}", input("packages"));
        let commit = fs::read_text(&entry.path.join("commit"))?.trim().to_owned();
        let library = entry.path.join("library");
        Ok(Compiler {
            provider: "debian",
            version,
            origin,
            commit,
            rustc: entry.path.join("usr/bin/rustc"),
            cargo: entry.path.join("usr/bin/cargo"),
            library,
            shared_libraries: Some(shared_libraries(&entry.path)?),
        })
    }
}

impl Provider for Debian<'_> {
    fn name(&self) -> &'static str {
        "debian"
    }

    fn state(&self) -> Result<State> {
        let mend = "cargo xtask setup --toolchain debian".to_owned();
        let Some((version, entry)) = self.installed() else {
            return Ok(State::Missing {
                why: format!("Rust {} is not unpacked in the cache", self.pin),
                mend,
            });
        };
        if let Err(reasons) = verify(&entry.path, Check::Sizes) {
            return Ok(State::Missing {
                why: format!("Rust {version} in the cache is damaged: {}", join(&reasons)),
                mend,
            });
        }
        Ok(State::Ready(self.compiler(&entry, version)?))
    }

    fn verify(&self) -> Result<Option<usize>, Vec<Reason>> {
        let (_, entry) = self.installed().ok_or_else(|| vec![Reason::FirstBuild])?;
        verify_whole(&entry.path).map(Some)
    }

    fn can_install(&self) -> bool {
        Apt::find(self.cache, self.ui).is_some_and(|apt| match self.offered(&apt) {
            Ok((version, _)) => version == self.pin,
            Err(_) => false,
        })
    }

    fn install(&self) -> Result<Compiler> {
        let apt = Apt::find(self.cache, self.ui)
            .context("the `debian` provider needs apt-get, apt-cache and dpkg-deb; elsewhere use --toolchain rustup")?;
        let (version, packages) = match self.installed() {
            // Damaged, or complete: the same version is made whole again.
            Some((version, entry)) => (
                version,
                entry.inputs.get("packages").unwrap_or_default().to_owned(),
            ),
            None => self.offered(&apt)?,
        };
        let inputs = Inputs::new()
            .with("packages", packages.as_str())
            .with("version", version.to_string());
        let entry = self.cache.ensure(
            ("debian", "rust"),
            &inputs,
            Check::Sizes,
            self.ui,
            |dir, _| {
                let text = format!("Rust {version} from Debian's packages (about 140 MB)");
                let step = self.ui.step("Fetching", &text);
                let wanted: Vec<String> = PACKAGES
                    .iter()
                    .map(|name| format!("{name}={packages}"))
                    .collect();
                apt.unpack(&wanted, dir, &is_needed)?;
                finish(dir)?;
                step.done("Unpacked");
                Ok(())
            },
        )?;
        self.compiler(&entry, version)
    }
}

/// Compiler, libraries and the standard library's source; not the compiler's
/// own source nor documentation (420 of 1200 MB).
fn is_needed(path: &Path) -> bool {
    let text = path.to_string_lossy();
    match text.strip_prefix("usr/src/rustc-") {
        Some(rest) => rest.split('/').nth(1) == Some("library"),
        None => text.starts_with("usr/lib/") || text == "usr/bin/rustc" || text == "usr/bin/cargo",
    }
}

/// Adds a link to the library's source, and runs the compiler once.
fn finish(dir: &Path) -> Result<()> {
    let source = first_dir(&dir.join("usr/src"), |name| name.starts_with("rustc-"))?;
    std::os::unix::fs::symlink(format!("usr/src/{source}/library"), dir.join("library"))
        .context("link the library's source")?;
    let libraries = shared_libraries(dir)?;
    let run = |program: &str, argument: &str| {
        duct::cmd!(dir.join("usr/bin").join(program), argument)
            .env("LD_LIBRARY_PATH", &libraries)
            .stderr_to_stdout()
            .read()
            .with_context(|| format!("run the unpacked {program}"))
    };
    let (_, commit) = parse_verbose_version(&run("rustc", "-vV")?)?;
    run("cargo", "-V")?;
    fs::write_atomic(&dir.join("commit"), format!("{commit}\n").as_bytes(), 0o644)
}

/// `usr/lib/<multiarch>` of the unpacked packages.
fn shared_libraries(dir: &Path) -> Result<PathBuf> {
    let lib = dir.join("usr/lib");
    Ok(lib.join(first_dir(&lib, |name| name.ends_with("-linux-gnu"))?))
}

/// The name of the one directory in `parent` that `wanted` takes.
fn first_dir(parent: &Path, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let names = std::fs::read_dir(parent).with_context(|| format!("list {}", parent.display()))?;
    let mut names: Vec<String> = names
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| wanted(name))
        .collect();
    names.sort();
    match names.into_iter().next() {
        Some(name) => Ok(name),
        None => bail!(
            "the packages have no folder as expected in {}",
            parent.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_compiles_is_kept() {
        for path in [
            "usr/bin/rustc",
            "usr/lib/rustlib/etc/x",
            "usr/src/rustc-1.96.0/library/std/Cargo.toml",
        ] {
            assert!(is_needed(Path::new(path)), "{path}");
        }
        for path in [
            "usr/bin/rustdoc",
            "usr/share/doc/x",
            "usr/src/rustc-1.96.0/compiler/x.rs",
            "etc/x",
        ] {
            assert!(!is_needed(Path::new(path)), "{path}");
        }
    }
}
