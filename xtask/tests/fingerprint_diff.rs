//! `fingerprint --diff`: with a manifest, a git revision and an image, and with
//! what is none of them.

#[path = "support/image_project.rs"]
mod image_project;
mod support;

use std::process::{Command, Stdio};

use image_project::{Project, SDK};
use serde_json::json;
use xtask::image::manifest::LABEL;

const EMPTY: &str = "no input differs\n";

#[test]
fn with_a_saved_manifest_whole_or_bare() {
    let project = Project::new();
    let report = project.json(&[]);
    project.write("whole", &report.to_string());
    project.write("bare.json", &report["inputs"].to_string());
    for other in [
        "whole",
        "./bare.json",
        project.path("whole").to_str().unwrap(),
    ] {
        assert_eq!(project.diff(other), (0, EMPTY.to_owned()));
    }
    project.edit_sdk("1.96.0", "1.97.0");
    assert_eq!(
        project.diff("bare.json"),
        (1, "rust.version changed from 1.96.0 to 1.97.0\n".to_owned())
    );
    for (text, why) in [
        ("hello", "it is no JSON"),
        (
            "{\"packages\": []}",
            "it is no manifest (`cargo xtask fingerprint --json` prints one)",
        ),
        (
            &report.to_string().replace("1.96.0", "1.95.0"),
            "its digest is not that of its inputs: it was changed after it was written",
        ),
    ] {
        project.write("broken", text);
        let (code, text) = project.diff("broken");
        assert_eq!(code, 2);
        assert!(
            text.starts_with("error: read the manifest broken\n  because: "),
            "{text}"
        );
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn with_a_git_revision() {
    let project = Project::new();
    project.commit();
    project.git(&["tag", "v1"]);
    assert_eq!(project.diff("v1"), (0, EMPTY.to_owned()));
    project.edit_sdk("24.10.8", "24.10.9");
    project.chmod("openwrt/image/system.sh", 0o644);
    std::fs::remove_file(project.path("openwrt/patches/0001-x.patch")).unwrap();
    project.write("openwrt/image/new.sh", "x");
    let changes = project.diff("v1");
    let expected = "\
base changed from example.org/sdk:mediatek-filogic-24.10.8 to example.org/sdk:mediatek-filogic-24.10.9
openwrt/image/new.sh is new: 0644 sha256:2d711642b726
openwrt/image/system.sh changed from 0755 sha256:a8076d3d28d2 to 0644 sha256:a8076d3d28d2
release.version changed from 24.10.8 to 24.10.9
openwrt/patches/0001-x.patch is no longer an input (was 0644 sha256:6e53bf2ad8f2)
";
    assert_eq!(changes, (1, expected.to_owned()));
    project.git(&["add", "-A"]);
    project.git(&["commit", "-q", "-m", "y"]);
    for same in ["main", "HEAD", "heads/main", "HEAD@{0}"] {
        assert_eq!(project.diff(same), (0, EMPTY.to_owned()), "{same}");
    }
    for older in ["HEAD~1", "main^", "tags/v1", ":/x"] {
        assert_eq!(project.diff(older), changes, "{older}");
    }
    // The revision's files are read and no other's; nothing is checked out.
    let output = project
        .xtask(&["fingerprint", "mips_24kc", "--diff", "v1", "--json"])
        .output();
    let report = support::json(&output.unwrap());
    assert_eq!(report["other"], json!({ "kind": "revision", "name": "v1" }));
    assert_eq!(report["differences"].as_array().unwrap().len(), 5);
    assert!(!project.path("openwrt/patches/0001-x.patch").exists());
}

#[test]
fn a_project_can_be_a_folder_of_a_checkout() {
    let project = Project::new();
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("a/b");
    std::fs::create_dir(outer.path().join("a")).unwrap();
    std::fs::rename(project.dir.path(), &inner).unwrap();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args);
        support::run(git.current_dir(outer.path()));
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "x"]);
    let mut xtask = support::xtask();
    xtask
        .args(["fingerprint", "--diff", "HEAD"])
        .env("CARGO_MANIFEST_DIR", inner.join("xtask"));
    let output = support::run(xtask.current_dir(outer.path()));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), EMPTY);
}

#[test]
fn a_revision_that_describes_no_image() {
    let project = Project::new();
    project.commit();
    let fails = |other: &str| {
        let (code, text) = project.diff(other);
        assert_eq!(code, 2, "{text}");
        text
    };
    let commit = |message: &str| {
        project.git(&["add", "-A"]);
        project.git(&["commit", "-q", "-m", message]);
    };
    let system = project.path("openwrt/image/system.sh");
    std::fs::remove_file(&system).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &system).unwrap();
    commit("link");
    std::fs::remove_file(&system).unwrap();
    assert!(
        fails("HEAD").starts_with(
            "error: read revision HEAD\n  because: openwrt/image/system.sh is a symlink: "
        ),
        "{}",
        fails("HEAD")
    );
    project.edit_sdk("example.org/sdk", "-x");
    commit("bad base");
    project.write("openwrt/sdk.toml", SDK);
    assert!(
        fails("HEAD").contains("because: check openwrt/sdk.toml"),
        "{}",
        fails("HEAD")
    );
    project.git(&["rm", "-q", "-f", "openwrt/sdk.toml"]);
    project.git(&["commit", "-q", "-m", "none"]);
    project.write("openwrt/sdk.toml", SDK);
    assert_eq!(
        fails("HEAD"),
        "error: read revision HEAD\n  because: openwrt/sdk.toml is missing\n"
    );
}

#[test]
fn with_nothing_that_is_there() {
    let project = Project::new();
    let fails = |args: &[&str]| {
        // git alone, no engine.
        let bin = project.path("bin");
        if !bin.exists() {
            std::fs::create_dir(&bin).unwrap();
            let git = xtask::util::process::find_program("git").unwrap();
            std::os::unix::fs::symlink(git, bin.join("git")).unwrap();
        }
        let output = project.xtask(args).env("PATH", &bin).output().unwrap();
        assert!(output.stdout.is_empty());
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, text) = fails(&["fingerprint", "--diff", "nothing"]);
    assert_eq!(code, 2);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "error: \"nothing\" is nothing to compare with");
    assert_eq!(lines[1], "  manifest: there is no such file");
    assert!(lines[2].starts_with("  image: "), "{text}");
    assert!(
        lines[3].starts_with("  revision: git says: fatal: not a git repository"),
        "{text}"
    );
    assert_eq!(
        lines[4..],
        [
            "Name a file that `cargo xtask fingerprint --json` wrote, an image as NAME:TAG, or a git revision"
        ]
    );
    project.commit();
    let (_, text) = fails(&["fingerprint", "--diff", "nothing"]);
    assert!(
        text.contains("  revision: git knows no such revision\n"),
        "{text}"
    );
    let (_, text) = fails(&["fingerprint", "--diff", "x:1"]);
    assert!(
        text.contains("  revision: none can have that name\n"),
        "{text}"
    );
    let (_, text) = fails(&["fingerprint", "--diff=--help"]);
    assert!(
        text.contains("  revision: no revision begins with `-`\n"),
        "{text}"
    );
    assert!(
        text.contains("  image: none can have that name\n"),
        "{text}"
    );

    // Trouble is no difference; without --diff there is no such answer.
    assert_eq!(fails(&["fingerprint", "sparc", "--diff", "HEAD"]).0, 2);
    assert_eq!(fails(&["fingerprint", "sparc"]).0, 1);
    project.write("openwrt/sdk.toml", "[image]\n");
    assert_eq!(fails(&["fingerprint", "--diff", "HEAD"]).0, 2);
    assert_eq!(fails(&["fingerprint"]).0, 1);
}

/// An image of nothing but a label; removed when dropped.
struct Labelled(String);

impl Labelled {
    /// None where no engine answers.
    fn new(tag: &str, label: &str) -> Option<Self> {
        let answers = Command::new("docker")
            .arg("info")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let missing = !answers.is_ok_and(|status| status.success());
        support::group("docker", missing.then_some("no Docker Engine answers")).then(|| {
            let name = format!("xtask-test-{tag}-{}", std::process::id());
            let value = label.replace('\\', "\\\\").replace('"', "\\\"");
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), [0; 1024]).unwrap();
            let mut import = Command::new("docker");
            import.args(["import", "--change", &format!("LABEL {LABEL}=\"{value}\"")]);
            support::run(import.arg(file.path()).arg(&name));
            Self(name)
        })
    }
}

impl Drop for Labelled {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["image", "rm", &self.0])
            .stdout(Stdio::null())
            .status();
    }
}

#[test]
fn with_an_image() {
    let project = Project::new();
    let label = project.json(&[])["inputs"].to_string();
    let Some(image) = Labelled::new("label", &label) else {
        return;
    };
    let name = &image.0;
    project.commit();
    for other in [name.clone(), format!("{name}:latest")] {
        assert_eq!(project.diff(&other), (0, EMPTY.to_owned()), "{other}");
    }
    project.edit_sdk("\"bb\"", "\"bc\"");
    assert_eq!(
        project.diff(name),
        (1, "zig changed from ziglang==0.15.2 --hash=sha256:aa --hash=sha256:bb to ziglang==0.15.2 --hash=sha256:aa --hash=sha256:bc\n".to_owned())
    );
    // A branch of the same name: the tag or the folder says which is meant.
    project.git(&["branch", name]);
    assert_eq!(
        project.diff(name),
        (
            2,
            format!(
                "error: {name:?} is both an image and a git revision\nName the image as NAME:TAG, or the revision as heads/NAME, tags/NAME or a whole commit\n"
            )
        )
    );
    for other in [format!("{name}:latest"), format!("heads/{name}")] {
        assert_eq!(project.diff(&other).0, 1, "{other}");
    }
}

#[test]
fn with_an_image_of_others() {
    let project = Project::new();
    let Some(image) = Labelled::new("broken", "{}") else {
        return;
    };
    let name = format!("{}:latest", image.0);
    let (code, text) = project.diff(&name);
    assert_eq!(
        (code, text),
        (
            2,
            format!(
                "error: read the label {LABEL} of {name}\n  because: it is no manifest (`cargo xtask fingerprint --json` prints one)\n"
            )
        )
    );
}
