//! Takes an apk apart with other code than the project's: inflate by flate2,
//! blocks by their offsets.
#![allow(dead_code)]

use std::io::Read;

/// The stream inside.
pub fn inflate(apk: &[u8]) -> Vec<u8> {
    assert_eq!(&apk[..4], b"ADBd");
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(&apk[4..])
        .read_to_end(&mut out)
        .expect("inflate");
    out
}

/// The blocks of a stream: type and content.
pub fn blocks(stream: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut blocks = Vec::new();
    let mut at = 8;
    while at < stream.len() {
        let word = u32::from_le_bytes(stream[at..at + 4].try_into().unwrap());
        let length = (word & 0x3fff_ffff) as usize;
        blocks.push((word >> 30, stream[at + 4..at + length].to_vec()));
        at += length.next_multiple_of(8);
    }
    assert_eq!(at, stream.len(), "blocks end with the stream");
    blocks
}

/// Panics with the first difference and what is around it.
pub fn assert_same(name: &str, ours: &[u8], golden: &[u8]) {
    if ours == golden {
        return;
    }
    let at = ours
        .iter()
        .zip(golden)
        .position(|(a, b)| a != b)
        .unwrap_or(ours.len().min(golden.len()));
    let show = |bytes: &[u8]| {
        let from = at.saturating_sub(48).min(bytes.len());
        let to = (at + 80).min(bytes.len());
        bytes[from..to].escape_ascii().to_string()
    };
    panic!(
        "{name}: lengths {} and {}, first difference at {at}:\n ours   {}\n golden {}",
        ours.len(),
        golden.len(),
        show(ours),
        show(golden)
    );
}
