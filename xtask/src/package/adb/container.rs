//! The file around the stream: `ADBd` and raw deflate. OpenWrt's apk has no
//! other compression.

use std::io::{self, BufRead, Read};

use anyhow::{Context, Result, bail, ensure};
use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{CompressionLvl, Compressor};

use super::block::MAGIC;

/// First bytes of a deflated stream.
pub const DEFLATED: &[u8; 4] = b"ADBd";
/// First bytes where two more say how it is compressed.
pub const SPECIFIED: &[u8; 4] = b"ADBc";

/// Compresses a stream.
///
/// apk-tools takes zlib's level 9; this is libdeflate's, which is smaller.
/// Packages are compared after decompression.
///
/// # Errors
/// None for a level that libdeflate has.
pub fn compress(stream: &[u8]) -> Result<Vec<u8>> {
    let level = CompressionLvl::new(9).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let mut compressor = Compressor::new(level);
    let mut bytes = DEFLATED.to_vec();
    bytes.resize(
        DEFLATED.len() + compressor.deflate_compress_bound(stream.len()),
        0,
    );
    let length = compressor
        .deflate_compress(stream, &mut bytes[DEFLATED.len()..])
        .context("compress the package")?;
    bytes.truncate(DEFLATED.len() + length);
    Ok(bytes)
}

/// A raw deflate stream while it is unpacked. Other than flate2's reader it
/// calls a stream that is cut off an error.
#[derive(Debug)]
pub struct Inflate<R> {
    inner: R,
    state: Decompress,
    ended: bool,
}

impl<R: BufRead> Inflate<R> {
    /// Reads from `inner`, which stands behind the magic.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            state: Decompress::new(false),
            ended: false,
        }
    }

    /// What stands behind the end of the stream.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let input = self.inner.fill_buf()?;
            let is_last = input.is_empty();
            let (taken, made) = (self.state.total_in(), self.state.total_out());
            let status = self
                .state
                .decompress(input, buffer, FlushDecompress::None)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "broken deflate stream"))?;
            let taken = (self.state.total_in() - taken) as usize;
            let made = (self.state.total_out() - made) as usize;
            self.inner.consume(taken);
            self.ended = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if is_last && taken == 0 && !self.ended {
                let message = "the deflate stream is cut off";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
        }
        Ok(0)
    }
}

/// The stream in a file that is at hand, when it has at most `limit` bytes.
///
/// # Errors
/// Another compression, broken or truncated data, too much of it.
pub fn decompress(file: &[u8], limit: u64) -> Result<Vec<u8>> {
    let mut stream = Vec::new();
    match file.first_chunk::<4>() {
        Some(MAGIC) => stream.extend_from_slice(file),
        Some(DEFLATED) => {
            Inflate::new(&file[4..])
                .take(limit + 1)
                .read_to_end(&mut stream)
                .context("unpack its deflate stream")?;
        }
        Some(SPECIFIED) => {
            bail!("it is compressed in a way that OpenWrt's apk does not read (ADBc)")
        }
        _ => bail!("it does not begin like a file of apk-tools 3 (ADB)"),
    }
    ensure!(
        stream.len() as u64 <= limit,
        "it unpacks to more than {limit} bytes"
    );
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_library_reads_it_back() {
        for stream in [&b"ADB.pckg"[..], &[7; 100_000]] {
            let file = compress(stream).unwrap();
            assert_eq!(decompress(&file, 100_000).unwrap(), stream);
        }
        let file = compress(&[7; 100]).unwrap();
        for end in 4..file.len() {
            let error = decompress(&file[..end], 100).unwrap_err();
            assert!(
                format!("{error:#}").ends_with("cut off"),
                "{end}: {error:#}"
            );
        }
        let bomb = compress(&[0; 100_000]).unwrap();
        assert!(decompress(&bomb, 99_999).is_err());
        for wrong in [&b"ADBc\x01\x09"[..], b"ADBd", b"PK", b""] {
            assert!(decompress(wrong, 9).is_err(), "{wrong:?}");
        }
        assert_eq!(decompress(b"ADB.indx", 8).unwrap(), b"ADB.indx");
    }
}
