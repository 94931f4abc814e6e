//! What people read about apk packages, keys and feeds: whole messages.

#[path = "support/feeds.rs"]
mod feeds;
mod support;

use feeds::{ARCH, Project, stderr};

/// What a command that fails says, with the project's folders by name.
fn fails(project: &Project, command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}");
    stderr(&output)
        .replace(project.dist.path().to_str().unwrap(), "DIST")
        .replace(project.home.path().to_str().unwrap(), "HOME")
}

#[test]
fn feeds_that_cannot_be_made() {
    let project = Project::new();
    let of = |args: &[&str]| fails(&project, &mut project.feed_command("24.10", args));
    assert_eq!(
        of(&["aarch64"]),
        "error: DIST/24.10/aarch64_cortex-a53 has no ipk: `cargo xtask ipk aarch64_cortex-a53` makes one\n"
    );
    assert_eq!(
        of(&["--url", "https://x/$(id)"]),
        "error: --url \"https://x/$(id)\" is no http or https address without blanks, quotes and the shell's own characters\n"
    );
    std::fs::remove_dir_all(project.packages("24.10")).unwrap();
    assert_eq!(
        of(&[]),
        "error: DIST/24.10 has no packages: `cargo xtask ipk --all --release 24.10` makes them\n"
    );
    std::fs::create_dir(project.packages("24.10")).unwrap();
    assert_eq!(
        of(&[ARCH]),
        "error: DIST/24.10/mips_24kc has no ipk: `cargo xtask ipk mips_24kc` makes one\n"
    );
    std::fs::remove_file(project.key("key-build")).unwrap();
    assert_eq!(
        of(&[ARCH]),
        "error: no key signs this feed: `cargo xtask keygen` makes one; $XTASK_USIGN_KEY may hold its text; --unsigned writes the feed without\n"
    );
}

#[test]
fn keys_that_are_there() {
    let project = Project::new();
    assert_eq!(
        fails(&project, &mut project.xtask(&["keygen"])),
        "error: HOME/xtask/keys/key-build is there already, and routers may trust it: move it away, or choose another folder with --dir\n"
    );
}

#[test]
fn feeds_that_are_refused() {
    let project = Project::new();
    let of = |place: &str| {
        let place = project.dist.path().join(place);
        let mut verify = project.xtask(&["feed", "--verify"]);
        fails(&project, verify.arg(place))
    };
    assert_eq!(
        of("none"),
        "error: verify DIST/none\n  because: there is no folder DIST/none\n"
    );
    assert_eq!(
        of("24.10"),
        "error: verify DIST/24.10\n  because: no feed is in DIST/24.10: neither Packages nor packages.adb\n"
    );
    let dir = project.feed("25.12");
    std::fs::write(dir.join("one-1.0-r1.apk"), "x").unwrap();
    assert_eq!(
        of("feed"),
        "error: DIST/feed/25.12/mips_24kc/one-1.0-r1.apk: is not what sha256sums says: its hash differs\n\
         error: DIST/feed/25.12/mips_24kc/one-1.0-r1.apk: it is no package: it is neither gzip, ar nor apk\n\
         error: DIST/feed/25.12/mips_24kc/index.json: has other packages than the index\n"
    );
}

#[test]
fn tables_that_make_no_apk() {
    let dir = tempfile::tempdir().unwrap();
    let meta = dir.path().join("p.toml");
    let pack = |text: &str, output: &str| {
        let table = format!("name = \"x\"\narchitecture = \"all\"\nepoch = 1\n{text}\n");
        std::fs::write(&meta, table).unwrap();
        let mut command = support::xtask();
        command
            .args(["pack", "--format", "apk", "--meta"])
            .arg(&meta);
        command
            .arg("--tree")
            .arg(dir.path())
            .arg("-o")
            .arg(dir.path().join(output));
        let output = command.output().unwrap();
        assert!(!output.status.success());
        stderr(&output).replace(dir.path().to_str().unwrap(), "DIR")
    };
    let metadata = "error: the metadata of package \"x\"\n";
    assert_eq!(
        pack("version = \"v1\"", "x.apk"),
        format!(
            "{metadata}  because: `version`\n  because: \"v1\" is no version for apk: digits{{.digits}}, then a letter, _alpha _beta _pre _rc _p …, ~hash and -rN are allowed\n"
        )
    );
    assert_eq!(
        pack("version = \"1\"\nextra_depends = \"a (>= 1)\"", "x.apk"),
        format!(
            "{metadata}  because: `extra_depends` has \"a (>= 1)\": OpenWrt 25.12 wants `NAME (>=VERSION)`, without blanks in the brackets; what needs no version belongs into `depends`\n"
        )
    );
    assert_eq!(
        pack("version = \"1\"\nprovides = [\"a=1\"]", "x.apk"),
        format!(
            "{metadata}  because: `provides`\n  because: the dependency \"a=1=1\"\n  because: \"1=1\" is no version for apk: digits{{.digits}}, then a letter, _alpha _beta _pre _rc _p …, ~hash and -rN are allowed\n"
        )
    );
    assert_eq!(
        pack("version = \"1\"", "x.ipk"),
        "error: --format and the name of DIR/x.ipk disagree\n"
    );
}
