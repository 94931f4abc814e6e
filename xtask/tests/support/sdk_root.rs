//! A project root whose SDK image is made from the tests' base, and packages
//! that are built in it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{project::Project, sdk_base, support};

/// `openwrt/` of its own, so that images and volumes are too; those are removed
/// with it.
pub struct Root {
    dir: tempfile::TempDir,
    archs: Vec<String>,
}

impl Root {
    /// With `rust = "pinned"` or `"feed"`; `mark` keeps its fingerprint apart
    /// from other tests'. None, said aloud, where there is no engine.
    pub fn new(archs: &[&str], rust: &str, mark: &str) -> Option<Self> {
        let base = sdk_base::base(archs)?;
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
            archs: archs.iter().map(|&arch| arch.to_owned()).collect(),
        };
        root.edit("openwrt/sdk.toml", |text| {
            let lines = text.lines().map(|line| match line.split_once(" = ") {
                Some(("base", _)) => format!("base = {base:?}\n"),
                Some(("rust", "\"pinned\"")) => format!("rust = {rust:?}\n"),
                _ => format!("{line}\n"),
            });
            lines.collect()
        });
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
        let mut command = self.xtask(&["ipk", &self.archs[0], "--backend", "sdk", "--json"]);
        command
            .args(args)
            .arg("--manifest-path")
            .arg(project.path("Cargo.toml"))
            .stdin(Stdio::null());
        command
    }

    /// The image's tag; the image is made where it is missing.
    pub fn image(&self) -> String {
        let output = support::run(&mut self.xtask(&["image", &self.archs[0], "--json"]));
        let report = support::json(&output);
        report["images"][0]["tag"].as_str().unwrap().to_owned()
    }

    /// Puts another image in the place of `tag`: its labels, and what `lines`
    /// of a Dockerfile make of `from`.
    pub fn variant(&self, from: &str, tag: &str, lines: &str) {
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
}

impl Drop for Root {
    fn drop(&mut self) {
        let Some(program) = sdk_base::docker() else {
            return;
        };
        let list = |args: &[&str]| {
            let output = Command::new(program).args(args).output();
            let output = output.map(|output| output.stdout).unwrap_or_default();
            String::from_utf8_lossy(&output).into_owned()
        };
        let dry = self.xtask(&["image", &self.archs[0], "--dry-run", "--json"]);
        let mut dry = dry;
        let Ok(output) = dry.output() else { return };
        let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
            return;
        };
        let tag = report["images"][0]["tag"].as_str().unwrap_or_default();
        let Some((_, digits)) = tag.rsplit_once('-') else {
            return;
        };
        let volumes = list(&[
            "volume",
            "ls",
            "--quiet",
            "--filter",
            &format!("name={digits}"),
        ]);
        for (what, names) in [("image", tag), ("volume", volumes.as_str())] {
            for name in names.split_whitespace() {
                let _ = Command::new(program)
                    .args([what, "rm", "--force", name])
                    .output();
            }
        }
    }
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

/// Names of files in a folder, sorted; none where there is no folder.
pub fn names(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
