//! The file around the stream: `ADBd` and raw deflate. OpenWrt's apk has no
//! other compression.

use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
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

/// The stream in a file that is at hand, when it has at most `limit` bytes.
///
/// # Errors
/// Another compression, broken or truncated data, too much of it.
pub fn decompress(file: &[u8], limit: u64) -> Result<Vec<u8>> {
    let mut stream = Vec::new();
    match file.first_chunk::<4>() {
        Some(MAGIC) => stream.extend_from_slice(file),
        Some(DEFLATED) => {
            flate2::read::DeflateDecoder::new(&file[4..])
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
        let bomb = compress(&[0; 100_000]).unwrap();
        assert!(decompress(&bomb, 99_999).is_err());
        for wrong in [&b"ADBc\x01\x09"[..], b"ADBd", b"PK", b""] {
            assert!(decompress(wrong, 9).is_err(), "{wrong:?}");
        }
        assert_eq!(decompress(b"ADB.indx", 8).unwrap(), b"ADB.indx");
    }
}
