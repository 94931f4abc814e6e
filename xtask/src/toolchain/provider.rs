//! Where the compiler comes from: providers behind one trait.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::fingerprint::Reason;

/// A version `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Always 1 so far.
    pub major: u32,
    /// Rises every six weeks.
    pub minor: u32,
    /// Rises with fixes.
    pub patch: u32,
}

impl FromStr for Version {
    type Err = anyhow::Error;

    /// Reads `1.96.0`, and the start of `1.96.0+dfsg1-1~deb12u2` or `1.96.0-nightly`.
    fn from_str(text: &str) -> Result<Self> {
        let number = text.split(['+', '-', '~', ' ']).next().unwrap_or_default();
        let mut parts = number.split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Ok(Self {
                major,
                minor,
                patch,
            }),
            _ => bail!("{text:?} is no version such as 1.96.0"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A compiler that is there: rustc, cargo and the source of the standard
/// library, all of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// The provider's name.
    pub provider: &'static str,
    /// Its version.
    pub version: Version,
    /// Exactly what it is: package versions, or rustc's commit.
    pub origin: String,
    /// The commit that rustc names (`rustc -vV`).
    pub commit: String,
    /// The compiler.
    pub rustc: PathBuf,
    /// Its cargo.
    pub cargo: PathBuf,
    /// The `library` folder of the compiler's source.
    pub library: PathBuf,
    /// Shared libraries that rustc and cargo need and the system lacks.
    pub shared_libraries: Option<PathBuf>,
}

impl Compiler {
    /// The command that installs it anew, for one whose files were changed.
    pub fn renew(&self) -> String {
        // The folder that holds `library` is that of the unpacked packages.
        let entry = self.library.parent().unwrap_or(&self.library);
        format!(
            "rm -r {}; cargo xtask setup --toolchain {}",
            entry.display(),
            self.provider
        )
    }

    /// Lets a command find the compiler's shared libraries. (No shell scripts
    /// around the programs: dash drops variables such as
    /// `CARGO_BIN_EXE_tollgate-wrt`, which cargo hands to rustc.)
    pub fn with_libraries(&self, command: duct::Expression) -> duct::Expression {
        match &self.shared_libraries {
            Some(dir) => command.env("LD_LIBRARY_PATH", dir),
            None => command,
        }
    }
}

/// Whether a provider can serve, and if not, why and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Installed and usable.
    Ready(Compiler),
    /// Not installed; `mend` is the command that installs it.
    Missing {
        /// What is missing.
        why: String,
        /// A command line.
        mend: String,
    },
}

/// One source of compilers.
pub trait Provider {
    /// `rustup` or `debian`.
    fn name(&self) -> &'static str;

    /// Looks only: changes nothing and needs no network.
    ///
    /// # Errors
    /// When what is there cannot be read.
    fn state(&self) -> Result<State>;

    /// Compares every byte of the compiler with what was recorded when it was
    /// installed; gives the number of files, `None` where nothing records them.
    ///
    /// # Errors
    /// Every difference.
    fn verify(&self) -> Result<Option<usize>, Vec<Reason>>;

    /// True when [`Provider::install`] can be expected to work; may ask the
    /// network.
    fn can_install(&self) -> bool;

    /// Installs the pinned version, or makes what is there whole again.
    ///
    /// # Errors
    /// No network, no such version: with what to do.
    fn install(&self) -> Result<Compiler>;
}

/// Chooses from what is offered: the pinned version, else the oldest newer one
/// of the same major version.
///
/// # Errors
/// When only older versions are offered.
pub fn choose<T: Clone>(pin: Version, offered: &[(Version, T)]) -> Result<(Version, T)> {
    let usable = offered
        .iter()
        .filter(|(version, _)| version.major == pin.major && *version >= pin);
    usable
        .min_by_key(|(version, _)| *version)
        .cloned()
        .with_context(|| {
            let mut all: Vec<Version> = offered.iter().map(|(version, _)| *version).collect();
            all.sort();
            all.dedup();
            match all.last() {
                Some(newest) => {
                    format!("Rust {pin} is needed and only {newest} or older is offered")
                }
                None => format!("Rust {pin} is needed and none is offered"),
            }
        })
}

/// The fields of `rustc -vV`: version and commit.
///
/// # Errors
/// When the text is something else.
pub fn parse_verbose_version(text: &str) -> Result<(Version, String)> {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let release =
        field("release").with_context(|| format!("read `rustc -vV`: {:?}", text.lines().next()))?;
    Ok((
        release.parse()?,
        field("commit-hash").unwrap_or("unknown").to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_as_rustc_and_debian_write_them() {
        assert_eq!(version("1.96.0+dfsg1-1~deb12u2"), version("1.96.0"));
        assert_eq!(version("1.97.1-nightly").to_string(), "1.97.1");
        assert!("1.96".parse::<Version>().is_err());
    }

    #[test]
    fn the_pin_then_the_next_newer_never_an_older_one() {
        let pin = version("1.96.0");
        let offer = |texts: &[&str]| -> Vec<(Version, String)> {
            texts
                .iter()
                .map(|text| (version(text), (*text).to_owned()))
                .collect()
        };
        let chosen = |texts: &[&str]| choose(pin, &offer(texts)).map(|(_, text)| text);
        assert_eq!(
            chosen(&["1.85.0", "1.97.0", "1.96.0+x", "1.98.0"]).unwrap(),
            "1.96.0+x"
        );
        assert_eq!(chosen(&["1.98.0", "1.97.2", "1.85.0"]).unwrap(), "1.97.2");
        assert_eq!(
            chosen(&["1.85.0", "1.63.0"]).unwrap_err().to_string(),
            "Rust 1.96.0 is needed and only 1.85.0 or older is offered"
        );
        assert!(chosen(&["2.0.0"]).is_err());
    }

    #[test]
    fn verbose_version() {
        let text = "rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc\ncommit-hash: ac68\nrelease: 1.96.0\n";
        assert_eq!(
            parse_verbose_version(text).unwrap(),
            (version("1.96.0"), "ac68".to_owned())
        );
        assert!(parse_verbose_version("hello").is_err());
    }
}
