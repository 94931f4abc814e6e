//! A project root whose SDK image is made from the tests' base, and packages
//! that are built in it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{project::Project, sdk_base, support};

/// `openwrt/` of its own with the feed's Rust, for an architecture that exists
/// only in tests, so that no alias of the user's is moved. Its images and
/// volumes are removed with it.
pub struct Root {
    dir: tempfile::TempDir,
    arch: String,
}

impl Root {
    /// `arch` begins with x86_64, as what the double's compiler gives is. None,
    /// said aloud, where there is no engine.
    pub fn new(arch: &str) -> Option<Self> {
        let base = sdk_base::base(&[arch])?;
        let dir = tempfile::tempdir().unwrap();
        let done = Command::new("cp")
            .arg("-r")
            .arg(support::root().join("openwrt"))
            .arg(dir.path())
            .status();
        assert!(done.unwrap().success());
        std::fs::create_dir(dir.path().join("xtask")).unwrap();
        let root = Self {
            dir,
            arch: arch.to_owned(),
        };
        root.edit("openwrt/sdk.toml", |text| {
            let own = format!(
                "[arch.{arch}]\ntarget = \"x86_64-unknown-linux-musl\"\nboard = \"test/generic\"\nqemu = \"qemu-x86_64\"\n\n[image]\n"
            );
            let lines = text.lines().map(|line| match line.split_once(" = ") {
                Some(("base", _)) => format!("base = {base:?}\n"),
                Some(("rust", "\"pinned\"")) => "rust = \"feed\"\n".to_owned(),
                _ if line == "[image]" => own.clone(),
                _ => format!("{line}\n"),
            });
            lines.collect()
        });
        // A fingerprint of this root alone.
        let mark = root
            .dir
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        root.edit("openwrt/config/sdk.config", |text| {
            format!("{text}\n# {mark}\n")
        });
        Some(root)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn edit(&self, name: &str, change: impl Fn(&str) -> String) {
        let path = self.path(name);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, change(&text)).unwrap();
    }

    /// `xtask <args> --toolchain debian`, of this root.
    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = support::xtask();
        command
            .args(args)
            .args(["--toolchain", "debian"])
            .env("CARGO_MANIFEST_DIR", self.path("xtask"));
        command
    }

    /// `xtask ipk ARCH --backend sdk --json <args>` for a package.
    pub fn ipk(&self, project: &Project, args: &[&str]) -> Command {
        let mut command = self.xtask(&["ipk", &self.arch, "--backend", "sdk", "--json"]);
        command
            .args(args)
            .arg("--manifest-path")
            .arg(project.path("Cargo.toml"))
            .stdin(Stdio::null());
        command
    }

    /// The image's tag; the image is made where it is missing.
    pub fn image(&self) -> String {
        let output = support::run(&mut self.xtask(&["image", &self.arch, "--json"]));
        let report = support::json(&output);
        report["images"][0]["tag"].as_str().unwrap().to_owned()
    }

    /// As the function of that name.
    pub fn variant(&self, from: &str, tag: &str, lines: &str) {
        variant(from, tag, lines);
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let tags = list(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
        let own = |tag: &&str| tag.contains(&self.arch) && tag.starts_with("openwrt-rust-builder:");
        for tag in tags.lines().filter(own) {
            list(&["image", "rm", "--force", tag]);
            forget_volumes(tag);
        }
        // Those that lost their tag to another.
        let label = format!("label=org.tollgate-wrt.arch={}", self.arch);
        for id in list(&["images", "--quiet", "--filter", &label]).lines() {
            list(&["image", "rm", "--force", id]);
        }
    }
}

/// Puts another image in the place of `tag`: its labels, and what `lines`
/// of a Dockerfile make of `from`.
pub fn variant(from: &str, tag: &str, lines: &str) {
    let mut docker = Command::new(sdk_base::docker().unwrap());
    docker
        .args(["build", "--quiet", "--tag", tag, "-"])
        .env("DOCKER_BUILDKIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut build = docker.spawn().unwrap();
    let text = format!("FROM {from}\n{lines}\n");
    std::io::Write::write_all(&mut build.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = build.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{lines}\n{said}");
}

/// Removes the volumes of builds in an image.
pub fn forget_volumes(tag: &str) {
    if let Some((_, digits)) = tag.rsplit_once('-') {
        for name in list(&["volume", "ls", "--quiet"]).lines() {
            if name.starts_with("tollgate-xtask-") && name.ends_with(digits) {
                list(&["volume", "rm", "--force", name]);
            }
        }
    }
}

/// Containers of runs in an image, each with its mounts.
pub fn containers(tag: &str) -> Vec<String> {
    let (_, digits) = tag.rsplit_once('-').unwrap();
    let ids = list(&["ps", "-aq", "--filter", "label=org.tollgate-wrt.run"]);
    ids.lines()
        .map(|id| list(&["inspect", "--format", "{{.Name}} {{json .Mounts}}", id]))
        .filter(|mounts| mounts.contains(digits))
        .collect()
}

/// What docker prints; nothing where it fails.
pub fn list(args: &[&str]) -> String {
    let Some(program) = sdk_base::docker() else {
        return String::new();
    };
    let output = Command::new(program).args(args).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).into_owned()
}

/// The package `greeter` with a recipe, committed.
pub fn greeter() -> Project {
    let project = Project::new();
    let mut recipe = support::xtask();
    recipe.arg("recipe").arg("--manifest-path");
    support::run(recipe.arg(project.path("Cargo.toml")));
    commit(&project);
    project
}

/// Commits all of it, at the time of the first commit.
pub fn commit(project: &Project) {
    let time = format!("{} +0000", super::project::COMMIT_TIME);
    for args in [&["add", "-A"][..], &["commit", "-q", "-m", "x"]] {
        let done = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .current_dir(project.dir.path())
            .env("GIT_COMMITTER_DATE", &time)
            .env("GIT_AUTHOR_DATE", &time)
            .status();
        assert!(done.unwrap().success(), "git {args:?}");
    }
}

/// What `--json` printed, whatever the exit code was.
pub fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", stderr(output)))
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one package of a run that succeeded.
pub fn built(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    let report = report(output);
    assert_eq!(report["failures"], serde_json::json!([]));
    report["packages"][0].clone()
}

/// The one failure of a run.
pub fn failure(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    let report = report(output);
    assert_eq!(report["packages"], serde_json::json!([]));
    report["failures"][0].clone()
}

/// Names of files in a folder, sorted, but for the build's record; none where
/// there is no folder.
pub fn names(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "build.sdk.json")
        .collect();
    names.sort();
    names
}
