//! Reads an apk: the container as a stream, its values, then each file's content.
//!
//! | module | |
//! |---|---|
//! | `stream` | the blocks, and what is wrong with their order |
//! | `values` | the info, scripts and files that the first block tells of |
//! | `content` | each file's content against what was told |
//! | `lint` | the rules |

mod content;
mod lint;
mod stream;
mod values;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use anyhow::{Context, Result};

use super::Package;
use super::limits::Allowance;
use crate::fingerprint::hex;
use crate::package::adb::block::{BlockKind, MAGIC, Schema};
use crate::package::adb::container::{DEFLATED, Inflate};
use crate::package::adb::sign::Signature;
use content::Contents;
pub(super) use lint::lint;
use stream::Stream;

/// Largest block of values: more than the limits of names and texts need.
const MAX_VALUES: usize = 32 << 20;
/// Largest signature block.
const MAX_SIGNATURE: usize = 4096;

/// Reads the file; findings that need its raw form are made here.
pub(super) fn read(file: File, package: &mut Package) -> Result<()> {
    let mut file = BufReader::new(file);
    let mut magic = [0; 4];
    file.read_exact(&mut magic)
        .context("read its first bytes")?;
    let mut allowance = Allowance::default();
    if magic == *DEFLATED {
        let mut unpacked = Limited::new(Inflate::new(file), &allowance);
        read_stream(&mut unpacked, package, &mut allowance)?;
        let mut file = unpacked.inner.into_inner();
        if !file.fill_buf().context("read its end")?.is_empty() {
            let message = "has bytes behind the end of its deflate stream, which nothing reads";
            package.findings.warning("apk-trailing", None, message);
        }
    } else if magic == *MAGIC {
        let message = "is not compressed: a router downloads more than it has to";
        package.findings.info("apk-compression", None, message);
        let plain = magic.as_slice().chain(file);
        read_stream(
            &mut Limited::new(plain, &allowance),
            package,
            &mut allowance,
        )?;
    } else {
        let message = format!(
            "is compressed in a way that OpenWrt's apk does not read ({})",
            String::from_utf8_lossy(&magic)
        );
        package.findings.error("apk-compression", None, message);
    }
    Ok(())
}

fn read_stream(
    reader: &mut dyn Read,
    package: &mut Package,
    allowance: &mut Allowance,
) -> Result<()> {
    let mut stream = Stream::open(reader)?;
    match stream.schema {
        Some(Schema::Package) => {}
        Some(Schema::Index) => {
            let message =
                "is an index of packages and no package: `cargo xtask feed --verify` reads it";
            package.findings.error("container", None, message);
            return Ok(());
        }
        None => {
            let message = "is neither a package nor an index of apk-tools 3";
            package.findings.error("container", None, message);
            return Ok(());
        }
    }
    let mut contents = Contents::default();
    while let Some((header, is_expected)) = stream.next(&mut package.findings)? {
        match header.kind {
            _ if !is_expected => {}
            BlockKind::Adb => {
                let bytes = stream.whole(MAX_VALUES, "its first block")?;
                contents = values::read(&bytes, package, allowance)
                    .context("read the values of its first block")?;
                package.has_control = true;
            }
            BlockKind::Signature => {
                let bytes = stream.whole(MAX_SIGNATURE, "a signature")?;
                signature(&bytes, package);
            }
            BlockKind::Data => {
                package.has_data = true;
                contents.block(&mut stream, header.length, package, allowance)?;
            }
        }
    }
    if !package.has_control {
        let message = "has no block of values: apk knows neither its name nor its files";
        package.findings.error("block-missing", None, message);
    }
    contents.finish(package);
    Ok(())
}

fn signature(bytes: &[u8], package: &mut Package) {
    match Signature::read(bytes) {
        Ok(signature) => {
            let message = format!(
                "is signed with the key {}; whose that is, the router's /etc/apk/keys decides",
                hex(&signature.key)
            );
            package.findings.info("signature", None, message);
        }
        Err(error) => {
            let findings = &mut package.findings;
            findings.error("signature", None, error.to_string());
        }
    }
}

/// A reader that ends in an error when too much was unpacked.
struct Limited<R> {
    inner: R,
    read: u64,
    limit: u64,
}

impl<R> Limited<R> {
    fn new(inner: R, allowance: &Allowance) -> Self {
        Self {
            inner,
            read: 0,
            limit: allowance.unpacked(),
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        super::limits::read_on(
            &mut self.inner,
            buffer,
            &mut self.read,
            self.limit,
            "the package",
        )
    }
}
