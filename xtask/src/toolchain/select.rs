//! Which provider serves: the one that is named, or what is there.

use anyhow::{Context, Result};

use super::cache::Cache;
use super::debian::Debian;
use super::provider::{Compiler, Provider, State, Version};
use super::rustup::Rustup;
use crate::config::sdk::Sdk;
use crate::fingerprint::Reason;
use crate::util::ui::Ui;

/// The value of `--toolchain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// rustup, with a network on first use.
    Rustup,
    /// Debian's packages, unpacked into the cache; needs apt but no root.
    Debian,
    /// What is installed; else debian where apt offers the pin; else rustup.
    #[default]
    Auto,
}

impl Choice {
    /// The name that the command line takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Debian => "debian",
            Self::Rustup => "rustup",
        }
    }
}

/// The pinned version of `openwrt/sdk.toml`.
///
/// # Errors
/// When it is no version.
pub fn pin(sdk: &Sdk) -> Result<Version> {
    sdk.toolchain
        .rust
        .parse()
        .context("read `rust` of [toolchain] in openwrt/sdk.toml")
}

/// Both providers, in the order in which `auto` asks them.
pub fn providers<'a>(cache: &'a Cache, pin: Version, ui: &'a Ui) -> [Box<dyn Provider + 'a>; 2] {
    [
        Box::new(Rustup::new(cache, pin, ui)),
        Box::new(Debian::new(cache, pin, ui)),
    ]
}

/// A compiler that is there, and why it was installed just now.
#[derive(Debug)]
pub struct Ensured {
    /// The compiler.
    pub compiler: Compiler,
    /// Empty when it was there.
    pub installed: Vec<Reason>,
}

/// The compiler to use; installed on demand. Says which it is.
///
/// # Errors
/// When the provider that was named, or every one, cannot serve.
pub fn ensure_compiler(choice: Choice, sdk: &Sdk, cache: &Cache, ui: &Ui) -> Result<Ensured> {
    let pin = pin(sdk)?;
    let [rustup, debian] = providers(cache, pin, ui);
    let ensured = match choice {
        Choice::Rustup => ready_or_install(&*rustup)?,
        Choice::Debian => ready_or_install(&*debian)?,
        Choice::Auto => auto(&*rustup, &*debian)?,
    };
    let compiler = &ensured.compiler;
    ui.status(
        "Toolchain",
        &format!("Rust {} from {}", compiler.version, compiler.provider),
    );
    if compiler.version != pin {
        ui.warn(&format!(
            "Rust {pin} is pinned in openwrt/sdk.toml and no longer offered by {}; {} is used instead, \
             so packages are not byte for byte those of {pin}",
            compiler.provider, compiler.version
        ));
    }
    Ok(ensured)
}

/// The compiler that a build would use as things are, or what is missing and
/// the command that mends it. Looks only.
///
/// # Errors
/// When what is there cannot be read.
pub fn look(choice: Choice, sdk: &Sdk, cache: &Cache, ui: &Ui) -> Result<State> {
    let [rustup, debian] = providers(cache, pin(sdk)?, ui);
    match choice {
        Choice::Rustup => rustup.state(),
        Choice::Debian => debian.state(),
        Choice::Auto => match rustup.state()? {
            State::Missing { .. } => debian.state(),
            ready => Ok(ready),
        },
    }
}

/// Compares every byte of a compiler, as [`Provider::verify`] does.
///
/// # Errors
/// Every difference.
pub fn verify(
    compiler: &Compiler,
    sdk: &Sdk,
    cache: &Cache,
    ui: &Ui,
) -> Result<Option<usize>, Vec<Reason>> {
    let why = |error: anyhow::Error| {
        vec![Reason::RecordBroken {
            why: format!("{error:#}"),
        }]
    };
    let providers = providers(cache, pin(sdk).map_err(why)?, ui);
    let provider = providers
        .iter()
        .find(|provider| provider.name() == compiler.provider);
    provider.map_or(Ok(None), |provider| provider.verify())
}

fn ready_or_install(provider: &dyn Provider) -> Result<Ensured> {
    match provider.state()? {
        State::Ready(compiler) => Ok(ready(compiler)),
        State::Missing { why, .. } => install(provider, why),
    }
}

fn auto(rustup: &dyn Provider, debian: &dyn Provider) -> Result<Ensured> {
    let mut whys = Vec::new();
    for provider in [rustup, debian] {
        match provider.state()? {
            State::Ready(compiler) => return Ok(ready(compiler)),
            State::Missing { why, .. } => whys.push(why),
        }
    }
    let provider = match debian.can_install() {
        true => debian,
        false => rustup,
    };
    install(provider, whys.join("; "))
}

fn ready(compiler: Compiler) -> Ensured {
    Ensured {
        compiler,
        installed: Vec::new(),
    }
}

fn install(provider: &dyn Provider, why: String) -> Result<Ensured> {
    Ok(Ensured {
        compiler: provider.install()?,
        installed: vec![Reason::NotReady { why }],
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;

    use super::*;

    /// A double: what matters here is only who is asked what.
    struct Fake {
        name: &'static str,
        ready: bool,
        can_install: bool,
        installed: RefCell<bool>,
    }

    impl Fake {
        fn new(name: &'static str, ready: bool, can_install: bool) -> Self {
            Self {
                name,
                ready,
                can_install,
                installed: RefCell::new(false),
            }
        }

        fn compiler(&self) -> Compiler {
            Compiler {
                provider: self.name,
                version: Version {
                    major: 1,
                    minor: 96,
                    patch: 0,
                },
                origin: String::new(),
                commit: String::new(),
                rustc: PathBuf::new(),
                cargo: PathBuf::new(),
                library: PathBuf::new(),
                shared_libraries: None,
            }
        }
    }

    impl Provider for Fake {
        fn name(&self) -> &'static str {
            self.name
        }
        fn state(&self) -> Result<State> {
            Ok(match self.ready {
                true => State::Ready(self.compiler()),
                false => State::Missing {
                    why: String::new(),
                    mend: String::new(),
                },
            })
        }
        fn verify(&self) -> Result<Option<usize>, Vec<Reason>> {
            Ok(None)
        }
        fn can_install(&self) -> bool {
            self.can_install
        }
        fn install(&self) -> Result<Compiler> {
            *self.installed.borrow_mut() = true;
            Ok(self.compiler())
        }
    }

    #[test]
    fn auto_takes_what_is_installed_then_debian_then_rustup() {
        for (rustup, debian, can_install, expected, installs) in [
            (true, true, true, "rustup", false),
            (false, true, true, "debian", false),
            (false, false, true, "debian", true),
            (false, false, false, "rustup", true),
        ] {
            let rustup = Fake::new("rustup", rustup, true);
            let debian = Fake::new("debian", debian, can_install);
            let ensured = auto(&rustup, &debian).unwrap();
            assert_eq!(ensured.compiler.provider, expected);
            assert_eq!(ensured.installed.is_empty(), !installs);
            assert_eq!(
                *rustup.installed.borrow() || *debian.installed.borrow(),
                installs
            );
        }
    }
}
