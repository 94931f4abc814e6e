//! The packer on inputs of the project's own, against digests of what OpenWrt's
//! build system made of the same: these need nothing beside the checkout.

mod support;
#[path = "support/ipk.rs"]
mod unpack;

use std::path::Path;

use sha2::{Digest, Sha256};

/// `x*120` is that character, 120 times.
fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let mut digits = String::new();
        if chars.peek() == Some(&'*') {
            chars.next();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
        }
        out.extend(std::iter::repeat_n(c, digits.parse().unwrap_or(1)));
    }
    out
}

/// Builds the input archive with the tar crate, in the list's own order.
fn input_tar(list: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for line in list.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (kind, path) = (fields[0], expand(fields[3]));
        let text = expand(fields.get(4).copied().unwrap_or_default());
        let (uid, gid) = fields[2].split_once(':').unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_mode(u32::from_str_radix(fields[1], 8).unwrap());
        header.set_uid(uid.parse().unwrap());
        header.set_gid(gid.parse().unwrap());
        header.set_mtime(777);
        match kind {
            "f" => {
                header.set_size(text.len() as u64 + 1);
                archive
                    .append_data(&mut header, path, format!("{text}\n").as_bytes())
                    .unwrap();
            }
            "d" => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                archive.append_data(&mut header, path, &b""[..]).unwrap();
            }
            "l" | "h" => {
                header.set_entry_type(if kind == "l" {
                    tar::EntryType::Symlink
                } else {
                    tar::EntryType::Link
                });
                header.set_size(0);
                archive.append_link(&mut header, path, text).unwrap();
            }
            other => panic!("unknown type {other} in {line:?}"),
        }
    }
    archive.into_inner().unwrap()
}

fn pack(case: &str) -> unpack::Unpacked {
    let dir = support::root()
        .join("xtask/tests/fixtures/packages")
        .join(case);
    let out = tempfile::tempdir().unwrap();
    let tree = out.path().join("input.tar");
    std::fs::write(
        &tree,
        input_tar(&std::fs::read_to_string(dir.join("tree.list")).unwrap()),
    )
    .unwrap();
    let ipk = out.path().join("out.ipk");
    let mut command = support::xtask();
    command
        .args(["pack", "--meta"])
        .arg(dir.join("package.toml"))
        .arg("--tree")
        .arg(&tree)
        .arg("-o")
        .arg(&ipk);
    support::run(&mut command);
    unpack::unpack(&std::fs::read(&ipk).unwrap())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// GNU tar's own listing, for a message that says what differs.
fn listing(archive: &[u8]) -> String {
    let list = duct::cmd!(
        "tar",
        "tv",
        "--numeric-owner",
        "--full-time",
        "--quoting-style=literal",
        "-f",
        "-"
    )
    .env("TZ", "UTC")
    .env("LC_ALL", "C.UTF-8")
    .stdin_bytes(archive);
    list.read()
        .unwrap_or_else(|error| format!("tar tv: {error}"))
}

/// The outer archive, from section "Outer file" of the format's description:
/// what `ipkg-build` makes of three files with one time.
fn check_container(ours: &unpack::Unpacked, expected: &str) {
    for header in &ours.gzip_headers {
        assert_eq!(header[..], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    }
    assert_eq!(ours.gzip_headers.len(), 3);
    let epoch = expected
        .lines()
        .find_map(|line| line.strip_prefix("epoch "));
    let epoch: u64 = epoch.unwrap().parse().unwrap();
    let (content, headers): (Vec<_>, Vec<_>) =
        ours.outer.iter().partition(|block| block.len() != 512);
    assert_eq!(content, [b"2.0\n"]);
    let names = ["./debian-binary", "./data.tar.gz", "./control.tar.gz"];
    assert_eq!(headers.len(), names.len());
    for (header, name) in headers.into_iter().zip(names) {
        let field = |at: usize, length: usize| &header[at..at + length];
        assert!(header.starts_with(format!("{name}\0").as_bytes()));
        assert_eq!(field(100, 24), b"0000644\x000000000\x000000000\0", "{name}");
        assert_eq!(
            field(136, 12),
            format!("{epoch:011o}\0").as_bytes(),
            "{name}"
        );
        assert_eq!(field(156, 1), b"0", "{name}");
        assert_eq!(field(257, 8), b"ustar  \0", "{name}");
        assert!(header[265..].iter().all(|byte| *byte == 0), "{name}");
    }
}

fn compare(case: &str) {
    let expected = support::root()
        .join("xtask/tests/fixtures/packages")
        .join(case)
        .join("expected.txt");
    let expected = std::fs::read_to_string(expected).unwrap();
    let ours = pack(case);
    check_container(&ours, &expected);
    let digests = format!(
        "data.tar {}\ncontrol.tar {}\n",
        digest(&ours.data),
        digest(&ours.control)
    );
    assert!(
        expected.starts_with(&digests),
        "{case}: the archives differ from OpenWrt's.\nOurs:\n{digests}\ndata.tar:\n{}\n\ncontrol.tar:\n{}\n\
         {}\n\nOpenWrt's:\n{expected}",
        listing(&ours.data),
        listing(&ours.control),
        String::from_utf8_lossy(&ours.control)
    );
}

#[test]
fn every_field() {
    compare("fields");
}

#[test]
fn conffiles_modes_and_links() {
    compare("files");
}

#[test]
fn conffiles_as_the_shell_reads_them() {
    compare("shell");
}

#[test]
fn long_names_and_their_order() {
    compare("names");
}

#[test]
fn a_directory_packs_like_the_archive_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("usr/bin")).unwrap();
    std::fs::write(root.join("usr/bin/x"), "#!/bin/sh\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    // As somebody with a strict umask would have it.
    std::fs::set_permissions(
        root.join("usr/bin/x"),
        std::fs::Permissions::from_mode(0o700),
    )
    .unwrap();
    std::fs::set_permissions(root.join("usr"), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(
        dir.path().join("p.toml"),
        "name='x'\nversion='1'\narchitecture='all'\nepoch=1\n",
    )
    .unwrap();
    let archive = input_tar(
        "d\t0755\t0:0\t.\nd\t0755\t0:0\tusr\nd\t0755\t0:0\tusr/bin\nf\t0755\t0:0\tusr/bin/x\t#!/bin/sh\n",
    );
    std::fs::write(dir.path().join("root.tar"), archive).unwrap();
    let pack = |tree: &Path| {
        let out = dir.path().join("out.ipk");
        let mut command = support::xtask();
        command
            .args(["pack", "--meta"])
            .arg(dir.path().join("p.toml"))
            .arg("--tree")
            .arg(tree)
            .arg("-o")
            .arg(&out);
        support::run(&mut command);
        std::fs::read(out).unwrap()
    };
    assert_eq!(pack(&root), pack(&dir.path().join("root.tar")));
}
