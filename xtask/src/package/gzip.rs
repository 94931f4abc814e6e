//! gzip as OpenWrt writes it: no name, no time, level 6.

use libdeflater::{CompressionLvl, Compressor, Crc};

/// FLG 0, mtime 0, XFL 0, OS 3 (Unix): what `gzip -n` writes at level 6.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// Compresses `data` into one gzip member.
///
/// The deflate stream is libdeflate's, not GNU gzip's: packages are compared
/// after decompression. It is the same bytes wherever the same version runs.
pub fn compress(data: &[u8]) -> Vec<u8> {
    compress_at(CompressionLvl::default(), HEADER, data)
}

/// Like [`compress`], as `gzip -9n` writes it: XFL 2, level 9.
pub fn compress_best(data: &[u8]) -> Vec<u8> {
    let mut header = HEADER;
    header[8] = 2;
    compress_at(CompressionLvl::best(), header, data)
}

fn compress_at(level: CompressionLvl, head: [u8; 10], data: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(level);
    let bound = compressor.deflate_compress_bound(data.len());
    let mut bytes = vec![0; HEADER.len() + bound];
    let (header, body) = bytes.split_at_mut(HEADER.len());
    header.copy_from_slice(&head);
    let length = compressor
        .deflate_compress(data, body)
        .expect("the buffer has the size that libdeflate asked for");
    bytes.truncate(HEADER.len() + length);
    let mut crc = Crc::new();
    crc.update(data);
    bytes.extend_from_slice(&crc.sum().to_le_bytes());
    // ISIZE is the length modulo 2^32 (RFC 1952, 2.3.1).
    bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn another_library_reads_it_back() {
        for data in [&b""[..], b"2.0\n", &[7; 100_000]] {
            let bytes = compress(data);
            assert_eq!(bytes[..10], HEADER);
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&bytes[..])
                .read_to_end(&mut back)
                .unwrap();
            assert_eq!(back, data);
        }
    }
}
