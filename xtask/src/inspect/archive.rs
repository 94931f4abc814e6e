//! Tar records as they stand, for archives that nobody vouches for.
//!
//! Read here and not by the `tar` crate's iterator, whose errors quote the
//! bytes that they could not read.

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use tar::{EntryType, Header};

use super::finding::printable;
use super::limits::Allowance;
use super::pax::pax_names;

/// Members that an ipk has, in OpenWrt's order.
pub(super) const MEMBERS: [&str; 3] = ["debian-binary", "data.tar.gz", "control.tar.gz"];

/// Longest name that is believed: Linux's limit of a path.
const MAX_NAME: u64 = 4096;
const BLOCK: usize = 512;

/// How the headers were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// A PAX record was there: opkg does not read them.
    pub pax: bool,
    /// A header without GNU's magic.
    pub not_gnu: bool,
    /// A number in base 256: opkg reads octal only.
    pub binary_numbers: bool,
    /// User or group names beside the numbers.
    pub owner_names: bool,
}

/// One entry, its long name resolved.
#[derive(Clone, Debug)]
pub struct Record {
    /// The name as it stands (`./usr/bin/x`).
    pub name: Vec<u8>,
    /// Link target as it stands.
    pub link: Vec<u8>,
    /// Type flag.
    pub kind: EntryType,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Bytes of content.
    pub size: u64,
}

/// Calls `visit` with every entry and its content, up to the archive's end.
///
/// # Errors
/// Something that is no tar archive, broken or truncated ones, over-long names,
/// what `allowance` does not allow; those of `visit`.
pub fn walk(
    reader: &mut dyn Read,
    allowance: &mut Allowance,
    mut visit: impl FnMut(&Record, &mut dyn Read, &mut Allowance) -> Result<()>,
) -> Result<Dialect> {
    let mut dialect = Dialect::default();
    let (mut long_name, mut long_link) = (None, None);
    let mut number = 0_usize;
    while let Some(header) = next_header(reader, number)? {
        number += 1;
        allowance.entry()?;
        look_at(&header, &mut dialect);
        // The tar crate's own error would quote the field.
        let field = |value: io::Result<u64>, name: &str| {
            value
                .ok()
                .with_context(|| format!("tar header {number}: its {name} is no number"))
        };
        let size = field(header.entry_size(), "size")?;
        let kind = header.entry_type();
        let mut content = reader.take(size);
        match kind {
            EntryType::GNULongName => long_name = Some(c_string(long_text(&mut content, size)?)),
            EntryType::GNULongLink => long_link = Some(c_string(long_text(&mut content, size)?)),
            EntryType::XHeader => {
                let (name, link) = pax_names(&long_text(&mut content, size)?);
                long_name = name.or(long_name);
                long_link = link.or(long_link);
            }
            EntryType::XGlobalHeader => {}
            _ => {
                let record = Record {
                    name: long_name
                        .take()
                        .unwrap_or_else(|| header.path_bytes().into_owned()),
                    link: long_link
                        .take()
                        .or_else(|| header.link_name_bytes().map(|link| link.into_owned()))
                        .unwrap_or_default(),
                    kind,
                    mode: field(header.mode().map(u64::from), "mode")? as u32 & 0o7777,
                    uid: field(header.uid(), "user id")?,
                    gid: field(header.gid(), "group id")?,
                    size,
                };
                allowance.name(record.name.len() + record.link.len())?;
                let place = || printable(&String::from_utf8_lossy(&record.name)).into_owned();
                check_content(&record).with_context(place)?;
                if kind == EntryType::GNUSparse {
                    skip_sparse_map(&header, content.get_mut()).with_context(place)?;
                }
                visit(&record, &mut content, allowance).with_context(place)?;
            }
        }
        io::copy(&mut content, &mut io::sink())
            .with_context(|| format!("read the content of tar entry {number}"))?;
        ensure!(
            content.limit() == 0,
            "tar entry {number} is cut off: {} of {size} bytes are there",
            size - content.limit()
        );
        skip_padding(reader, size).with_context(|| format!("tar entry {number}"))?;
    }
    Ok(dialect)
}

/// `None` at the end: a block of zeros, or no more bytes.
fn next_header(reader: &mut dyn Read, number: usize) -> Result<Option<Header>> {
    let mut block = [0; BLOCK];
    let mut length = 0;
    while length < BLOCK {
        match reader
            .read(&mut block[length..])
            .with_context(|| format!("read tar header {}", number + 1))?
        {
            0 => break,
            read => length += read,
        }
    }
    if number == 0 && (length == 0 || length < BLOCK || !is_end(&block) && !sum_fits(&block)) {
        bail!("gzip, but no tar in it");
    }
    if length == 0 || (length == BLOCK && is_end(&block)) {
        return Ok(None);
    }
    ensure!(
        length == BLOCK,
        "the archive is cut off in tar header {}",
        number + 1
    );
    ensure!(
        sum_fits(&block),
        "tar header {} is damaged: its checksum does not fit",
        number + 1
    );
    Ok(Some(Header::from_byte_slice(&block).clone()))
}

fn is_end(block: &[u8; BLOCK]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn sum_fits(block: &[u8; BLOCK]) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    // Its own field counts as eight blanks.
    let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
    Header::from_byte_slice(block)
        .cksum()
        .is_ok_and(|found| found == expected)
}

/// Only files have content. Readers disagree on what follows a link that claims
/// some: for one it is a file's bytes, for another the next header.
fn check_content(record: &Record) -> Result<()> {
    let is_empty = record.kind.is_hard_link()
        || record.kind.is_symlink()
        || record.kind.is_dir()
        || record.kind.is_character_special()
        || record.kind.is_block_special()
        || record.kind.is_fifo();
    ensure!(
        !is_empty || record.size == 0,
        "it is no file and claims {} bytes of content",
        record.size
    );
    Ok(())
}

/// More of a sparse file's map: blocks that the size does not count.
fn skip_sparse_map(header: &Header, reader: &mut dyn Read) -> Result<()> {
    let mut more = header.as_bytes()[482] != 0;
    while more {
        let mut block = [0; BLOCK];
        reader
            .read_exact(&mut block)
            .context("read a sparse file's map")?;
        more = block[504] != 0;
    }
    Ok(())
}

fn skip_padding(reader: &mut dyn Read, size: u64) -> Result<()> {
    let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    let skipped = io::copy(&mut reader.take(padding), &mut io::sink()).context("read on")?;
    ensure!(skipped == padding, "it is cut off after its content");
    Ok(())
}

fn look_at(header: &Header, dialect: &mut Dialect) {
    let bytes = header.as_bytes();
    dialect.pax |= matches!(
        header.entry_type(),
        EntryType::XHeader | EntryType::XGlobalHeader
    );
    dialect.not_gnu |= &bytes[257..265] != b"ustar  \0";
    dialect.binary_numbers |= [100, 108, 116, 124, 136]
        .iter()
        .any(|field| bytes[*field] & 0x80 != 0);
    dialect.owner_names |= bytes[265] != 0 || bytes[297] != 0;
}

/// The content of a GNU long-name or PAX record.
fn long_text(content: &mut dyn Read, size: u64) -> Result<Vec<u8>> {
    ensure!(
        size <= MAX_NAME,
        "a name of {size} bytes is longer than any path"
    );
    let mut text = Vec::new();
    content.read_to_end(&mut text).context("read a long name")?;
    ensure!(text.len() as u64 == size, "a long name is cut off");
    Ok(text)
}

/// Up to the first NUL, where C's readers stop.
fn c_string(mut text: Vec<u8>) -> Vec<u8> {
    let length = text.iter().position(|byte| *byte == 0);
    text.truncate(length.unwrap_or(text.len()));
    text
}

/// `./data.tar.gz` and `data.tar.gz` alike: opkg takes both.
pub(super) fn plain_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.trim_start_matches("./")
        .trim_end_matches('/')
        .to_owned()
}
