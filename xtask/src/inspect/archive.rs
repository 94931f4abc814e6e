//! Tar records as they stand, for archives that nobody vouches for.

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use tar::EntryType;

/// Longest name that is believed: a path limit four times Linux's.
const MAX_NAME: u64 = 16 * 1024;
/// Most entries that are listed.
const MAX_ENTRIES: usize = 100_000;

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

/// Calls `visit` with every entry and its content.
///
/// # Errors
/// Broken or truncated archives, over-long names, too many entries; those of
/// `visit`.
pub fn walk(
    reader: impl Read,
    mut visit: impl FnMut(&Record, &mut dyn Read) -> Result<()>,
) -> Result<Dialect> {
    let mut archive = tar::Archive::new(reader);
    let mut dialect = Dialect::default();
    let (mut long_name, mut long_link) = (None, None);
    for (number, entry) in archive
        .entries()
        .context("open the tar archive")?
        .raw(true)
        .enumerate()
    {
        ensure!(
            number < MAX_ENTRIES,
            "the archive has more than {MAX_ENTRIES} entries"
        );
        let mut entry = entry.with_context(|| format!("read tar header {}", number + 1))?;
        let header = entry.header().clone();
        look_at(&header, &mut dialect);
        let kind = header.entry_type();
        match kind {
            EntryType::GNULongName => {
                long_name = Some(long_text(&mut entry, header.entry_size()?)?)
            }
            EntryType::GNULongLink => {
                long_link = Some(long_text(&mut entry, header.entry_size()?)?)
            }
            EntryType::XHeader => {
                let (name, link) = pax_names(&long_text(&mut entry, header.entry_size()?)?);
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
                    mode: header.mode().context("read a mode")? & 0o7777,
                    uid: header.uid().context("read a user id")?,
                    gid: header.gid().context("read a group id")?,
                    size: header.entry_size().context("read a size")?,
                };
                visit(&record, &mut entry)
                    .with_context(|| String::from_utf8_lossy(&record.name).into_owned())?;
            }
        }
    }
    Ok(dialect)
}

fn look_at(header: &tar::Header, dialect: &mut Dialect) {
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
fn long_text(entry: &mut impl Read, size: u64) -> Result<Vec<u8>> {
    ensure!(
        size <= MAX_NAME,
        "a name of {size} bytes is longer than any path"
    );
    let mut text = Vec::new();
    entry
        .take(MAX_NAME)
        .read_to_end(&mut text)
        .context("read a long name")?;
    ensure!(text.len() as u64 == size, "a long name is cut off");
    while text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}

/// `path` and `linkpath` of a PAX header (POSIX.1-2017, pax, "LENGTH KEY=VALUE\n").
fn pax_names(text: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let (mut name, mut link) = (None, None);
    let mut rest = text;
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let length = std::str::from_utf8(&rest[..blank])
            .ok()
            .and_then(|digits| digits.parse::<usize>().ok());
        let Some(length) = length.filter(|length| (blank + 1..=rest.len()).contains(length)) else {
            break;
        };
        let record = rest[blank + 1..length]
            .strip_suffix(b"\n")
            .unwrap_or(&rest[blank + 1..length]);
        if let Some(value) = record.strip_prefix(b"path=") {
            name = Some(value.to_vec());
        } else if let Some(value) = record.strip_prefix(b"linkpath=") {
            link = Some(value.to_vec());
        }
        rest = &rest[length..];
    }
    (name, link)
}

/// Counts what passes and refuses to pass more than a limit.
#[derive(Debug)]
pub struct Limited<R> {
    inner: R,
    read: u64,
    limit: u64,
    what: &'static str,
}

impl<R: Read> Limited<R> {
    /// At most `limit` bytes of `inner`, which is called `what` in errors.
    pub fn new(inner: R, limit: u64, what: &'static str) -> Self {
        Self {
            inner,
            read: 0,
            limit,
            what,
        }
    }

    /// Reads to the end; returns the bytes that passed in all.
    ///
    /// # Errors
    /// Those of the reader, and the limit.
    pub fn drain(&mut self) -> Result<u64> {
        io::copy(self, &mut io::sink())
            .with_context(|| format!("read the rest of {}", self.what))?;
        Ok(self.read)
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.read += length as u64;
        if self.read > self.limit {
            return Err(io::Error::other(format!(
                "{} unpacks to more than {} MB",
                self.what,
                self.limit / 1_000_000
            )));
        }
        Ok(length)
    }
}

/// Reads at most `limit` bytes.
///
/// # Errors
/// A longer content, read errors.
pub fn read_text(reader: &mut dyn Read, limit: u64) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    reader
        .take(limit + 1)
        .read_to_end(&mut text)
        .context("read its content")?;
    if text.len() as u64 > limit {
        bail!("it is larger than {limit} bytes");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_records() {
        let text = b"12 path=a/b\n16 linkpath=c/d\n30 mtime=1\n";
        assert_eq!(
            pax_names(text),
            (Some(b"a/b".to_vec()), Some(b"c/d".to_vec()))
        );
        for broken in [
            &b"99 path=x\n"[..],
            b"x path=y\n",
            b"0 path=y\n",
            b"3 path",
            b"",
        ] {
            assert_eq!(pax_names(broken), (None, None), "{broken:?}");
        }
    }

    #[test]
    fn limits_hold() {
        let mut endless = Limited::new(io::repeat(0), 5_000_000, "data.tar");
        let error = format!("{:#}", endless.drain().unwrap_err());
        assert_eq!(
            error,
            "read the rest of data.tar: data.tar unpacks to more than 5 MB"
        );
        assert!(read_text(&mut io::repeat(0), 10).is_err());
    }
}
