//! What `inspect` says of archives that it cannot read, and what it prints of
//! those that would like to write to the terminal themselves.

mod support;
#[path = "support/tarball.rs"]
mod tarball;

use tarball::{Entry, Ipk, entry, file, gzip, hardlink, inspect, seal, symlink, tar};

/// The good package with other bytes for data.tar.
fn with_data(bytes: &[u8]) -> Vec<u8> {
    let control = file("./control", b"Package: x\nVersion: 1\nArchitecture: all\n");
    gzip(&tar(&[
        file("./debian-binary", b"2.0\n"),
        file("./data.tar.gz", &gzip(bytes)),
        file("./control.tar.gz", &gzip(&tar(&[control]))),
    ]))
}

fn error(data: &[u8]) -> String {
    inspect(&with_data(data), None).unwrap_err()
}

/// The name and the link of the last installed file.
fn last(entries: &[Entry]) -> (String, String) {
    let mut report = inspect(&with_data(&tar(entries)), None).unwrap();
    let file = report.files.pop().unwrap();
    (file.path, file.target.unwrap_or_default())
}

#[test]
fn archives_that_are_cut_off() {
    let two = [file("./a", b"").bytes(), file("./b", &[7; 1000]).bytes()].concat();
    for (length, why) in [
        (512 + 511, "the archive is cut off in tar header 2"),
        (512 + 1, "the archive is cut off in tar header 2"),
        (1024, "tar entry 2 is cut off: 0 of 1000 bytes are there"),
        (2023, "tar entry 2 is cut off: 999 of 1000 bytes are there"),
        (2024, "tar entry 2: it is cut off after its content"),
        (2047, "tar entry 2: it is cut off after its content"),
    ] {
        let error = error(&two[..length]);
        assert!(error.ends_with(why), "{length}: {error}");
    }
    for length in [512, 2048] {
        let report = inspect(&with_data(&two[..length]), None);
        assert_eq!(report.unwrap().files.len(), length.div_ceil(1024), "no end");
    }
    let long = file(&format!("./{}", "n".repeat(200)), b"").bytes();
    let error = error(&long[..512 + 100]);
    assert!(error.ends_with("a long name is cut off"), "{error}");
}

#[test]
fn headers_that_are_damaged_are_not_quoted() {
    type Edit = fn(&mut [u8; 512]);
    let cases: [(Edit, &str); 4] = [
        (|h| h[124..130].copy_from_slice(b"secret"), "size"),
        (|h| h[100..106].copy_from_slice(b"secret"), "mode"),
        (|h| h[108..114].copy_from_slice(b"secret"), "user id"),
        (|h| h[116..122].copy_from_slice(b"secret"), "group id"),
    ];
    for (edit, field) in cases {
        let error = error(&tar(&[file("./a", b"x"), file("./b", b"x").edit(edit)]));
        assert!(
            error.ends_with(&format!("tar header 2: its {field} is no number")),
            "{error}"
        );
    }
    let mut data = tar(&[file("./a", b""), file("./b", b"")]);
    data[512] ^= 1;
    let error = error(&data);
    assert!(
        error.ends_with("tar header 2 is damaged: its checksum does not fit"),
        "{error}"
    );
}

#[test]
fn gzip_without_tar() {
    let text = "root:secret:\x1b[2J".repeat(100);
    for content in [text.as_bytes(), &text.as_bytes()[..300], b"x", b""] {
        for bytes in [gzip(content), with_data(content)] {
            let error = inspect(&bytes, None).unwrap_err();
            assert!(error.ends_with("gzip, but no tar in it"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
    // Zeros are an archive: an empty one.
    assert!(inspect(&with_data(&[0; 10240]), None).is_ok());
}

#[test]
fn long_names() {
    let name = "n".repeat(4093);
    let (path, target) = last(&[symlink(&format!("./{name}"), &name)]);
    assert_eq!((path, target), (format!("/{name}"), name));
    let long = error(&tar(&[file(&format!("./{}", "n".repeat(4094)), b"")]));
    assert!(
        long.ends_with("a name of 4097 bytes is longer than any path"),
        "{long}"
    );
    let name = [
        entry("././@LongLink", b'L', 0o644, "", b"./a\0b\0"),
        file("x", b""),
    ];
    assert_eq!(last(&name).0, "/a", "C stops at the first NUL");
    let once = [&name[..], &[file("./y", b"")]].concat();
    assert_eq!(last(&once).0, "/y", "it is one entry's name");
}

#[test]
fn what_is_no_file_has_no_content() {
    for kind in *b"123456" {
        let mut one = hardlink("./b", "./a");
        (one.kind, one.content) = (kind, vec![b'x'; 512]);
        let error = error(&tar(&[file("./a", b""), one]));
        assert!(
            error.ends_with("./b: it is no file and claims 512 bytes of content"),
            "{error}"
        );
    }
}

#[test]
fn a_sparse_file_has_more_headers() {
    let mut sparse = entry("./s", b'S', 0o644, "", b"").edit(|header| header[482] = 1);
    sparse.name = "./s".into();
    let mut more = [0; 512];
    more[504] = 1;
    let data = [
        sparse.bytes(),
        more.to_vec(),
        vec![0; 512],
        tar(&[file("./b", b"")]),
    ]
    .concat();
    let report = inspect(&with_data(&data), None).unwrap();
    assert_eq!(report.files.len(), 2);
    let error = error(&data[..1500]);
    assert!(error.contains("read a sparse file's map"), "{error}");
}

#[test]
fn long_texts() {
    let mut ipk = Ipk::new();
    ipk.debian_binary = vec![b' '; (1 << 20) + 1];
    let error = inspect(&ipk.bytes(), None).unwrap_err();
    assert!(
        error.ends_with("./debian-binary: it is larger than 1048576 bytes"),
        "{error}"
    );
}

#[test]
fn a_large_program_is_not_looked_at() {
    let mut ipk = Ipk::new();
    let mut program = file("./b", b"\x7fELF");
    program.content.resize((64 << 20) + 1, 0);
    ipk.data.push(program);
    assert_eq!(
        tarball::rules(&ipk, None),
        [("elf-large", xtask::inspect::Severity::Info)]
    );
}

const EVIL: &str = "\x1b]0;evil\x07\nerror [forged] \u{9b}1m\u{202e}";

#[test]
fn nothing_from_a_package_reaches_the_terminal_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.ipk");
    let mut ipk = Ipk::new();
    let name = format!("./{EVIL}");
    ipk.data.push(file(&name, b"").owner(1, 1));
    ipk.data.push(symlink("./l", EVIL));
    ipk.data.push(hardlink("./h", EVIL));
    ipk.replace(
        "Depends: libc",
        &format!("Evil: {}", EVIL.replace('\n', "")),
    );
    ipk.replace(": all", ": \x1b[31mred");
    ipk.members.push(file(&name, b""));
    ipk.members.push(file("./conffiles", b"/\x1b[32mgreen\n"));
    std::fs::write(&path, ipk.bytes()).unwrap();
    let run = |flags: &[&str]| {
        let output = support::xtask()
            .arg("inspect")
            .arg(&path)
            .args(flags)
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let unsafe_ = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        (text.contains(unsafe_), text)
    };
    let (is_unsafe, text) = run(&[]);
    assert!(!is_unsafe, "{text:?}");
    assert!(text.contains("\\u{1b}]0;evil\\u{7}\\nerror [forged]"));
    assert!(!text.contains("\nerror [forged]"), "{text}");
    let (_, json) = run(&["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut paths = json["files"].as_array().unwrap().iter();
    let raw = format!("/{EVIL}");
    assert!(
        paths.any(|file| file["path"] == *raw),
        "JSON has the name itself"
    );

    // Errors name the entry as well.
    let mut broken = entry(&name, b'2', 0o644, "", b"x").bytes();
    seal((&mut broken[..512]).try_into().unwrap());
    std::fs::write(&path, with_data(&broken)).unwrap();
    let (is_unsafe, text) = run(&[]);
    assert!(!is_unsafe, "{text:?}");
    assert!(text.contains("claims 1 bytes of content"), "{text}");
}

#[test]
fn a_pipe_is_refused_without_waiting_for_its_other_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let error = xtask::inspect::inspect(&path).unwrap_err().to_string();
    assert!(error.ends_with("is no file"), "{error}");
}

#[test]
fn a_reader_that_has_seen_enough() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.ipk");
    std::fs::write(&path, Ipk::new().bytes()).unwrap();
    for flags in [&[][..], &["--json"]] {
        let mut command = support::xtask();
        command.arg("inspect").arg(&path).args(flags);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{error}");
    }
}

/// Packages, archives, apks, texts, signatures: none may panic, and no ipk of
/// OpenWrt's own tools has an error.
#[test]
fn every_file_beside_the_checkout() {
    let Some(root) = support::shared("packages") else {
        return;
    };
    let (mut dirs, mut ipks) = (vec![root], 0);
    while let Some(dir) = dirs.pop() {
        for found in std::fs::read_dir(dir).unwrap() {
            let path = found.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let report = xtask::inspect::inspect(&path);
            if path.extension().is_some_and(|extension| extension == "ipk") {
                ipks += 1;
                let report = report.unwrap();
                assert!(!report.has_errors(), "{}: {report:?}", path.display());
            }
        }
    }
    assert!(ipks >= 14, "only {ipks} packages");
}
