//! A base image for the tests, in place of OpenWrt's: Debian by debootstrap,
//! and in /builder the double of the SDK (tests/fixtures/sdk).
#![allow(dead_code)]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use xtask::util::ui::Ui;

use super::support;

/// Debian packages as a real SDK's image has them, as far as we need any.
const PACKAGES: &str = "bash,bzip2,ca-certificates,curl,diffutils,file,findutils,gawk,gcc,git,gzip,\
                        libc6-dev,make,patch,perl,python3,python3-pip,tar,unzip,xz-utils";
const SUITE: &str = "bookworm";

/// Makes the base image of each architecture, unless it is there, and gives
/// the reference for `[image] base`: `{arch}` and `{version}` stand in it.
/// None, said aloud, where the machine lacks what that takes.
pub fn base(archs: &[&str]) -> Option<String> {
    base_of(&version(), archs)
}

/// As [`base`], of a version of OpenWrt.
pub fn base_of(version: &str, archs: &[&str]) -> Option<String> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(missing);
    if !support::group("docker", missing.as_deref()) {
        return None;
    }
    let fixture = support::root().join("xtask/tests/fixtures/sdk");
    // A hash in the name: an edited double is another image, and checkouts with
    // different ones do not take each other's away.
    let content = hash_of(&fixture) + &recipe().0;
    let name = format!("xtask-test-sdk-{}", &hex(content.as_bytes())[..8]);
    let lock = std::env::temp_dir().join("xtask-test-sdk.lock");
    let _lock = xtask::util::lock::take(&lock, "the tests' base image", &Ui::default()).unwrap();
    for arch in archs {
        let image = format!("{name}:{arch}-{version}");
        if !exists(&image) {
            make(&fixture, &image, arch, version);
        }
    }
    Some(format!("{name}:{{arch}}-{{version}}"))
}

/// The version of the default release.
pub fn version() -> String {
    version_where(|_, release| release.get("default").is_some())
}

/// The version of a release.
pub fn version_of(name: &str) -> String {
    version_where(|found, _| found == name)
}

fn version_where(is: impl Fn(&str, &toml::Value) -> bool) -> String {
    let path = support::root().join("openwrt/sdk.toml");
    let sdk: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let mut releases = sdk["release"].as_table().unwrap().iter();
    let (_, release) = releases.find(|(name, release)| is(name, release)).unwrap();
    release["version"].as_str().unwrap().to_owned()
}

/// The first docker on PATH whose daemon answers.
pub fn docker() -> Option<&'static Path> {
    static DOCKER: OnceLock<Option<PathBuf>> = OnceLock::new();
    DOCKER
        .get_or_init(|| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path)
                .map(|dir| dir.join("docker"))
                .find(|program| {
                    program.is_file()
                        && Command::new(program)
                            .args(["version", "--format", "{{.Server.Version}}"])
                            .output()
                            .is_ok_and(|output| output.status.success())
                })
        })
        .as_deref()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(docker().expect("docker was found"));
    // The builder that every docker has: this one needs no cache.
    command.args(args).env("DOCKER_BUILDKIT", "0");
    command
}

fn missing() -> Option<String> {
    if docker().is_none() {
        return Some("no docker on PATH whose daemon answers".into());
    }
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() != 0) {
        return Some("debootstrap needs root".into());
    }
    let debootstrap = Command::new("debootstrap").arg("--version").output();
    if debootstrap.is_err() {
        return Some("debootstrap is not installed".into());
    }
    (mirror().is_none()).then(|| format!("apt has no source of Debian {SUITE}"))
}

/// Where this machine's apt gets the suite.
fn mirror() -> Option<String> {
    let (_, uri) = sources().into_iter().find(|(suite, _)| suite == SUITE)?;
    Some(uri)
}

/// The suite, its updates and its security fixes, which hold newer compilers.
fn sources() -> Vec<(String, String)> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format"])
        .args([
            "$(CODENAME) $(COMPONENT) $(REPO_URI)",
            "Created-By: Packages",
        ])
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut found: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [suite, "main", uri] = words[..] else {
                return None;
            };
            let rest = suite.strip_prefix(SUITE)?;
            ["", "-updates", "-security"]
                .contains(&rest)
                .then(|| (suite.to_owned(), uri.to_owned()))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn exists(image: &str) -> bool {
    let inspect = command(&["image", "inspect", image]).output().unwrap();
    inspect.status.success()
}

/// What Debian alone is made from, and its sources.list.
fn recipe() -> (String, String) {
    let lists: String = sources()
        .iter()
        .map(|(suite, uri)| format!("deb {uri} {suite} main\n"))
        .collect();
    let recipe = format!("{SUITE} minbase {PACKAGES} buildbot 1000 {lists}");
    (recipe, lists)
}

/// Debian alone, as an image of its own: it is made once per machine.
fn rootfs() -> String {
    let (recipe, lists) = recipe();
    let image = format!("xtask-test-rootfs:{}", &hex(recipe.as_bytes())[..12]);
    if exists(&image) {
        return image;
    }
    say("the tests' base image is made with debootstrap: once, about a minute");
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("rootfs");
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}")]);
    let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    if keyring.is_file() {
        debootstrap.arg(format!("--keyring={}", keyring.display()));
    }
    let mirror = mirror().expect("there is a mirror");
    done(debootstrap.arg(SUITE).arg(&tree).arg(mirror));
    std::fs::write(tree.join("etc/apt/sources.list"), lists).unwrap();
    for junk in [
        "var/cache/apt",
        "usr/share/doc",
        "usr/share/locale",
        "usr/share/man",
    ] {
        let _ = std::fs::remove_dir_all(tree.join(junk));
    }
    done(Command::new("chroot").arg(&tree).args([
        "useradd",
        "-u",
        "1000",
        "-m",
        "-d",
        "/builder",
        "-s",
        "/bin/bash",
        "buildbot",
    ]));
    let mut tar = Command::new("tar")
        .arg("-C")
        .arg(&tree)
        .args(["--numeric-owner", "-cf", "-", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Named only when it is whole.
    let stdin = tar.stdout.take().unwrap();
    done(command(&["import", "-", &image]).stdin(stdin));
    assert!(tar.wait().unwrap().success());
    image
}

fn make(fixture: &Path, image: &str, arch: &str, version: &str) {
    let rootfs = rootfs();
    say(&format!("making {image}"));
    let dockerfile = format!(
        "FROM {rootfs}\n\
         COPY --chown=buildbot:buildbot . /builder/\n\
         USER buildbot\n\
         ENV HOME=/builder\n\
         WORKDIR /builder\n\
         RUN scripts/setup {arch} {version}\n\
         CMD [\"/bin/bash\"]\n"
    );
    let context = tempfile::tempdir().unwrap();
    done(
        Command::new("cp")
            .arg("-R")
            .arg(fixture.join("."))
            .arg(context.path()),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), dockerfile).unwrap();
    let mut build = command(&["build", "--force-rm", "--no-cache", "-t", image, "-f"]);
    done(build.arg(file.path()).arg(context.path()));
}

fn done(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Names, modes and contents of all files but the one that only explains.
fn hash_of(dir: &Path) -> String {
    let mut hash = Sha256::new();
    for entry in walkdir::WalkDir::new(dir).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_file() && entry.file_name() != "README.md" {
            let name = entry.path().strip_prefix(dir).unwrap();
            let executable = entry.metadata().unwrap().permissions().mode() & 0o100;
            let content = std::fs::read(entry.path()).unwrap();
            hash.update(format!(
                "{} {executable} {}\n",
                name.display(),
                content.len()
            ));
            hash.update(content);
        }
    }
    xtask::fingerprint::hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    xtask::fingerprint::hex(&Sha256::digest(bytes))
}
