//! Takes an ipk apart with other code than the project's: gunzip by flate2,
//! tar headers by their offsets.
#![allow(dead_code)]

use std::io::Read;

/// An ipk after decompression.
#[derive(Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// First ten bytes of the outer file, of data.tar.gz and of control.tar.gz.
    pub gzip_headers: Vec<Vec<u8>>,
    /// Outer headers with the fields that depend on compression (size,
    /// checksum) blanked; then what follows the last member.
    pub outer: Vec<Vec<u8>>,
    /// The whole uncompressed archives.
    pub data: Vec<u8>,
    pub control: Vec<u8>,
}

pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut out)
        .expect("gunzip");
    out
}

pub fn unpack(ipk: &[u8]) -> Unpacked {
    let tar = gunzip(ipk);
    assert_eq!(tar.len() % 10240, 0, "the outer archive is whole records");
    let mut unpacked = Unpacked {
        gzip_headers: vec![ipk[..10].to_vec()],
        outer: Vec::new(),
        data: Vec::new(),
        control: Vec::new(),
    };
    let mut at = 0;
    while tar[at] != 0 {
        let mut header = tar[at..at + 512].to_vec();
        let digits = std::str::from_utf8(&header[124..135]).unwrap();
        let size = usize::from_str_radix(digits, 8).unwrap();
        let content = &tar[at + 512..at + 512 + size];
        let name = String::from_utf8_lossy(&header[..100])
            .trim_end_matches('\0')
            .to_owned();
        match name.as_str() {
            "./data.tar.gz" => unpacked.data = gunzip(content),
            "./control.tar.gz" => unpacked.control = gunzip(content),
            _ => unpacked.outer.push(content.to_vec()),
        }
        if name.ends_with(".gz") {
            unpacked.gzip_headers.push(content[..10].to_vec());
            header[124..136].fill(b'?');
            header[148..156].fill(b'?');
        }
        unpacked.outer.push(header);
        at += 512 + size.next_multiple_of(512);
    }
    assert!(tar[at..].iter().all(|byte| *byte == 0) && tar.len() - at >= 1024);
    unpacked
}

/// Where two archives first differ, for an error that can be read.
pub fn first_difference(ours: &[u8], golden: &[u8]) -> Option<String> {
    if ours == golden {
        return None;
    }
    let at = ours
        .iter()
        .zip(golden)
        .position(|(a, b)| a != b)
        .unwrap_or(ours.len().min(golden.len()));
    let block = at / 512 * 512;
    let show = |bytes: &[u8]| {
        let end = bytes.len().min(block + 512);
        String::from_utf8_lossy(&bytes[block.min(end)..end]).replace('\0', ".")
    };
    Some(format!(
        "lengths {} and {}, first difference at {at} (block {block}):\n ours   {}\n golden {}",
        ours.len(),
        golden.len(),
        show(ours),
        show(golden)
    ))
}
