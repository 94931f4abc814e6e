//! `inspect` on packages that nobody should make: clear errors, bounded memory,
//! bounded time, no panics.

#[path = "support/random.rs"]
mod random;
mod support;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use random::Random;
use xtask::inspect;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One GNU tar header with any fields, its checksum right.
fn header(name: &[u8], size: &[u8], kind: u8) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..124 + size.len()].copy_from_slice(size);
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar  \0");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(
        name.as_bytes(),
        format!("{:011o}", content.len()).as_bytes(),
        b'0',
    )
    .to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A package around any data.tar.
fn package(data_tar: &[u8]) -> Vec<u8> {
    let control = [
        member(
            "./control",
            b"Package: x\nVersion: 1\nArchitecture: all\nDescription: x\n",
        ),
        vec![0; 1024],
    ];
    let outer = [
        member("./debian-binary", b"2.0\n"),
        member("./data.tar.gz", &gzip(data_tar)),
        member("./control.tar.gz", &gzip(&control.concat())),
        vec![0; 1024],
    ];
    gzip(&outer.concat())
}

fn inspect_bytes(bytes: &[u8]) -> Result<inspect::Report, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.ipk");
    std::fs::write(&file, bytes).unwrap();
    inspect::inspect(&file).map_err(|error| format!("{error:#}"))
}

fn rules(bytes: &[u8]) -> Vec<&'static str> {
    inspect_bytes(bytes)
        .unwrap()
        .findings
        .iter()
        .map(|finding| finding.rule)
        .collect()
}

#[test]
fn a_good_package_of_this_test_has_no_errors() {
    let data = [member("./x", b"hello\n"), vec![0; 1024]].concat();
    let report = inspect_bytes(&package(&data)).unwrap();
    assert!(!report.has_errors(), "{:?}", report.findings);
}

#[test]
fn truncated_anywhere_is_an_error() {
    let data = [member("./x", &[7; 5000]), vec![0; 1024]].concat();
    let whole = package(&data);
    for length in 0..whole.len() {
        let report = inspect_bytes(&whole[..length]);
        // Only the gzip trailer's last bytes may be missing without harm to
        // what was read: that is an error as well.
        assert!(
            report.is_err(),
            "{length} of {} bytes: {report:?}",
            whole.len()
        );
    }
}

#[test]
fn names_that_leave_the_root() {
    for name in ["./../etc/passwd", "../../x", "./a/../../b"] {
        let data = [member(name, b"x"), vec![0; 1024]].concat();
        assert!(rules(&package(&data)).contains(&"path"), "{name}");
    }
}

#[test]
fn absurd_sizes_are_errors_not_allocations() {
    for size in [
        &b"77777777777\0"[..],
        b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"99999999999\0",
    ] {
        for kind in [b'0', b'L', b'K', b'x'] {
            let data = [header(b"./x", size, kind).to_vec(), vec![0; 2048]].concat();
            let report = inspect_bytes(&package(&data));
            assert!(report.is_err(), "{kind} {size:?}");
        }
    }
}

#[test]
fn other_dialects_are_named() {
    let pax = [
        header(b"./PaxHeaders/x", b"00000000011\0", b'x').to_vec(),
        member("", b"9 path=y\n")[512..].to_vec(),
        member("./x", b"x"),
        vec![0; 1024],
    ]
    .concat();
    let report = inspect_bytes(&package(&pax)).unwrap();
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.rule == "tar-pax")
    );
    assert_eq!(report.files[0].path, "/y", "the name is PAX's");
}

#[test]
fn twice_is_said() {
    let data = [member("./x", b"1"), member("./x", b"2"), vec![0; 1024]].concat();
    assert!(rules(&package(&data)).contains(&"path-twice"));
}

#[test]
fn containers_that_are_no_ipk() {
    assert_eq!(
        rules(b"!<arch>\ndebian-binary   0  0  0  100644  4  `\n2.0\n"),
        ["container"]
    );
    assert_eq!(rules(b"ADBc\x02\x09\0\0"), ["apk-compression"]);
    assert_eq!(
        rules(&[member("./x", b"x"), vec![0; 1024]].concat()),
        ["container"]
    );
    assert!(
        inspect_bytes(b"hello")
            .unwrap_err()
            .contains("is no package")
    );
    assert!(inspect_bytes(b"").unwrap_err().contains("is no package"));
    assert!(inspect::inspect(Path::new("/nonexistent")).is_err());
    assert!(inspect::inspect(Path::new("/")).is_err());
}

/// Changes bytes of real packages at random for a bounded time; the outer
/// layers are made anew, so that the changes reach the inner ones.
#[test]
fn random_changes_never_panic() {
    let (mut random, seconds) = Random::from_environment();
    let program = std::fs::read(env!("CARGO_BIN_EXE_xtask")).unwrap();
    let data = [
        member("./usr/bin/x", &program[..20_000]),
        header(b"././@LongLink", b"00000000144\0", b'L').to_vec(),
        member("", &[b'n'; 99])[512..].to_vec(),
        member("./short", b"#!/bin/sh\n"),
        vec![0; 1024],
    ]
    .concat();
    let whole = package(&data);
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&whole[..]), &mut tar).unwrap();
    let started = Instant::now();
    let mut runs = 0;
    while started.elapsed() < Duration::from_secs(seconds) {
        let mutated = match runs % 3 {
            0 => random.change(&whole),
            1 => gzip(&random.change(&tar)),
            _ => package(&random.change(&data)),
        };
        let _ = inspect_bytes(&mutated);
        runs += 1;
    }
    assert!(runs > 20, "only {runs} runs in {seconds} s");
}
