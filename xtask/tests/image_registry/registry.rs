//! A real registry on loopback, and small images to push.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::image_copy::Copy;
use crate::{sdk_base, support};

/// Debian's docker-registry, stopped when this is dropped.
pub struct Registry {
    process: Child,
    pub name: String,
    _dir: tempfile::TempDir,
}

impl Registry {
    pub fn start() -> Option<Self> {
        let missing = Command::new("docker-registry")
            .arg("--version")
            .output()
            .err()
            .map(|_| "docker-registry is not installed");
        if !support::group("docker", missing) {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let port = xtask::util::port::free().unwrap().port();
        let config = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            dir.path().join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let registry = Self {
            process,
            name: format!("127.0.0.1:{port}"),
            _dir: dir,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(&registry.name).is_err() {
            assert!(Instant::now() < deadline, "the registry does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An image of a few bytes.
pub fn tiny(name: &str, content: &str) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, "content", content.as_bytes())
        .unwrap();
    let mut import = Command::new(sdk_base::docker().unwrap())
        .args(["import", "-", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = import.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &tar.into_inner().unwrap()).unwrap();
    drop(stdin);
    assert!(import.wait().unwrap().success());
}

/// A project whose image needs no base, no shell and no compiler: what it is
/// made from is copied, which takes no time to push.
pub fn small() -> Option<Copy> {
    let copy = Copy::feed()?;
    let file = "ARG BASE\nFROM scratch AS base\nFROM base AS sdk\nARG ARCH\n\
                COPY openwrt/image/baked.json openwrt/image/toolchain.sha256 /opt/xtask/\n\
                COPY openwrt/config /config/\nUSER buildbot\nCMD [\"/bin/true\"]\n";
    std::fs::write(copy.path("openwrt/Dockerfile"), file).unwrap();
    let baked = "{\"schema\":1,\"tree\":\"/builder\",\"autoremove\":\"y\",\"autorebuild\":true,\"stages\":[]}";
    std::fs::write(copy.path("openwrt/image/baked.json"), baked).unwrap();
    std::fs::write(copy.path("openwrt/image/toolchain.sha256"), "").unwrap();
    Some(copy)
}
