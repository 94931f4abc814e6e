//! One package file, as an index tells of it.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::config::sdk::Format;
use crate::fingerprint::hex;
use crate::inspect::{self, Control};
use crate::package::adb::block::{BlockKind, Header, Schema};
use crate::package::adb::container::Inflate;
use crate::package::adb::read::{Adb, Object};
use crate::package::adb::schema::{info, package};
use crate::util::fs;

/// Longest control file, and largest block of values.
const MAX_CONTROL: u64 = 1 << 20;
const MAX_VALUES: u64 = 64 << 20;

/// A package file and what is in it.
#[derive(Clone, Debug)]
pub struct Package {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name in the feed.
    pub file_name: String,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Package name with the ABI suffix.
    pub name: String,
    /// The ABI suffix alone.
    pub abi_suffix: String,
    /// Version.
    pub version: String,
    /// Architecture as the format writes it.
    pub arch: String,
    /// One line about it.
    pub description: String,
    /// What its index is made from.
    pub source: Source,
}

/// What an index entry is made from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The control file's text.
    Control(String),
    /// The values of an apk.
    Values(Vec<u8>),
}

impl Package {
    /// Reads a package file that a router would install.
    ///
    /// # Errors
    /// The first error that [`inspect`] finds, which also keeps what is read
    /// here within limits; no name, version or architecture.
    pub fn read(path: &Path, format: Format) -> Result<Self> {
        let findings = inspect::inspect(path)?.findings;
        if let Some(error) = findings
            .iter()
            .find(|finding| finding.severity == inspect::Severity::Error)
        {
            bail!("{}: {error}", path.display());
        }
        let size = std::fs::metadata(path)
            .with_context(|| format!("look at {}", path.display()))?
            .len();
        ensure!(
            size <= inspect::MAX_UNPACKED,
            "{} has {size} bytes: no router installs that",
            path.display()
        );
        let bytes = fs::read(path)?;
        let context = || format!("read {}", path.display());
        let mut package = match format {
            Format::Ipk => from_ipk(&bytes),
            Format::Apk => from_apk(&bytes),
        }
        .with_context(context)?;
        for (what, value) in [
            ("name", &package.name),
            ("version", &package.version),
            ("architecture", &package.arch),
        ] {
            let is_word =
                !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '/');
            ensure!(is_word, "{} has no usable {what}", path.display());
        }
        package.path = path.to_owned();
        package.size = bytes.len() as u64;
        package.sha256 = hex(&Sha256::digest(&bytes));
        if format == Format::Ipk {
            let name = path.file_name().unwrap_or_default();
            package.file_name = name.to_string_lossy().into_owned();
        }
        Ok(package)
    }

    /// The name without its ABI suffix.
    pub fn bare_name(&self) -> &str {
        self.name
            .strip_suffix(&self.abi_suffix)
            .unwrap_or(&self.name)
    }
}

fn from_ipk(bytes: &[u8]) -> Result<Package> {
    let text = control_text(bytes)?;
    let (control, _) = Control::parse(&text);
    let field = |name: &str| control.get(name).unwrap_or_default().trim().to_owned();
    let description = field("Description");
    Ok(Package {
        path: PathBuf::new(),
        file_name: String::new(),
        size: 0,
        sha256: String::new(),
        name: field("Package"),
        abi_suffix: field("ABIVersion"),
        version: field("Version"),
        arch: field("Architecture"),
        description: description.lines().next().unwrap_or_default().to_owned(),
        source: Source::Control(text),
    })
}

/// The text of `control`, byte for byte.
fn control_text(bytes: &[u8]) -> Result<String> {
    let mut outer = tar::Archive::new(GzDecoder::new(bytes).take(1 << 30));
    for entry in outer.entries().context("open it")? {
        let mut entry = entry.context("read it")?;
        if !entry.path_bytes().ends_with(b"control.tar.gz") {
            continue;
        }
        let inner = GzDecoder::new(&mut entry as &mut dyn Read).take(16 << 20);
        for entry in tar::Archive::new(inner)
            .entries()
            .context("open control.tar")?
        {
            let entry = entry.context("read control.tar")?;
            if matches!(&*entry.path_bytes(), b"./control" | b"control") {
                let mut text = String::new();
                entry
                    .take(MAX_CONTROL)
                    .read_to_string(&mut text)
                    .context("read its control file")?;
                return Ok(text);
            }
        }
    }
    bail!("it has no control file")
}

/// The values in the first block of an apk.
fn values(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream: Box<dyn Read> = match bytes.split_first_chunk::<4>() {
        Some((b"ADBd", rest)) => Box::new(Inflate::new(rest)),
        Some((b"ADB.", _)) => Box::new(bytes),
        _ => bail!("it is no package of apk-tools 3 that OpenWrt's apk reads"),
    };
    let mut head = [0; 12];
    stream.read_exact(&mut head).context("unpack it")?;
    let [_, _, _, _, a, b, c, d, e, f, g, h] = head;
    ensure!([a, b, c, d] == *Schema::Package.tag(), "it is no package");
    let header = Header::read([e, f, g, h])?;
    ensure!(
        header.kind == BlockKind::Adb && header.length as u64 <= MAX_VALUES,
        "its first block is none of values, or too large"
    );
    let mut adb = Vec::new();
    stream
        .take(header.length as u64)
        .read_to_end(&mut adb)
        .context("unpack its values")?;
    ensure!(adb.len() == header.length, "its values are cut off");
    Ok(adb)
}

fn from_apk(bytes: &[u8]) -> Result<Package> {
    let values = values(bytes)?;
    let mut package = of_info(Adb::new(&values)?.root()?.object(package::INFO)?)?;
    package.source = Source::Values(values);
    Ok(package)
}

/// What an info says, in a package or in an index.
///
/// # Errors
/// Values of other types.
pub fn of_info(object: Object<'_>) -> Result<Package> {
    let text =
        |field| -> Result<String> { Ok(String::from_utf8_lossy(object.blob(field)?).into_owned()) };
    let (name, version) = (text(info::NAME)?, text(info::VERSION)?);
    let mut abi_suffix = String::new();
    for tag in object.object(info::TAGS)?.values().take(100) {
        let tag = String::from_utf8_lossy(object.adb().blob(tag)?).into_owned();
        if let Some(suffix) = tag.strip_prefix("openwrt:abiversion=") {
            abi_suffix = suffix.to_owned();
            break;
        }
    }
    Ok(Package {
        path: PathBuf::new(),
        file_name: format!("{name}-{version}.apk"),
        size: 0,
        sha256: String::new(),
        abi_suffix,
        arch: text(info::ARCH)?,
        description: text(info::DESCRIPTION)?,
        name,
        version,
        source: Source::Values(Vec::new()),
    })
}
