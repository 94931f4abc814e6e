//! Packages of a few kilobytes that once took gigabytes: `inspect` reads each of
//! them in 300 MB of address space.

#[path = "support/elf_file.rs"]
mod elf_file;
mod support;
#[path = "support/tarball.rs"]
mod tarball;

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tarball::{Entry, Ipk, dir, file, gzip, symlink, tar};

/// Exit code, stdout and stderr of `xtask inspect` under the limit.
fn inspect(bytes: &[u8], flags: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let ipk = dir.path().join("x.ipk");
    std::fs::write(&ipk, bytes).unwrap();
    let (out, err) = (dir.path().join("out"), dir.path().join("err"));
    // More address space than that is an abort, which is no exit code.
    let mut child = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 300000; exec \"$0\" inspect \"$@\""])
        .arg(env!("CARGO_BIN_EXE_xtask"))
        .arg(&ipk)
        .args(flags)
        .env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    // A watchdog, not a measurement: each takes about a second.
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > Duration::from_secs(300) {
            child.kill().unwrap();
            panic!("inspect hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = |path| String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    (status.code(), text(&out), text(&err))
}

/// It is refused for this reason.
fn refused(bytes: &[u8], why: &str) {
    let (code, out, error) = inspect(bytes, &[]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains(why), "{error}");
    assert_eq!(out, "");
}

/// It is read, to these findings (the first with each rule).
fn read(bytes: &[u8], rules: &[&str]) -> Value {
    let (code, text, error) = inspect(bytes, &[]);
    assert!(matches!(code, Some(0 | 1)), "{code:?} {error}");
    assert!(text.contains("scripts and lists:"), "{error}");
    let (code, json, error) = inspect(bytes, &["--json"]);
    assert!(matches!(code, Some(0 | 1)), "{code:?} {error}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let findings = report["findings"].as_array().unwrap();
    for rule in rules {
        let found = findings.iter().any(|finding| finding["rule"] == *rule);
        assert!(found, "{rule} is not in {findings:?}");
    }
    assert!(findings.len() < 1000, "{} findings", findings.len());
    report
}

/// A gzip of `count` times the same bytes, made piece by piece.
fn repeated(bytes: &[u8], count: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..count {
        encoder.write_all(bytes).unwrap();
    }
    encoder.finish().unwrap()
}

/// A package around compressed archives, each member as often as it comes.
fn outer(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut entries = vec![file("./debian-binary", b"2.0\n")];
    entries.extend(members.iter().map(|(name, bytes)| file(name, bytes)));
    gzip(&tar(&entries))
}

const DATA: &str = "./data.tar.gz";
const CONTROL: &str = "./control.tar.gz";

fn control() -> Vec<u8> {
    let text = b"Package: x\nVersion: 1\nArchitecture: x86_64\nDescription: x\n";
    gzip(&tar(&[file("./control", text)]))
}

#[test]
fn a_bomb() {
    // 2 GB of zeros: 2 MB of gzip in the package, less when packed once more.
    let mut header = file("./zeros", b"").bytes();
    header[124..136].copy_from_slice(b"16432450000\0");
    tarball::seal((&mut header[..512]).try_into().unwrap());
    let mut data = GzEncoder::new(Vec::new(), Compression::fast());
    data.write_all(&header).unwrap();
    let mut zeros = std::io::repeat(0).take(2_000_000_000);
    std::io::copy(&mut zeros, &mut data).unwrap();
    let data = data.finish().unwrap();
    refused(
        &outer(&[(DATA, &data)]),
        "data.tar unpacks to more than 1000 MB",
    );
}

#[test]
fn scripts_of_45_mb_in_thirty_archives() {
    let script = vec![1; 1 << 20];
    let mut large = GzEncoder::new(Vec::new(), Compression::fast());
    for number in 0..45 {
        let entry = file(&format!("./m{number}"), &script);
        large.write_all(&entry.bytes()).unwrap();
    }
    let large = large.finish().unwrap();
    refused(
        &outer(&[(CONTROL, &large[..]); 30]),
        "scripts and lists are larger than",
    );
    let entry = file("./m", &script).bytes();
    let small = gzip(&[entry, vec![0; 1024]].concat());
    let report = read(&outer(&[(CONTROL, &small[..]); 30]), &["member-twice"]);
    assert_eq!(report["members"].as_array().unwrap().len(), 1);
}

#[test]
fn a_hundred_thousand_entries_in_all() {
    let entry = dir("./f/").bytes();
    let data = repeated(&entry, 60_000);
    refused(
        &outer(&[(DATA, &data), (CONTROL, &data)]),
        "more than 100000 entries",
    );
    let report = read(
        &outer(&[(DATA, &data), (DATA, &data), (CONTROL, &control())]),
        &["member-twice", "path-twice"],
    );
    assert_eq!(report["files"].as_array().unwrap().len(), 60_000);
    let others = repeated(&file("./x", b"").bytes(), 90_000);
    read(&others, &["member-unknown", "member-missing"]);
}

#[test]
fn names_of_16_mb_in_all() {
    let long = file(&format!("./{}", "n".repeat(4000)), b"").bytes();
    let data = repeated(&long, 4000);
    read(&outer(&[(DATA, &data), (CONTROL, &control())]), &[]);
    let data = repeated(&long, 5000);
    refused(&outer(&[(DATA, &data)]), "names in the package");
}

/// Everything that is kept, as much of it as is allowed, at once.
#[test]
fn all_limits_used_up() {
    let names = Entry {
        uid: 1,
        ..file(&format!("./{}", "\u{1b}".repeat(98)), b"").mode(0o6777)
    };
    let program = elf_file::program(elf_file::X86_64, 64).bytes();
    let mut large = file("./etc/init.d/x", &program);
    large.content.resize(64 << 20, 0);
    let mut data = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..99_000 {
        data.write_all(&names.bytes()).unwrap();
    }
    data.write_all(&large.bytes()).unwrap();
    let data = data.finish().unwrap();
    let fields = "\u{1b}a:\na:\n".repeat(149_000);
    let lines = format!("Package: x\n{}", " \n".repeat(500_000));
    for text in [fields, lines] {
        let list = "/etc/\u{1b}\n".repeat(140_000);
        let scripts = ["./conffiles", "./postinst", "./prerm"];
        let mut control = vec![file("./control", text.as_bytes())];
        control.extend(scripts.map(|name| file(name, list.as_bytes())));
        let control = gzip(&tar(&control));
        read(
            &outer(&[(DATA, &data), (CONTROL, &control)]),
            &["owner", "mode", "path-twice", "conffile-missing"],
        );
    }
}

#[test]
fn programs_that_name_a_long_string_often() {
    let mut library = elf_file::program(elf_file::X86_64, 64);
    library.strings = vec![b'a'; 20 << 20];
    library.needed = vec![0; 100];
    let mut loader = elf_file::program(elf_file::X86_64, 64);
    loader.interpreters = vec![vec![b'a'; 1 << 20]; 40];
    for program in [library, loader] {
        let mut ipk = Ipk::new();
        ipk.data.push(file("./x", &program.bytes()));
        read(&ipk.bytes(), &["elf-broken"]);
    }
    let mut library = elf_file::program(elf_file::X86_64, 64).needs(&"n".repeat(255));
    library.needed = vec![0; 1000];
    let data = repeated(&file("./x", &library.bytes()).bytes(), 1000);
    refused(&outer(&[(DATA, &data)]), "names in the package");
}

/// As many links as names allow, one behind the other, and files below them.
#[test]
fn a_long_chain_of_links() {
    let mut entries = Vec::new();
    for number in 0..30_000 {
        entries.push(symlink(
            &format!("./l{number}"),
            &format!("l{}", number + 1),
        ));
        entries.push(file(&format!("./l{number}/f"), b""));
    }
    let data = gzip(&tar(&entries));
    read(
        &outer(&[(DATA, &data), (CONTROL, &control())]),
        &["path-through-link"],
    );
}

/// An apk of two kilobytes that lists 90,000 files with long names, and one
/// whose values are 30 MB of nothing.
#[test]
fn apk_values_that_share_their_places() {
    use xtask::package::adb::block::{BlockKind, Schema, Stream};
    use xtask::package::adb::container;
    use xtask::package::adb::value::Value;
    use xtask::package::adb::write::Writer;

    let apk = |payload: &[u8]| {
        let mut stream = Stream::new(Schema::Package);
        stream.block(BlockKind::Adb, &[payload]).unwrap();
        container::compress(&stream.finish()).unwrap()
    };
    let mut writer = Writer::default();
    let name = writer.blob(&[b'n'; 80]);
    let size = writer.int(1 << 20);
    let file = writer.object(&[name, Value::NULL, size]);
    let files = writer.object(&vec![file; 90_000]);
    let dir = writer.object(&[name, Value::NULL, files]);
    let dirs = writer.object(&[dir]);
    let root = writer.object(&[Value::NULL, dirs]);
    let bytes = apk(&writer.finish(root).unwrap().0);
    assert!(bytes.len() < 3000, "{} bytes", bytes.len());
    read(&bytes, &["field-missing", "data-missing", "path-twice"]);

    let mut nothing = vec![0; 30 << 20];
    nothing[4] = 8;
    nothing[7] = 0xe0;
    nothing[8] = 1;
    read(&apk(&nothing), &["field-missing"]);
}
