//! The feed behind a URL, copied to a folder: what is checked there is what a
//! router would get.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::verify::{index, sums};
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
/// Most bytes of all files.
const MAX_FEED: u64 = 8_000_000_000;
/// Most files of a feed.
const MAX_FILES: usize = 20_000;
/// A server that is silent for so long has no feed.
const TIMEOUT: Duration = Duration::from_secs(300);

/// True for what is no folder.
pub fn is_url(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}

/// Copies the feed at `url` to `dir`. What is not there is left out: the checks
/// find that. Over https the server's certificate has to be vouched for by the
/// system, or by `ca`, certificates in PEM form.
///
/// # Errors
/// Servers that do not answer or whose certificate is nobody's, files that are
/// too large.
pub fn copy(url: &str, ca: Option<&Path>, dir: &Path) -> Result<()> {
    let client = Client::of(url, ca)?;
    let base = url.trim_end_matches('/');
    let mut left = MAX_FEED;
    let mut get = |name: &str| {
        let address = format!("{base}/{}", escaped(name));
        let size = client
            .get(&address, &dir.join(name), left.min(MAX_FILE))
            .with_context(|| format!("fetch {base}/{name}"))?;
        left = left.saturating_sub(size);
        anyhow::Ok(())
    };
    for name in FIXED {
        get(name)?;
    }
    // A list that is damaged is the checks' to name; the index has packages too.
    let listed = std::fs::read_to_string(dir.join(SUMS));
    let listed = listed.ok().and_then(|text| sums::parse(&text).ok());
    let mut names: BTreeSet<String> = listed.unwrap_or_default().into_keys().collect();
    names.extend(index::listed(dir));
    // Names that lead elsewhere are not asked for, and the checks name them too.
    names.retain(|name| !FIXED.contains(&name.as_str()) && sums::is_plain(name));
    ensure!(
        names.len() <= MAX_FILES,
        "{base} lists {} files: at most {MAX_FILES} are fetched",
        names.len()
    );
    for name in names {
        get(&name)?;
    }
    Ok(())
}

/// Copies one file of the feed at `url` to `dir`; nothing where it has none.
///
/// # Errors
/// As [`copy`].
pub fn one(url: &str, ca: Option<&Path>, name: &str, dir: &Path) -> Result<()> {
    let address = format!("{url}/{}", escaped(name));
    Client::of(url, ca)?
        .get(&address, &dir.join(name), MAX_FILE)
        .with_context(|| format!("fetch {url}/{name}"))?;
    Ok(())
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
    /// curl, for HTTPS: rustls and ring would cost 14 s more of a processor
    /// whenever the build tool is compiled for the first time.
    Curl {
        program: PathBuf,
        ca: Option<PathBuf>,
    },
}

impl Client {
    fn of(url: &str, ca: Option<&Path>) -> Result<Self> {
        if url.starts_with("https://") {
            let program = process::find_program("curl").context(
                "https needs curl, which is not on PATH: install it, or fetch the feed to a folder and verify that",
            )?;
            let ca = ca.map(Path::to_owned);
            return Ok(Self::Curl { program, ca });
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .build();
        Ok(Self::Own(config.into()))
    }

    /// Writes the file, of at most `limit` bytes, and gives its size; does
    /// nothing where the server has none.
    fn get(&self, url: &str, to: &Path, limit: u64) -> Result<u64> {
        match self {
            Self::Own(agent) => {
                let mut response = match agent.get(url).call() {
                    Ok(response) => response,
                    Err(ureq::Error::StatusCode(404 | 403 | 410)) => return Ok(0),
                    Err(ureq::Error::TlsRequired) => {
                        bail!("the server leads from http to https: name that address")
                    }
                    Err(error) => bail!("{error}"),
                };
                let body = response.body_mut().with_config().limit(u64::MAX).reader();
                save(body, to, limit)
            }
            Self::Curl { program, ca } => curl(program, ca.as_deref(), url, to, limit),
        }
    }
}

fn curl(program: &Path, ca: Option<&Path>, url: &str, to: &Path, limit: u64) -> Result<u64> {
    let mut args: Vec<OsString> = [
        "--silent",
        "--show-error",
        "--fail",
        "--location",
        "--proto",
        "=https",
        "--max-time",
    ]
    .map(OsString::from)
    .into();
    args.push(TIMEOUT.as_secs().to_string().into());
    if let Some(ca) = ca {
        args.extend(["--cacert".into(), ca.into()]);
    }
    args.extend(["--write-out", "%{stderr}%{http_code}", "--", url].map(OsString::from));
    // Through a pipe: curl itself does not stop at a size that nobody announced.
    let run = duct::cmd(program, args)
        .stderr_capture()
        .unchecked()
        .reader()
        .context("start curl")?;
    let size = save(&run, to, limit)?;
    let output = run.try_wait().context("wait for curl")?;
    let output = output.context("curl did not end")?;
    let said = String::from_utf8_lossy(&output.stderr);
    // The code stands behind whatever curl says, on the last line.
    let (said, code) = said.split_at(said.len().saturating_sub(3));
    match code {
        "200" if output.status.success() => Ok(size),
        "404" | "403" | "410" => {
            std::fs::remove_file(to).with_context(|| format!("remove {}", to.display()))?;
            Ok(0)
        }
        _ => {
            let line = said.lines().next().unwrap_or_default();
            let error = anyhow!("{}", if line.is_empty() { code } else { line });
            // curl's exit code 60: the certificate is not one that it trusts.
            Err(match output.status.code() {
                Some(60) => error.context(
                    "nobody vouches for the server (--ca-bundle FILE names the certificates of a network or server of your own)",
                ),
                _ => error,
            })
        }
    }
}

fn save(body: impl Read, to: &Path, limit: u64) -> Result<u64> {
    let mut file = File::create(to).with_context(|| format!("write {}", to.display()))?;
    let size = io::copy(&mut body.take(limit + 1), &mut file)?;
    ensure!(
        size <= limit,
        "it is larger than {limit} bytes: at most {MAX_FILE} of a file and {MAX_FEED} of a feed are fetched"
    );
    Ok(size)
}
