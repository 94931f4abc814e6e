//! `inspect` on apk packages that nobody should make: clear errors, bounded
//! memory, bounded time, no panics.

#[path = "support/apk_file.rs"]
mod apk_file;
#[path = "support/random.rs"]
mod random;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use apk_file::{Apk, File, file, inspect};
use random::Random;
use xtask::package::adb::block::{BlockKind, Schema, Stream};
use xtask::package::adb::container;
use xtask::package::adb::value::Value;
use xtask::package::adb::write::Writer;

#[test]
fn truncated_anywhere_is_an_error() {
    let mut apk = Apk::default();
    apk.add(file("b", &[7; 3000]));
    let whole = apk.bytes();
    for length in 0..whole.len() {
        let report = inspect(&whole[..length]);
        assert!(report.is_err(), "{length} of {}: {report:?}", whole.len());
    }
    let stream = apk.stream();
    let mut whole = 0;
    for length in 0..stream.len() {
        if let Ok(report) = inspect(&stream[..length]) {
            // Between two blocks nothing is cut, and content is missing.
            assert!(report.has_errors(), "{length} of {}", stream.len());
            whole += 1;
        }
    }
    assert_eq!(whole, 4, "head, values, two of three files");
}

/// A stream around a payload.
fn around(payload: &[u8]) -> Vec<u8> {
    let mut stream = Stream::new(Schema::Package);
    stream.block(BlockKind::Adb, &[payload]).unwrap();
    container::compress(&stream.finish()).unwrap()
}

#[test]
fn places_that_are_shared_do_not_multiply() {
    // 20,000 directories that are one, with 20,000 files that are one.
    let mut writer = Writer::default();
    let name = writer.blob(b"x");
    let file = writer.object(&[name]);
    let files = writer.object(&vec![file; 20_000]);
    let dir = writer.object(&[name, Value::NULL, files]);
    let dirs = writer.object(&vec![dir; 20_000]);
    let root = writer.object(&[Value::NULL, dirs]);
    let started = Instant::now();
    let error = inspect(&around(&writer.finish(root).unwrap().0)).unwrap_err();
    assert!(error.contains("more than 100000 entries"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));

    // One long name for every file.
    let mut writer = Writer::default();
    let name = writer.blob(&vec![b'n'; 1 << 20]);
    let file = writer.object(&[name]);
    let files = writer.object(&vec![file; 1000]);
    let dir = writer.object(&[Value::NULL, Value::NULL, files]);
    let dirs = writer.object(&[dir]);
    let root = writer.object(&[Value::NULL, dirs]);
    let error = inspect(&around(&writer.finish(root).unwrap().0)).unwrap_err();
    assert!(
        error.contains("the names in the package have more"),
        "{error}"
    );

    // One script seven times.
    let mut writer = Writer::default();
    let text = writer.blob(&vec![b'#'; 1 << 20]);
    let scripts = writer.object(&[text; 7]);
    let root = writer.object(&[Value::NULL, Value::NULL, scripts]);
    let error = inspect(&around(&writer.finish(root).unwrap().0)).unwrap_err();
    assert!(error.contains("scripts and lists are larger"), "{error}");
}

#[test]
fn a_value_that_is_its_own_root() {
    // The root's fields are the root itself, whatever is asked of them.
    let mut payload = vec![0; 8];
    for word in [7_u32, 0xe000_0008, 0xe000_0008, 0xe000_0008] {
        payload.extend_from_slice(&word.to_le_bytes());
    }
    payload.resize(64, 8);
    payload[4..8].copy_from_slice(&0xe000_0008_u32.to_le_bytes());
    assert!(inspect(&around(&payload)).is_err());
}

#[test]
fn a_bomb_is_not_unpacked() {
    // A file of 2 GB of zeros, as it says of itself.
    let apk = Apk::default();
    let stream = apk.stream();
    let mut encoder =
        flate2::write::DeflateEncoder::new(b"ADBd".to_vec(), flate2::Compression::fast());
    let adb = u32::from_le_bytes(stream[8..12].try_into().unwrap()) as usize;
    encoder
        .write_all(&stream[..8 + adb.next_multiple_of(8)])
        .unwrap();
    for _ in 0..3 {
        let length = 1_000_000_000_u32;
        encoder
            .write_all(&(2 << 30 | length).to_le_bytes())
            .unwrap();
        let mut zeros = std::io::repeat(0).take(u64::from(length).next_multiple_of(8) - 4);
        std::io::copy(&mut zeros, &mut encoder).unwrap();
    }
    let error = inspect(&encoder.finish().unwrap()).unwrap_err();
    assert!(error.contains("unpacks to more than 1000 MB"), "{error}");
}

#[test]
fn claims_of_size_are_not_believed() {
    let large = |kind: BlockKind| {
        let mut stream = b"ADB.pckg".to_vec();
        stream.extend_from_slice(&((kind as u32) << 30 | 0x3fff_ffff).to_le_bytes());
        stream.extend_from_slice(&[0; 100]);
        container::compress(&stream).unwrap()
    };
    for (kind, why) in [(BlockKind::Adb, "at most"), (BlockKind::Data, "cut off")] {
        let error = inspect(&large(kind)).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    let mut apk = Apk::default();
    apk.add(File {
        size: Some(u64::MAX),
        ..file("b", b"x")
    });
    assert!(inspect(&apk.bytes()).unwrap().has_errors());
}

#[test]
fn what_is_printed_is_printable() {
    let mut apk = Apk::default();
    apk.text(4, "a\x1b[31m\nerror [x] y");
    apk.add(file("\x1b]0;title\x07", b"x"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.apk");
    std::fs::write(&path, apk.bytes()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"));
    let output = command.arg("inspect").arg(&path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text:?}");
    assert!(!text.contains("\nerror [x]"), "{text}");
}

/// Changes bytes of a package at random for a bounded time; the container is
/// made anew, so that the changes reach what is in it.
#[test]
fn random_changes_never_panic() {
    let (mut random, seconds) = Random::from_environment();
    let program = std::fs::read(env!("CARGO_BIN_EXE_xtask")).unwrap();
    let mut apk = Apk::default();
    apk.add(file("program", &program[..20_000]));
    apk.add(apk_file::link("l", 0o120_000, "a"));
    apk.add(apk_file::link("h", 0o100_000, "etc/a"));
    let (whole, stream) = (apk.bytes(), apk.stream());
    let adb = u32::from_le_bytes(stream[8..12].try_into().unwrap()) as usize;
    let (values, rest) = stream.split_at(8 + adb.next_multiple_of(8));
    let started = Instant::now();
    let mut runs = 0;
    while started.elapsed() < Duration::from_secs(seconds) {
        let mutated = match runs % 3 {
            0 => random.change(&whole),
            1 => random.change(&stream),
            _ => {
                // Words of the values, where a place counts most.
                let mut values = values.to_vec();
                for _ in 0..=random.next(4) {
                    let at = 12 + 4 * random.next((values.len() - 12) / 4);
                    let word = random.next(1 << 32) as u32;
                    let word = if random.next(2) == 0 {
                        word
                    } else {
                        word & 0xf000_07ff
                    };
                    values[at..at + 4].copy_from_slice(&word.to_le_bytes());
                }
                [&values, rest].concat()
            }
        };
        let _ = inspect(&mutated);
        runs += 1;
    }
    assert!(runs > 20, "only {runs} runs in {seconds} s");
}
