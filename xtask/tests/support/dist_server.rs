//! A stand-in of rustup's distribution server on loopback, because tests must
//! not download through rustup. The client is the real rustup; the toolchain it
//! gets is Debian's compiler in rustup's packaging (rust-installer, version 3).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use xtask::toolchain::provider::Compiler;

pub struct DistServer {
    pub url: String,
    _dir: tempfile::TempDir,
}

/// One component: its name, and where its files come from and go.
struct Component {
    name: &'static str,
    files: Vec<(PathBuf, String)>,
}

impl DistServer {
    /// Packs `compiler` as rustup's toolchain of the same version and serves it.
    pub fn start(compiler: &Compiler) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let version = compiler.version.to_string();
        let components = components(compiler, &host);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut manifest = format!(
            "manifest-version = \"2\"\ndate = \"2026-05-28\"\n\
             [profiles]\nminimal = [\"rustc\", \"cargo\", \"rust-std\"]\n[renames]\n\
             [pkg.rust]\nversion = \"{version}\"\n[pkg.rust.target.{host}]\navailable = true\n\
             url = \"{url}/none\"\nhash = \"{:064}\"\n",
            0
        );
        for component in &components {
            let target = if component.name == "rust-src" {
                "*"
            } else {
                &host
            };
            let key = if component.name == "rust-src" {
                "extensions"
            } else {
                "components"
            };
            manifest += &format!(
                "[[pkg.rust.target.{host}.{key}]]\npkg = {:?}\ntarget = {target:?}\n",
                component.name
            );
        }
        for component in &components {
            let target = if component.name == "rust-src" {
                "\"*\""
            } else {
                &host
            };
            let file = pack(dir.path(), component, &version);
            let hash: String = Sha256::digest(std::fs::read(&file).unwrap())
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            manifest += &format!(
                "[pkg.{0}]\nversion = \"{version}\"\n[pkg.{0}.target.{target}]\navailable = true\n\
                 url = \"{url}/{1}\"\nhash = \"{hash}\"\n",
                component.name,
                file.file_name().unwrap().to_str().unwrap()
            );
        }
        let name = format!("channel-rust-{version}.toml");
        std::fs::create_dir(dir.path().join("dist")).unwrap();
        std::fs::write(dir.path().join("dist").join(&name), &manifest).unwrap();
        let hash: String = Sha256::digest(&manifest)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        std::fs::write(
            dir.path().join("dist").join(format!("{name}.sha256")),
            format!("{hash}  {name}\n"),
        )
        .unwrap();

        let root = dir.path().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = root.clone();
                std::thread::spawn(move || serve(&stream, &root));
            }
        });
        Self { url, _dir: dir }
    }
}

/// rustc with its libraries, cargo, the host's std and the library's source.
fn components(compiler: &Compiler, host: &str) -> Vec<Component> {
    let usr = compiler.rustc.parent().unwrap().parent().unwrap();
    let libraries = compiler.shared_libraries.as_ref().unwrap();
    let below = |from: &Path, to: &str| -> Vec<(PathBuf, String)> {
        walkdir::WalkDir::new(from)
            .into_iter()
            .map(|entry| entry.unwrap())
            .filter(|entry| !entry.file_type().is_dir())
            .map(|entry| {
                let name = entry
                    .path()
                    .strip_prefix(from)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                (entry.path().to_owned(), format!("{to}/{name}"))
            })
            .collect()
    };
    let library = compiler.library.canonicalize().unwrap();
    vec![
        Component {
            name: "rustc",
            files: [
                below(libraries, "lib"),
                vec![(usr.join("bin/rustc"), "libexec/rustc".into())],
            ]
            .concat(),
        },
        Component {
            name: "cargo",
            files: vec![(usr.join("bin/cargo"), "libexec/cargo".into())],
        },
        Component {
            name: "rust-std",
            files: below(
                &usr.join("lib/rustlib").join(host),
                &format!("lib/rustlib/{host}"),
            ),
        },
        Component {
            name: "rust-src",
            files: below(&library, "lib/rustlib/src/rust/library"),
        },
    ]
}

/// Debian's programs find their libraries by the system's path, rustup's by
/// their own: a script stands between.
const STARTER: &str = "#!/bin/sh\nhere=${0%/bin/*}\nLD_LIBRARY_PATH=$here/lib exec \"$here/libexec/${0##*/}\" \"$@\"\n";

fn pack(dir: &Path, component: &Component, version: &str) -> PathBuf {
    let name = format!("{}-{version}", component.name);
    let stage = tempfile::tempdir_in(dir).unwrap();
    let root = stage.path().join(&name).join(component.name);
    let mut files = component.files.clone();
    if let "rustc" | "cargo" = component.name {
        let starter = stage.path().join("starter");
        std::fs::write(&starter, STARTER).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755)).unwrap();
        files.push((starter, format!("bin/{}", component.name)));
    }
    let mut manifest = String::new();
    for (from, to) in &files {
        let to_path = root.join(to);
        std::fs::create_dir_all(to_path.parent().unwrap()).unwrap();
        std::fs::copy(from, &to_path).unwrap();
        manifest += &format!("file:{to}\n");
    }
    std::fs::write(root.join("manifest.in"), manifest).unwrap();
    std::fs::write(
        stage.path().join(&name).join("components"),
        format!("{}\n", component.name),
    )
    .unwrap();
    std::fs::write(
        stage.path().join(&name).join("rust-installer-version"),
        "3\n",
    )
    .unwrap();
    let file = dir.join(format!("{name}.tar.gz"));
    let status = Command::new("tar")
        .args(["--use-compress-program", "gzip -1", "-cf"])
        .arg(&file)
        .arg("-C")
        .arg(stage.path())
        .arg(&name)
        .status()
        .unwrap();
    assert!(status.success(), "pack {name}");
    file
}

/// GET of a file, HTTP/1.1, one request a connection.
fn serve(mut stream: &std::net::TcpStream, root: &Path) {
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    let _ = reader.read_line(&mut line);
    let mut header = String::new();
    while reader.read_line(&mut header).is_ok_and(|length| length > 2) {
        header.clear();
    }
    let path = line
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .trim_start_matches('/');
    let answer = match std::fs::read(root.join(path)) {
        Ok(content) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                content.len()
            );
            [head.into_bytes(), content].concat()
        }
        Err(_) => {
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
        }
    };
    let _ = stream.write_all(&answer);
}
