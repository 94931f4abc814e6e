//! An apk to be changed: every part of it can be made wrong.
#![allow(dead_code)]

use sha2::{Digest, Sha256};
use xtask::inspect::{self, Report, Severity};
use xtask::package::adb::block::{BlockKind, Schema, Stream};
use xtask::package::adb::container;
use xtask::package::adb::depend;
use xtask::package::adb::schema::SCRIPTS;
use xtask::package::adb::value::Value;
use xtask::package::adb::write::Writer;

/// A file or link.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    pub mode: u64,
    pub user: String,
    pub content: Vec<u8>,
    /// Two bytes of type and what a link leads to.
    pub target: Vec<u8>,
    /// Instead of the content's own.
    pub hash: Option<Vec<u8>>,
    pub size: Option<u64>,
}

/// A directory.
#[derive(Clone, Debug)]
pub struct Dir {
    pub path: String,
    pub mode: u64,
    pub files: Vec<File>,
}

/// The package.
#[derive(Clone, Debug)]
pub struct Apk {
    /// Texts by field number; `depends` and `provides` are words.
    pub texts: Vec<(usize, String)>,
    pub installed_size: Option<u64>,
    pub scripts: Vec<(&'static str, String)>,
    pub dirs: Vec<Dir>,
    /// Leave the identifying number wrong.
    pub wrong_id: bool,
    /// Changes to the blocks once they are made.
    pub change: fn(&mut Vec<(BlockKind, Vec<u8>)>),
    pub schema: Schema,
}

pub const POST_INSTALL: &str = "#!/bin/sh\n[ -n \"${IPKG_INSTROOT}\" ]\ndefault_postinst\n";
pub const PRE_DEINSTALL: &str = "#!/bin/sh\n[ -n \"${IPKG_INSTROOT}\" ]\ndefault_prerm\n";

pub fn file(name: &str, content: &[u8]) -> File {
    File {
        name: name.to_owned(),
        mode: 0o644,
        user: "root".to_owned(),
        content: content.to_vec(),
        target: Vec::new(),
        hash: None,
        size: None,
    }
}

pub fn link(name: &str, kind: u16, to: &str) -> File {
    File {
        target: [&kind.to_le_bytes()[..], to.as_bytes()].concat(),
        mode: if kind == 0o120_000 { 0o777 } else { 0o644 },
        size: Some(to.len() as u64),
        ..file(name, b"")
    }
}

pub fn dir(path: &str, files: Vec<File>) -> Dir {
    Dir {
        path: path.to_owned(),
        mode: 0o755,
        files,
    }
}

impl Default for Apk {
    /// One without findings.
    fn default() -> Self {
        let texts = [
            (1, "x"),
            (2, "1-r1"),
            (4, "Text"),
            (5, "mips_24kc"),
            (15, "libc"),
        ];
        Self {
            texts: texts.map(|(field, text)| (field, text.to_owned())).to_vec(),
            installed_size: None,
            scripts: vec![
                ("post-install", POST_INSTALL.to_owned()),
                ("post-upgrade", POST_INSTALL.to_owned()),
                ("pre-deinstall", PRE_DEINSTALL.to_owned()),
            ],
            dirs: vec![
                dir("", vec![]),
                dir("etc", vec![file("a", b"content")]),
                dir("lib/apk/packages", vec![file("x.list", b"/etc/a\n")]),
            ],
            wrong_id: false,
            change: |_| (),
            schema: Schema::Package,
        }
    }
}

impl Apk {
    pub fn text(&mut self, field: usize, text: &str) {
        self.texts.retain(|(known, _)| *known != field);
        self.texts.push((field, text.to_owned()));
        self.texts.sort();
    }

    /// Adds a file to `/etc`, and its name to the list.
    pub fn add(&mut self, added: File) {
        let list = &mut self.dirs[2].files[0].content;
        list.extend_from_slice(format!("/etc/{}\n", added.name).as_bytes());
        self.dirs[1].files.push(added);
    }

    /// The stream that is packed into the file.
    pub fn stream(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let mut info = [Value::NULL; 21];
        for (field, text) in &self.texts {
            info[field - 1] = match field {
                15 | 16 => words(&mut writer, text),
                _ => writer.blob(text.as_bytes()),
            };
        }
        let mut dirs = Vec::new();
        let mut data = Vec::new();
        let mut sum = 0_u64;
        for (number, dir) in self.dirs.iter().enumerate() {
            let mut files = Vec::new();
            for (index, file) in dir.files.iter().enumerate() {
                let size = file.size.unwrap_or(file.content.len() as u64);
                if file.target.is_empty() {
                    sum = sum.saturating_add(size);
                }
                if !file.content.is_empty() {
                    let numbers = [number as u32 + 1, index as u32 + 1].map(u32::to_le_bytes);
                    data.push((
                        BlockKind::Data,
                        [&numbers.concat()[..], &file.content].concat(),
                    ));
                }
                let hash = match &file.hash {
                    Some(hash) => hash.clone(),
                    None if file.target.is_empty() => Sha256::digest(&file.content).to_vec(),
                    None => Vec::new(),
                };
                let fields = [
                    writer.blob(file.name.as_bytes()),
                    acl(&mut writer, file.mode, &file.user),
                    writer.int(size),
                    writer.int(1),
                    writer.blob(&hash),
                    writer.blob(&file.target),
                ];
                files.push(writer.object(&fields));
            }
            let fields = [
                writer.blob(dir.path.as_bytes()),
                acl(&mut writer, dir.mode, "root"),
                writer.object(&files),
            ];
            dirs.push(writer.object(&fields));
        }
        info[11] = writer.int(self.installed_size.unwrap_or(sum.max(1)));
        let (id, at) = writer.own_blob(&[0; 20]);
        info[2] = id;
        let scripts = SCRIPTS.map(|name| {
            let script = self.scripts.iter().find(|(known, _)| *known == name);
            script.map_or(Value::NULL, |(_, text)| writer.blob(text.as_bytes()))
        });
        let fields = [
            writer.object(&info),
            writer.object(&dirs),
            writer.object(&scripts),
        ];
        let root = writer.object(&fields);
        let mut adb = writer.finish(root).unwrap().0;
        if !self.wrong_id {
            let hash = Sha256::digest(&adb);
            adb[at..at + 20].copy_from_slice(&hash[..20]);
        }
        let mut blocks = vec![(BlockKind::Adb, adb)];
        blocks.extend(data);
        (self.change)(&mut blocks);
        let mut stream = Stream::new(self.schema);
        for (kind, bytes) in blocks {
            stream.block(kind, &[&bytes]).unwrap();
        }
        stream.finish()
    }

    pub fn bytes(&self) -> Vec<u8> {
        container::compress(&self.stream()).unwrap()
    }

    /// Every finding.
    pub fn rules(&self) -> Vec<(&'static str, Severity)> {
        let report = inspect(&self.bytes()).unwrap();
        let findings = report.findings.iter();
        findings
            .map(|finding| (finding.rule, finding.severity))
            .collect()
    }
}

/// Texts that no dependency is are written as they are: the reader must stand it.
fn words(writer: &mut Writer, text: &str) -> Value {
    let words: Vec<&str> = text.split(' ').collect();
    if let Ok(list) = depend::write_list(writer, &words) {
        return list;
    }
    let list: Vec<Value> = words
        .iter()
        .map(|word| {
            let name = writer.blob(word.as_bytes());
            writer.object(&[name])
        })
        .collect();
    writer.object(&list)
}

fn acl(writer: &mut Writer, mode: u64, user: &str) -> Value {
    let fields = [
        writer.int(mode),
        writer.blob(user.as_bytes()),
        writer.blob(b"root"),
    ];
    writer.object(&fields)
}

pub fn inspect(bytes: &[u8]) -> Result<Report, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.apk");
    std::fs::write(&file, bytes).unwrap();
    inspect::inspect_for(&file, Some(&["mips_24kc"])).map_err(|error| format!("{error:#}"))
}
