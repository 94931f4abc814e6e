//! Small packages of our own and feeds of them.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xtask::package::meta::Meta;
use xtask::package::path::TreePath;
use xtask::package::tree::{Entry, Tree};
use xtask::package::{apk, ipk};

use super::support;

pub const ARCH: &str = "mips_24kc";
/// Releases with the end of their packages' names.
pub const RELEASES: [(&str, &str); 2] = [("24.10", "ipk"), ("25.12", "apk")];

/// A `dist` folder and keys, each in a folder of its own.
pub struct Project {
    pub dist: tempfile::TempDir,
    pub home: tempfile::TempDir,
}

impl Project {
    /// With keys and two packages for each release.
    pub fn new() -> Self {
        let project = Self {
            dist: tempfile::tempdir().unwrap(),
            home: tempfile::tempdir().unwrap(),
        };
        support::run(&mut project.xtask(&["keygen"]));
        for (name, version) in [("one", "1.0-r1"), ("two", "2.0-r1")] {
            project.add(name, version, ARCH);
        }
        project
    }

    /// `xtask` whose user has this home.
    pub fn xtask(&self, args: &[&str]) -> std::process::Command {
        let mut command = support::xtask();
        command.args(args).env("XDG_CONFIG_HOME", self.home.path());
        for name in ["XTASK_USIGN_KEY", "XTASK_APK_KEY"] {
            command.env_remove(name);
        }
        command
    }

    pub fn feed_command(&self, release: &str, args: &[&str]) -> std::process::Command {
        let mut command = self.xtask(&["feed", "--release", release, "--dist"]);
        command.arg(self.dist.path()).args(args);
        command
    }

    /// Writes the feed of a release.
    pub fn feed(&self, release: &str) -> PathBuf {
        support::run(&mut self.feed_command(release, &[]));
        self.dir(release)
    }

    pub fn dir(&self, release: &str) -> PathBuf {
        self.dist.path().join("feed").join(release).join(ARCH)
    }

    pub fn packages(&self, release: &str) -> PathBuf {
        self.dist.path().join(release).join(ARCH)
    }

    pub fn key(&self, name: &str) -> PathBuf {
        self.home.path().join("xtask/keys").join(name)
    }

    pub fn verify(&self, place: &str, args: &[&str]) -> Output {
        let mut command = self.xtask(&["feed", "--verify", place]);
        command.args(args).output().unwrap()
    }

    /// Puts a package for both releases into `dist`.
    pub fn add(&self, name: &str, version: &str, arch: &str) {
        for (release, end) in RELEASES {
            let (file, bytes) = package(end, name, version, arch, name.as_bytes());
            let dir = self.packages(release);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(file), bytes).unwrap();
        }
    }
}

/// A package with one file.
pub fn package(end: &str, name: &str, version: &str, arch: &str, text: &[u8]) -> (String, Vec<u8>) {
    let meta = Meta {
        name: name.into(),
        version: version.into(),
        arch: arch.into(),
        description: format!("The package <{name}> & \"more\""),
        section: "utils".into(),
        source: format!("feeds/x/{name}"),
        maintainer: "A <a@example.org>".into(),
        epoch: 1_700_000_000,
        ..Meta::default()
    };
    let mut tree = Tree::default();
    let path = TreePath::new(format!("usr/share/{name}")).unwrap();
    tree.insert(path, Entry::file(0o644, text)).unwrap();
    if end == "ipk" {
        let package = ipk::pack(&meta, tree).unwrap();
        (package.file_name, package.bytes)
    } else {
        let package = apk::pack(&meta, tree, None).unwrap();
        (package.file_name, package.bytes)
    }
}

/// File names of a folder, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Serves a folder over HTTP until the tests end.
pub fn serve(dir: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap() > 2 {
                header.clear();
            }
            let path = line
                .split(' ')
                .nth(1)
                .unwrap()
                .trim_start_matches('/')
                .replace("%7E", "~");
            let (status, body) = match std::fs::read(dir.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", b"no such page".to_vec()),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    url
}

/// A program of another project; the group is named by it.
pub fn program(name: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", name])
        .output()
        .unwrap();
    let why = format!("{name} is not installed");
    let missing = (!found.status.success()).then_some(why.as_str());
    support::group(name, missing)
}
