//! What one package may take: bytes when unpacked, entries, names, texts.

use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::GzDecoder;

/// A package that unpacks to more than this is not read to its end: no router
/// has that much flash.
pub const MAX_UNPACKED: u64 = 1_000_000_000;
/// Most entries of all archives of a package.
const MAX_ENTRIES: usize = 100_000;
/// Most bytes of all names, link targets and strings of programs.
const MAX_NAMES: usize = 16 << 20;
/// Longest script or list.
const MAX_TEXT: usize = 1 << 20;
/// Most bytes of all scripts and lists.
const MAX_TEXTS: usize = 4 << 20;

/// What is left for a package. One for all of its archives: a limit of each
/// would be multiplied by as many archives as somebody puts in.
#[derive(Debug)]
pub struct Allowance {
    unpacked: u64,
    entries: usize,
    names: usize,
    texts: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            unpacked: MAX_UNPACKED,
            entries: MAX_ENTRIES,
            names: MAX_NAMES,
            texts: MAX_TEXTS,
        }
    }
}

impl Allowance {
    /// Takes one entry.
    ///
    /// # Errors
    /// When there were too many.
    pub fn entry(&mut self) -> Result<()> {
        ensure!(
            self.entries > 0,
            "the package has more than {MAX_ENTRIES} entries"
        );
        self.entries -= 1;
        Ok(())
    }

    /// Takes the bytes of a name that will be kept.
    ///
    /// # Errors
    /// When there were too many.
    pub fn name(&mut self, bytes: usize) -> Result<()> {
        ensure!(
            bytes <= self.names,
            "the names in the package have more than {MAX_NAMES} bytes"
        );
        self.names -= bytes;
        Ok(())
    }

    /// How many bytes may still be unpacked.
    pub fn unpacked(&self) -> u64 {
        self.unpacked
    }

    /// Reads a whole script or list.
    ///
    /// # Errors
    /// A long one, too much text in all, read errors.
    pub fn text(&mut self, reader: &mut dyn Read) -> Result<Vec<u8>> {
        let limit = MAX_TEXT.min(self.texts);
        let mut text = Vec::new();
        reader
            .take(limit as u64 + 1)
            .read_to_end(&mut text)
            .context("read its content")?;
        if text.len() > MAX_TEXT {
            bail!("it is larger than {MAX_TEXT} bytes");
        }
        ensure!(
            text.len() <= limit,
            "the package's scripts and lists are larger than {MAX_TEXTS} bytes"
        );
        self.texts -= text.len();
        Ok(text)
    }
}

/// What stands behind the end of a gzip stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailing {
    /// Another gzip stream: `gunzip` unpacks both, others only the first.
    Gzip,
    /// Anything else.
    Bytes,
}

/// One gzip stream, unpacked, that must not get larger than is left.
#[derive(Debug)]
pub struct Unpacked<R: Read> {
    inner: GzDecoder<BufReader<R>>,
    read: u64,
    limit: u64,
    what: &'static str,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// All bytes that were unpacked.
    pub bytes: u64,
    /// A byte behind the archive's end that is not zero.
    pub garbage: bool,
    /// What follows in the file.
    pub trailing: Option<Trailing>,
}

impl<R: Read> Unpacked<R> {
    /// `reader`, which is called `what` in errors.
    pub fn new(reader: R, allowance: &Allowance, what: &'static str) -> Self {
        Self {
            inner: GzDecoder::new(BufReader::new(reader)),
            read: 0,
            limit: allowance.unpacked,
            what,
        }
    }

    /// Reads to the end: only that checks the stream's length and CRC.
    ///
    /// # Errors
    /// Those of the reader, and the limit.
    pub fn finish(mut self, allowance: &mut Allowance) -> Result<End> {
        let rest = || format!("read the rest of {}", self.what);
        let mut buffer = vec![0; 1 << 16];
        let mut garbage = false;
        loop {
            match read_on(
                &mut self.inner,
                &mut buffer,
                &mut self.read,
                self.limit,
                self.what,
            )
            .with_context(rest)?
            {
                0 => break,
                length => garbage |= buffer[..length].iter().any(|byte| *byte != 0),
            }
        }
        allowance.unpacked = allowance.unpacked.saturating_sub(self.read);
        let behind = self.inner.get_mut().fill_buf().with_context(rest)?;
        let trailing = match behind {
            [] => None,
            [0x1f, 0x8b, ..] => Some(Trailing::Gzip),
            _ => Some(Trailing::Bytes),
        };
        Ok(End {
            bytes: self.read,
            garbage,
            trailing,
        })
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_on(
            &mut self.inner,
            buffer,
            &mut self.read,
            self.limit,
            self.what,
        )
    }
}

pub(super) fn read_on(
    inner: &mut impl Read,
    buffer: &mut [u8],
    read: &mut u64,
    limit: u64,
    what: &str,
) -> io::Result<usize> {
    let length = inner.read(buffer)?;
    *read += length as u64;
    if *read > limit {
        // The limit is the package's; `what` alone reached it, or the rest of it.
        let what = match limit {
            MAX_UNPACKED => format!("{what} unpacks"),
            _ => "the package's archives unpack".to_owned(),
        };
        return Err(io::Error::other(format!(
            "{what} to more than {} MB",
            MAX_UNPACKED / 1_000_000
        )));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_end_of_a_stream() {
        let end = |bytes: &[u8]| {
            let mut allowance = Allowance::default();
            let mut stream = Unpacked::new(bytes, &allowance, "x");
            stream.read_exact(&mut [0; 3]).unwrap();
            let end = stream.finish(&mut allowance).unwrap();
            assert_eq!(allowance.unpacked, MAX_UNPACKED - end.bytes);
            (end.bytes, end.garbage, end.trailing)
        };
        assert_eq!(end(&gzip(b"abc\0\0")), (5, false, None));
        assert_eq!(end(&gzip(b"abc\0d")), (5, true, None));
        let two = [gzip(b"abc"), gzip(b"d")].concat();
        assert_eq!(end(&two), (3, false, Some(Trailing::Gzip)));
        let more = [gzip(b"abc"), b"d".to_vec()].concat();
        assert_eq!(end(&more), (3, false, Some(Trailing::Bytes)));
    }

    #[test]
    fn limits_hold_over_all_archives() {
        let mut allowance = Allowance {
            unpacked: 2_000_000,
            ..Allowance::default()
        };
        let zeros = gzip(&vec![0; 1_500_000]);
        let stream = Unpacked::new(&zeros[..], &allowance, "data.tar");
        stream.finish(&mut allowance).unwrap();
        let again = Unpacked::new(&zeros[..], &allowance, "data.tar");
        assert_eq!(
            format!("{:#}", again.finish(&mut allowance).unwrap_err()),
            "read the rest of data.tar: the package's archives unpack to more than 1000 MB"
        );

        let mut allowance = Allowance::default();
        for _ in 0..MAX_ENTRIES {
            allowance.entry().unwrap();
        }
        assert!(allowance.entry().is_err());
        allowance.name(MAX_NAMES - 1).unwrap();
        assert!(allowance.name(2).is_err());
        allowance.name(1).unwrap();

        for _ in 0..MAX_TEXTS / MAX_TEXT {
            let mut exactly = io::repeat(b'x').take(MAX_TEXT as u64);
            assert_eq!(allowance.text(&mut exactly).unwrap().len(), MAX_TEXT);
        }
        assert!(allowance.text(&mut io::empty()).unwrap().is_empty());
        let error = |mut allowance: Allowance, length| {
            let mut reader = io::repeat(b'x').take(length);
            allowance.text(&mut reader).unwrap_err().to_string()
        };
        assert_eq!(
            error(allowance, 1),
            "the package's scripts and lists are larger than 4194304 bytes"
        );
        assert_eq!(
            error(Allowance::default(), MAX_TEXT as u64 + 1),
            "it is larger than 1048576 bytes"
        );
    }
}
