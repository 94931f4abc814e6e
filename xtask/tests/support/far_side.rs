//! A router to deploy to: a real ssh server (dropbear, as OpenWrt has it) on the
//! loopback, whose far side is a root of the tests' own.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use xtask::package::meta::Meta;
use xtask::package::path::TreePath;
use xtask::package::tree::{Entry, Tree};
use xtask::package::{apk, ipk};

use super::far_root::FarRoot;
use super::support;

/// Longest that anything here may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// `secret`, as crypt(3) has it.
const PASSWORD: &str = "root:$6$router$hDOUy1zpgKsTFIwH5dzRthc5B/1se3H7cU.aQlpX.sice3avAq.JmjvTo7o3EHuL0APtAZqCXeDeXMBjyQ06q1:1:0:99999:7:::\n";

/// A router, its ssh server, and a user who may log in.
pub struct FarSide {
    pub root: FarRoot,
    pub port: u16,
    server: Child,
    /// The user's keys.
    pub home: tempfile::TempDir,
}

/// How a router differs from others.
pub struct Kind {
    pub manager: &'static str,
    pub shell: &'static str,
    /// Size of its /overlay.
    pub flash: &'static str,
    pub archs: &'static str,
    pub password: bool,
}

pub const OPKG: Kind = Kind {
    manager: "opkg",
    shell: "busybox",
    flash: "8m",
    archs: "mips_24kc\nall\nnoarch\n",
    password: false,
};
pub const APK: Kind = Kind {
    manager: "apk",
    ..OPKG
};

fn fixture(name: &str) -> String {
    let dir = support::root().join("xtask/tests/fixtures/router");
    std::fs::read_to_string(dir.join(name)).unwrap()
}

fn quiet(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A root with the doubles of a router's programs.
pub fn router(kind: &Kind) -> FarRoot {
    let root = FarRoot::new();
    let release = match kind.manager {
        "apk" => "25.12.5",
        _ => "24.10.4",
    };
    root.write(
        "etc/openwrt_release",
        &format!("DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='{release}'\nDISTRIB_TARGET='ath79/generic'\nDISTRIB_ARCH='mips_24kc'\n"),
        0o644,
    );
    root.write("tmp/sysinfo/model", "A Router v1\n", 0o644);
    let manager = Path::new("usr/bin").join(kind.manager);
    root.write(manager.to_str().unwrap(), &fixture(kind.manager), 0o755);
    root.write("sbin/logread", &fixture("logread"), 0o755);
    root.write("double/init", &fixture("init"), 0o644);
    root.write("double/archs", kind.archs, 0o644);
    root.write("double/installed", "", 0o644);
    root.write("double/enabled", "", 0o644);
    root.write("double/running", "", 0o644);
    root.write(
        "double/log",
        "demo: started\nother: noise\ndemo: \u{1b}[31mred\n",
        0o644,
    );
    if kind.shell == "dash" {
        root.add_program("/usr/bin/dash");
        std::fs::remove_file(root.path("bin/sh")).unwrap();
        std::os::unix::fs::symlink("/usr/bin/dash", root.path("bin/sh")).unwrap();
    }
    root
}

impl FarSide {
    pub fn start(kind: &Kind) -> Self {
        let root = router(kind);
        let home = tempfile::tempdir().unwrap();
        for name in ["key", "stranger"] {
            let key = home.path().join(name);
            quiet(
                Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                    .arg(key),
            );
        }
        let public = std::fs::read_to_string(home.path().join("key.pub")).unwrap();
        root.write("root/.ssh/authorized_keys", &public, 0o600);
        if kind.password {
            root.write("etc/shadow", PASSWORD, 0o600);
        }
        let host_key = root.path("etc/host_key");
        let made = Command::new("dropbearkey")
            .args(["-t", "ed25519", "-f"])
            .arg(&host_key)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let public = said
            .lines()
            .find(|line| line.starts_with("ssh-ed25519"))
            .unwrap_or_else(|| panic!("{made:?}"));
        let port = xtask::util::port::free().unwrap().port();
        root.add_program("/usr/sbin/dropbear");
        let setup = format!(
            "mount --bind /dev \"$0/dev\"; mount -t tmpfs -o size={} none \"$0/overlay\"",
            kind.flash
        );
        let address = format!("127.0.0.1:{port}");
        let mut words = vec![
            "/usr/sbin/dropbear",
            "-F",
            "-E",
            "-r",
            "/etc/host_key",
            "-p",
            &address,
        ];
        if !kind.password {
            words.push("-s");
        }
        let server = root
            .command_after(&setup, &words)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let side = Self {
            root,
            port,
            server,
            home,
        };
        side.knows(port, public);
        let started = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(started.elapsed() < PATIENCE, "dropbear does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        side
    }

    /// The user knows this host key.
    pub fn knows(&self, port: u16, public: &str) {
        let words: Vec<&str> = public.split_whitespace().take(2).collect();
        let line = format!("[127.0.0.1]:{port} {}\n", words.join(" "));
        let file = self.home.path().join("known_hosts");
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(file, known + &line).unwrap();
    }

    /// `xtask deploy` to this router by another port, with another key.
    pub fn deploy_by(&self, port: u16, key: &str, args: &[&str]) -> Command {
        let known = self.home.path().join("known_hosts");
        let mut command = support::xtask();
        command
            .args(["deploy", "root@127.0.0.1", "--port", &port.to_string()])
            .arg("--identity")
            .arg(self.home.path().join(key))
            .args(["--ssh-option", "IdentitiesOnly=yes", "--ssh-option"])
            .arg(format!("UserKnownHostsFile={}", known.display()))
            .args(["--ssh-option", "StrictHostKeyChecking=yes"])
            .args(args)
            // Where it keeps ssh's socket: to be empty afterwards.
            .env("TMPDIR", self.sockets())
            .env_remove("SSH_ASKPASS")
            .env_remove("DISPLAY")
            .stdin(Stdio::null());
        command
    }

    pub fn sockets(&self) -> PathBuf {
        let dir = self.home.path().join("t");
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    pub fn deploy(&self, args: &[&str]) -> Output {
        self.deploy_by(self.port, "key", args).output().unwrap()
    }

    /// Nothing of a run is left here or there.
    pub fn assert_clean(&self) {
        let left = |dir: &Path| -> Vec<String> {
            let names = std::fs::read_dir(dir).unwrap();
            let names = names.map(|name| name.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with("xtask")).collect()
        };
        let started = Instant::now();
        while !left(&self.root.path("tmp")).is_empty() || !left(&self.sockets()).is_empty() {
            assert!(
                started.elapsed() < PATIENCE,
                "left: {:?} {:?}",
                left(&self.root.path("tmp")),
                left(&self.sockets())
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends every connection; what runs there by then goes on.
    pub fn hang_up(&mut self) {
        let own = self.server.id().to_string();
        // unshare's child is the server, whose children serve one connection each.
        for server in children(&own) {
            for connection in children(&server) {
                quiet(Command::new("kill").args(["-KILL", &connection]));
            }
        }
    }

    /// What the package manager was told to install.
    pub fn calls(&self) -> String {
        self.root.read("double/calls")
    }
}

impl Drop for FarSide {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn children(pid: &str) -> Vec<String> {
    let listed = Command::new("pgrep").args(["-P", pid]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().map(str::to_owned).collect()
}

/// A line to the router that counts what goes there, and is cut (`cut`) or
/// slow (`slow`) once that many bytes have.
pub struct Line {
    pub port: u16,
    pub sent: Arc<AtomicU64>,
}

impl Line {
    pub fn to(side: &FarSide, cut: u64, slow: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let known = std::fs::read_to_string(side.home.path().join("known_hosts")).unwrap();
        side.knows(port, known.split_once(' ').unwrap().1);
        let sent = Arc::new(AtomicU64::new(0));
        let (counter, far) = (Arc::clone(&sent), side.port);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                let far = TcpStream::connect(("127.0.0.1", far)).unwrap();
                let (mut from, mut to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || forward(near, far, &counter, cut, slow));
            }
        });
        Self { port, sent }
    }
}

fn forward(mut near: TcpStream, mut far: TcpStream, sent: &AtomicU64, cut: u64, slow: u64) {
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = near.read(&mut part) {
        if far.write_all(&part[..length]).is_err() {
            break;
        }
        let total = sent.fetch_add(length as u64, Ordering::SeqCst) + length as u64;
        if total > cut {
            break;
        }
        if total > slow {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let _ = far.shutdown(Shutdown::Both);
    let _ = near.shutdown(Shutdown::Both);
}

/// A package with a service, a configuration file and bytes that do not
/// compress; the name of its file.
pub fn package(dir: &Path, end: &str, version: &str, arch: &str) -> String {
    let mut noise = Vec::new();
    let mut state = 1_u64;
    while noise.len() < 600_000 {
        // Knuth's MMIX.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        noise.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    let files = [
        ("etc/init.d/demo", 0o755, fixture("init").into_bytes()),
        ("etc/config/demo", 0o644, b"config demo\n".to_vec()),
        ("usr/share/demo", 0o644, noise),
    ];
    package_of(dir, end, version, arch, files)
}

/// A package `demo` with these files.
pub fn package_of<const N: usize>(
    dir: &Path,
    end: &str,
    version: &str,
    arch: &str,
    files: [(&str, u32, Vec<u8>); N],
) -> String {
    let meta = Meta {
        name: "demo".into(),
        version: version.into(),
        arch: arch.into(),
        description: "Demo.".into(),
        section: "utils".into(),
        source: "feeds/x/demo".into(),
        maintainer: "A <a@example.org>".into(),
        conffiles: vec!["/etc/config/demo".into()],
        epoch: 1_700_000_000,
        ..Meta::default()
    };
    let mut tree = Tree::default();
    for (path, mode, content) in files {
        let path = TreePath::new(path).unwrap();
        tree.insert(path, Entry::file(mode, content)).unwrap();
    }
    let (name, bytes) = if end == "ipk" {
        let package = ipk::pack(&meta, tree).unwrap();
        (package.file_name, package.bytes)
    } else {
        let package = apk::pack(&meta, tree, None).unwrap();
        (package.file_name, package.bytes)
    };
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
