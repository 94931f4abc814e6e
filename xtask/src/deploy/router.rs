//! What a router says of itself.

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

pub use super::lines::Lines;
use super::ssh::{Session, printable_lines};
use crate::config::sdk::{Format, Release, Sdk};
use crate::inspect::printable;
use crate::util::interrupt::Interrupt;

const PROBE: &str = include_str!("probe.sh");
const AFTER: &str = include_str!("after.sh");
/// Most characters that are kept of one line.
const MAX_WORD: usize = 1000;
/// Most bytes of file names in one command; dropbear takes 9000 in all.
const MAX_ARGUMENTS: usize = 6000;
/// Most lines of a kind; after.sh prints 20 of the log.
const MAX_LINES: usize = 100;

/// A router before anything is done to it. All text is the router's own word.
#[derive(Clone, Debug, Serialize)]
pub struct Router {
    /// The device, as its firmware calls it; may be empty.
    pub model: String,
    /// OpenWrt's version: `24.10.4`.
    pub release: String,
    /// Its architecture: `mips_24kc`.
    pub arch: String,
    /// Every architecture that its package manager installs.
    pub archs: Vec<String>,
    /// What its package manager installs.
    pub format: Format,
    /// Free bytes for packages.
    pub flash: u64,
    /// Free bytes of /tmp, which is memory.
    pub memory: u64,
    /// The version of the package that is installed.
    pub installed: Option<String>,
}

/// A router after an installation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct After {
    /// The version that is installed now.
    pub installed: Option<String>,
    /// The package's services.
    pub services: Vec<Service>,
    /// Configuration files that the owner had changed, and that were kept; the
    /// package's own lie beside them.
    pub kept: Vec<String>,
    /// The end of the log, what concerns the package.
    pub log: Vec<String>,
}

/// A service of the package.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    /// Its name in /etc/init.d.
    pub name: String,
    /// Whether it is started at boot.
    pub enabled: bool,
    /// Whether it runs.
    pub running: bool,
}

impl Router {
    /// Asks a router.
    ///
    /// # Errors
    /// What answers is no OpenWrt, or not root; the connection breaks.
    pub fn ask(session: &Session, package: &str, interrupt: &Interrupt) -> Result<Self> {
        let reply = session.run(PROBE, &[package], interrupt)?;
        let lines = Lines(&reply.stdout);
        ensure!(
            lines.get("end") == Some("1"),
            "it does not answer as an OpenWrt router would:\n{}",
            printable_lines(reply.stderr.trim())
        );
        Self::read(&lines)
    }

    fn read(lines: &Lines<'_>) -> Result<Self> {
        let text = |key| lines.get(key).unwrap_or_default().trim();
        ensure!(
            !text("release").is_empty() && !text("arch").is_empty(),
            "it has no /etc/openwrt_release: packages are for OpenWrt"
        );
        ensure!(
            text("uid") == "0",
            "only root installs packages: give root@… as the router"
        );
        let format = match text("manager") {
            "apk" => Format::Apk,
            "opkg" => Format::Ipk,
            _ => anyhow::bail!("it has neither opkg nor apk: its firmware takes no packages"),
        };
        let bytes = |key| -> Result<u64> {
            let kilobytes: u64 = text(key)
                .parse()
                .with_context(|| format!("its df says nothing of {key}: {:?}", text(key)))?;
            Ok(kilobytes.saturating_mul(1024))
        };
        let mut archs: Vec<String> = text("archs").split_whitespace().map(shown).collect();
        archs.dedup();
        Ok(Self {
            model: shown(text("model")),
            release: shown(text("release")),
            arch: shown(text("arch")),
            archs,
            format,
            flash: bytes("flash").context("free flash")?,
            memory: bytes("memory").context("free memory")?,
            installed: version(text("installed")),
        })
    }

    /// The release of `openwrt/sdk.toml` that its packages are of: the one whose
    /// name its version begins with; of a snapshot the newest with its format.
    ///
    /// # Errors
    /// There is none.
    pub fn release_of(&self, sdk: &Sdk) -> Result<Release> {
        let own = sdk.release.keys().find(|name| {
            self.release
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        });
        let newest = || {
            let mut of_format = sdk.release.iter();
            of_format.rfind(|(_, table)| table.format == self.format)
        };
        let name = match own {
            Some(name) => name,
            None if self.release == "SNAPSHOT" => newest()
                .map(|(name, _)| name)
                .context("no release of openwrt/sdk.toml has packages of this snapshot's format")?,
            None => anyhow::bail!(
                "OpenWrt {} is none of the releases in openwrt/sdk.toml ({}): --file FILE installs a package of yours",
                self.release,
                sdk.release.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        };
        let release = sdk.release(Some(name))?;
        ensure!(
            release.format == self.format,
            "OpenWrt {} is said to install {}, but this router has {}",
            release.name,
            manager(release.format),
            manager(self.format)
        );
        Ok(release)
    }
}

impl After {
    /// Asks how things stand.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn ask(
        session: &Session,
        format: Format,
        package: &str,
        services: &[String],
        conffiles: &[String],
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let new = match format {
            Format::Ipk => "-opkg",
            Format::Apk => ".apk-new",
        };
        let mut args = vec![package, new];
        args.extend(services.iter().map(String::as_str));
        args.push("--");
        // As many as the router's ssh server takes in one command.
        let mut left = MAX_ARGUMENTS;
        args.extend(conffiles.iter().map(String::as_str).take_while(|file| {
            left = left.saturating_sub(file.len() + 3);
            left > 0
        }));
        let reply = session.run(AFTER, &args, interrupt)?;
        let lines = Lines(&reply.stdout);
        let service = |text: &str| {
            let mut words = text.splitn(3, ' ');
            let mut is = || words.next() == Some("yes");
            let (enabled, running) = (is(), is());
            Some(Service {
                name: shown(words.next()?),
                enabled,
                running,
            })
        };
        Ok(Self {
            installed: version(lines.get("installed").unwrap_or_default()),
            services: lines
                .all("service")
                .filter_map(service)
                .take(MAX_LINES)
                .collect(),
            kept: lines.all("kept").map(shown).take(MAX_LINES).collect(),
            log: lines.all("log").map(shown).take(MAX_LINES).collect(),
        })
    }
}

/// A router's word, safe on a terminal and no longer than a line should be.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_WORD) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text).into_owned(),
    }
}

fn version(text: &str) -> Option<String> {
    let text = text.lines().next().unwrap_or_default().trim();
    (!text.is_empty()).then(|| shown(text))
}

/// The package manager of a format.
pub fn manager(format: Format) -> &'static str {
    match format {
        Format::Ipk => "opkg",
        Format::Apk => "apk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "motd\nxtask.release=24.10.4\nxtask.arch=mips_24kc\nxtask.uid=0\n\
        xtask.manager=opkg\nxtask.archs=all noarch mips_24kc \nxtask.flash=5120\nxtask.memory=100\n\
        xtask.installed=0.1.0-r1\nxtask.model=A\u{1b}[31mB\n";

    #[test]
    fn a_router_is_read_from_its_lines() {
        let router = Router::read(&Lines(SAID)).unwrap();
        assert_eq!(router.archs, ["all", "noarch", "mips_24kc"]);
        assert_eq!((router.flash, router.memory), (5 << 20, 100 << 10));
        assert_eq!(router.installed.as_deref(), Some("0.1.0-r1"));
        assert_eq!(router.model, "A\\u{1b}[31mB");
        let long = SAID.replace("=A", &format!("={}", "A".repeat(1 << 20)));
        assert!(Router::read(&Lines(&long)).unwrap().model.len() < 1100);
        let error = |from: &str, to: &str| {
            let said = SAID.replace(from, to);
            format!("{:#}", Router::read(&Lines(&said)).unwrap_err())
        };
        assert!(error("uid=0", "uid=1000").contains("root@"));
        assert!(error("manager=opkg", "manager=").contains("neither opkg nor apk"));
        assert!(error("release=24.10.4", "release=").contains("openwrt_release"));
        assert!(error("flash=5120", "flash=").contains("free flash"));
    }

    #[test]
    fn releases_are_found_by_their_beginning() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../openwrt/sdk.toml");
        let sdk = Sdk::read(&root).unwrap();
        let of = |release: &str, manager: &str| {
            let said = SAID
                .replace("24.10.4", release)
                .replace("=opkg", &format!("={manager}"));
            let router = Router::read(&Lines(&said)).unwrap();
            router
                .release_of(&sdk)
                .map(|release| release.name)
                .map_err(|error| error.to_string())
        };
        assert_eq!(of("24.10.4", "opkg").unwrap(), "24.10");
        assert_eq!(of("24.10-SNAPSHOT", "opkg").unwrap(), "24.10");
        assert_eq!(of("25.12.0-rc1", "apk").unwrap(), "25.12");
        assert_eq!(of("SNAPSHOT", "apk").unwrap(), "25.12");
        assert!(
            of("24.1", "opkg")
                .unwrap_err()
                .contains("none of the releases")
        );
        assert!(of("23.05.5", "opkg").unwrap_err().contains("--file"));
        assert!(of("25.12.1", "opkg").unwrap_err().contains("has opkg"));
    }
}
