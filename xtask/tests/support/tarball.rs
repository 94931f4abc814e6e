//! Packages made byte by byte, so that they can be wrong in any way.
#![allow(dead_code)] // every test file uses its own part

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One entry of a GNU tar archive.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub kind: u8,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub link: String,
    pub content: Vec<u8>,
    /// Changes its header before the checksum is made.
    pub edit: fn(&mut [u8; 512]),
}

pub fn entry(name: &str, kind: u8, mode: u32, link: &str, content: &[u8]) -> Entry {
    Entry {
        name: name.into(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        link: link.into(),
        content: content.to_vec(),
        edit: |_| (),
    }
}

pub fn file(name: &str, content: &[u8]) -> Entry {
    entry(name, b'0', 0o644, "", content)
}

pub fn program(name: &str, content: &[u8]) -> Entry {
    entry(name, b'0', 0o755, "", content)
}

pub fn dir(name: &str) -> Entry {
    entry(name, b'5', 0o755, "", b"")
}

pub fn symlink(name: &str, target: &str) -> Entry {
    entry(name, b'2', 0o777, target, b"")
}

pub fn hardlink(name: &str, target: &str) -> Entry {
    entry(name, b'1', 0o644, target, b"")
}

impl Entry {
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    pub fn owner(mut self, uid: u64, gid: u64) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    pub fn edit(mut self, edit: fn(&mut [u8; 512])) -> Self {
        self.edit = edit;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (text, kind) in [(&self.link, b'K'), (&self.name, b'L')] {
            if text.len() > 100 {
                let long = [text.as_bytes(), &[0]].concat();
                bytes.extend(entry("././@LongLink", kind, 0o644, "", &long).bytes());
            }
        }
        let mut block = [0; 512];
        let mut put = |at: usize, text: &str| {
            let text = &text.as_bytes()[..text.len().min(100)];
            block[at..at + text.len()].copy_from_slice(text);
        };
        put(0, &self.name);
        put(100, &format!("{:07o}", self.mode));
        put(108, &format!("{:07o}", self.uid));
        put(116, &format!("{:07o}", self.gid));
        put(124, &format!("{:011o}", self.content.len()));
        put(136, "00000000000");
        put(157, &self.link);
        put(257, "ustar  ");
        block[156] = self.kind;
        (self.edit)(&mut block);
        seal(&mut block);
        bytes.extend(block);
        bytes.extend(&self.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

/// Makes a header's checksum right.
pub fn seal(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A whole archive.
pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A package with nothing to find, until it is changed.
pub struct Ipk {
    pub debian_binary: Vec<u8>,
    pub data: Vec<Entry>,
    /// Lines of `control`; `{size}` is the data archive's, `{size-1}`, `{KiB}`
    /// and `{KiB+1}` what people write instead.
    pub control: String,
    /// `None` leaves `control` out.
    pub control_entry: Option<Entry>,
    pub members: Vec<Entry>,
    /// Changes the archives, once they are made, and the outer entries.
    pub edit_data: fn(&mut Vec<u8>),
    pub edit_data_gz: fn(&mut Vec<u8>),
    pub edit_outer: fn(&mut Vec<Entry>),
    pub edit_all: fn(&mut Vec<u8>),
}

pub const POSTINST: &[u8] =
    b"#!/bin/sh\n. ${IPKG_INSTROOT}/lib/functions.sh\ndefault_postinst $0 $@\n";
pub const PRERM: &[u8] = b"#!/bin/sh\n. ${IPKG_INSTROOT}/lib/functions.sh\ndefault_prerm $0 $@\n";

impl Ipk {
    pub fn new() -> Self {
        Self {
            debian_binary: b"2.0\n".to_vec(),
            data: vec![dir("./"), file("./a", b"x")],
            control: "Package: x\nVersion: 1-r1\nDepends: libc\nArchitecture: all\n\
                      Installed-Size: {size}\nDescription:  Text\n"
                .into(),
            control_entry: Some(file("./control", b"")),
            members: vec![program("./postinst", POSTINST), program("./prerm", PRERM)],
            edit_data: |_| (),
            edit_data_gz: |_| (),
            edit_outer: |_| (),
            edit_all: |_| (),
        }
    }

    pub fn replace(&mut self, from: &str, to: &str) {
        assert!(self.control.contains(from), "{from} is in the template");
        self.control = self.control.replace(from, to);
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut data = tar(&self.data);
        (self.edit_data)(&mut data);
        let size = data.len();
        let mut control = self.control.clone();
        for (name, value) in [
            ("{size}", size),
            ("{size-1}", size - 1),
            ("{KiB}", size / 1024),
            ("{KiB+1}", size / 1024 + 1),
        ] {
            control = control.replace(name, &value.to_string());
        }
        let mut data_gz = gzip(&data);
        (self.edit_data_gz)(&mut data_gz);
        let mut members = vec![dir("./")];
        members.extend(self.control_entry.clone().map(|mut entry| {
            entry.content = control.into_bytes();
            entry
        }));
        members.extend(self.members.iter().cloned());
        let mut outer = vec![
            file("./debian-binary", &self.debian_binary),
            file("./data.tar.gz", &data_gz),
            file("./control.tar.gz", &gzip(&tar(&members))),
        ];
        (self.edit_outer)(&mut outer);
        let mut all = gzip(&tar(&outer));
        (self.edit_all)(&mut all);
        all
    }
}

/// Every rule that finds something, in order of severity and then of reading.
pub fn rules(ipk: &Ipk, known: Option<&[&str]>) -> Vec<(&'static str, xtask::inspect::Severity)> {
    let report = inspect(&ipk.bytes(), known).unwrap();
    let findings = report.findings.iter();
    findings
        .map(|finding| (finding.rule, finding.severity))
        .collect()
}

pub fn inspect(bytes: &[u8], known: Option<&[&str]>) -> Result<xtask::inspect::Report, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.ipk");
    std::fs::write(&file, bytes).unwrap();
    xtask::inspect::inspect_for(&file, known).map_err(|error| format!("{error:#}"))
}
