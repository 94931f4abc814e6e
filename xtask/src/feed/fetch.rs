//! The feed behind a URL, copied to a folder: what is checked there is what a
//! router would get.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::verify::sums;
use super::write::{SUMS, SUMS_SIGNATURE};
use crate::util::process;

/// What a feed has besides packages.
const FIXED: [&str; 11] = [
    SUMS,
    SUMS_SIGNATURE,
    "Packages",
    "Packages.gz",
    "Packages.manifest",
    "Packages.sig",
    "packages.adb",
    "index.json",
    "index.html",
    "key-build.pub",
    "public-key.pem",
];
/// Largest file.
const MAX_FILE: u64 = 1_000_000_000;
/// Most files of a feed.
const MAX_FILES: usize = 20_000;
/// A server that is silent for so long has no feed.
const TIMEOUT: Duration = Duration::from_secs(300);

/// True for what is no folder.
pub fn is_url(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}

/// Copies the feed at `url` to `dir`. What is not there is left out: the checks
/// find that.
///
/// # Errors
/// Servers that do not answer, files that are too large.
pub fn copy(url: &str, dir: &Path) -> Result<()> {
    let client = Client::of(url)?;
    let base = url.trim_end_matches('/');
    let get = |name: &str| {
        client
            .get(&format!("{base}/{}", escaped(name)), &dir.join(name))
            .with_context(|| format!("fetch {base}/{name}"))
    };
    for name in FIXED {
        get(name)?;
    }
    let mut names = match std::fs::read_to_string(dir.join(SUMS)) {
        Ok(text) => sums::parse(&text).map(|list| list.into_keys().collect())?,
        Err(_) => super::verify::listed(dir),
    };
    names.retain(|name| !FIXED.contains(&name.as_str()));
    ensure!(
        names.len() <= MAX_FILES,
        "{base} lists {} files: at most {MAX_FILES} are fetched",
        names.len()
    );
    for name in names {
        ensure!(
            sums::is_plain(&name),
            "{base} lists {name:?}, which is no file name"
        );
        get(&name)?;
    }
    Ok(())
}

/// Copies one file of the feed at `url` to `dir`; nothing where it has none.
///
/// # Errors
/// Servers that do not answer, files that are too large.
pub fn one(url: &str, name: &str, dir: &Path) -> Result<()> {
    Client::of(url)?
        .get(&format!("{url}/{}", escaped(name)), &dir.join(name))
        .with_context(|| format!("fetch {url}/{name}"))
}

/// `%`-escapes what ends or splits a path in a URL.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' => {
                escaped.push(char::from(byte));
            }
            other => escaped += &format!("%{other:02X}"),
        }
    }
    escaped
}

enum Client {
    /// Plain HTTP.
    Own(ureq::Agent),
    /// curl, for HTTPS: a TLS library would double the build tool's compile time.
    Curl(std::path::PathBuf),
}

impl Client {
    fn of(url: &str) -> Result<Self> {
        if url.starts_with("https://") {
            let curl = process::find_program("curl");
            return Ok(Self::Curl(curl.context(
                "https needs curl, which is not installed; fetch the feed to a folder and verify that",
            )?));
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .build();
        Ok(Self::Own(config.into()))
    }

    /// Writes the file; does nothing where the server has none.
    fn get(&self, url: &str, to: &Path) -> Result<()> {
        match self {
            Self::Own(agent) => {
                let mut response = match agent.get(url).call() {
                    Ok(response) => response,
                    Err(ureq::Error::StatusCode(404 | 403 | 410)) => return Ok(()),
                    Err(error) => bail!("{error}"),
                };
                let body = response.body_mut().with_config().limit(MAX_FILE).reader();
                save(body, to)
            }
            Self::Curl(program) => {
                let output = duct::cmd!(
                    program,
                    "--silent",
                    "--show-error",
                    "--location",
                    "--proto",
                    "=https",
                    "--max-time",
                    TIMEOUT.as_secs().to_string(),
                    "--max-filesize",
                    MAX_FILE.to_string(),
                    "--output",
                    to,
                    "--write-out",
                    "%{http_code}",
                    "--",
                    url
                )
                .stdout_capture()
                .stderr_capture()
                .unchecked()
                .run()
                .context("start curl")?;
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{}", said.trim());
                match output.stdout.as_slice() {
                    b"200" => Ok(()),
                    b"404" | b"403" | b"410" => {
                        // The page that says so.
                        std::fs::remove_file(to).with_context(|| format!("remove {}", to.display()))
                    }
                    other => bail!("the server answers {}", String::from_utf8_lossy(other)),
                }
            }
        }
    }
}

fn save(body: impl Read, to: &Path) -> Result<()> {
    let mut file = File::create(to).with_context(|| format!("write {}", to.display()))?;
    io::copy(&mut body.take(MAX_FILE), &mut file)?;
    Ok(())
}
