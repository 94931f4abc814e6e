//! What people read when something is wrong: whole messages, word for word.

mod support;

use std::path::Path;
use std::process::Output;

fn fails(args: &[&str]) -> (i32, String) {
    let output: Output = support::xtask().args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr)
        .replace(&support::root().display().to_string(), "ROOT");
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(
        output.stdout.is_empty(),
        "an error belongs on stderr: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    (output.status.code().unwrap(), text)
}

/// A workspace of one crate with this package table.
fn crate_with(table: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("src")).unwrap();
    std::fs::write(dir.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    let manifest =
        format!("[package]\nname = \"x\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{table}");
    std::fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(
        dir.path().join("Cargo.lock"),
        "version = 4\n\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\n",
    )
    .unwrap();
    dir
}

fn fails_in(dir: &Path, args: &[&str]) -> String {
    let manifest = dir.join("Cargo.toml");
    let all: Vec<&str> = args
        .iter()
        .copied()
        .chain(["--manifest-path", manifest.to_str().unwrap()])
        .collect();
    fails(&all).1.replace(&dir.display().to_string(), "DIR")
}

#[test]
fn unknown_architectures_and_releases() {
    assert_eq!(
        fails(&["ipk", "aarch46"]).1,
        "error: architecture \"aarch46\" is not in openwrt/sdk.toml; did you mean aarch64?\n"
    );
    assert_eq!(
        fails(&["ipk", "aarch64", "--release", "23.05"]).1,
        "error: release \"23.05\" is not in openwrt/sdk.toml; known are: 24.10, 25.12\n"
    );
}

#[test]
fn verify_cache_knows_its_architectures() {
    let (code, text) = fails(&["verify-cache", "mipx"]);
    assert_eq!(code, 2);
    assert_eq!(
        text,
        "error: architecture \"mipx\" is not in openwrt/sdk.toml; did you mean mips?\n"
    );
}

#[test]
fn without_a_build_nothing_is_known() {
    let output = support::xtask()
        .args(["verify-cache", "--dist", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "unknown: there is no record of a build\nmend: cargo xtask ipk ARCH --dist /nonexistent\n"
    );
}

#[test]
fn usage_errors_have_their_own_code() {
    let (code, text) = fails(&["ipk"]);
    assert_eq!(code, 2);
    assert!(
        text.contains("<ARCH|--all>") || text.contains("<ARCH>"),
        "{text}"
    );
    assert_eq!(fails(&["ipk", "aarch64", "--toolchain", "nix"]).0, 2);
}

#[test]
fn flags_of_the_other_backend() {
    for (args, message) in [
        (&["--verbose"][..], "--verbose needs --backend sdk"),
        (&["--artifacts", "x"], "--artifacts needs --backend sdk"),
        (
            &["--allow-toolchain-rebuild"],
            "--allow-toolchain-rebuild needs --backend sdk",
        ),
        (&["--engine", "podman"], "--engine needs --backend sdk"),
        (&["--ca-bundle", "x"], "--ca-bundle needs --backend sdk"),
        (
            &["--backend", "sdk", "--fast"],
            "--fast goes with --backend native only",
        ),
    ] {
        let (code, text) = fails(&[&["ipk", "mips"], args].concat());
        assert_eq!((code, text), (2, format!("error: {message}\n")));
    }
}

#[test]
fn a_package_without_a_recipe_is_not_for_the_sdk() {
    let dir = crate_with("[package.metadata.openwrt]\nsection = \"net\"\n");
    let text = fails_in(dir.path(), &["ipk", "mips", "--backend", "sdk"]);
    assert_eq!(
        text,
        "error: DIR/openwrt/x/Makefile is missing: the SDK builds by a recipe; write it with: cargo xtask recipe\n"
    );
}

#[test]
fn a_typo_in_a_package_table() {
    let dir = crate_with("[package.metadata.openwrt]\nsection = \"net\"\nconfile = [\"/etc/x\"]\n");
    assert_eq!(
        fails_in(dir.path(), &["ipk", "mips"]),
        "error: DIR/Cargo.toml:7:1: unknown key `confile`; did you mean `conffiles`?\n  | confile = [\"/etc/x\"]\n"
    );
    let dir = crate_with(
        "[package.metadata.openwrt]\nfiles = [{ source = \"a\", path = \"/a\", mod = \"0644\" }]\n",
    );
    assert_eq!(
        fails_in(dir.path(), &["ipk", "mips"]),
        "error: DIR/Cargo.toml:6:39: unknown key `mod`; did you mean `mode`?\n  \
         | files = [{ source = \"a\", path = \"/a\", mod = \"0644\" }]\n"
    );
}

#[test]
fn a_crate_without_a_table() {
    let dir = crate_with("");
    assert_eq!(
        fails_in(dir.path(), &["ipk", "mips"]),
        "error: no crate in DIR has a [package.metadata.openwrt] table; docs/package-metadata.md shows one\n"
    );
    assert_eq!(
        fails_in(dir.path(), &["ipk", "mips", "-p", "y"]),
        "error: no crate y in this workspace; none can be packaged\n"
    );
}

#[test]
fn pack_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let meta = dir.path().join("p.toml");
    let pack = |text: &str| {
        std::fs::write(&meta, text).unwrap();
        let (meta, tree) = (meta.to_str().unwrap(), dir.path().to_str().unwrap());
        fails(&["pack", "--meta", meta, "--tree", tree, "-o", "/dev/null"])
            .1
            .replace(tree, "DIR")
    };
    assert_eq!(
        pack("epoch = 1\n"),
        "error: the package table in DIR/p.toml\n  because: `name` is missing\n"
    );
    let table = "name = \"x\"\nversion = \"1\"\narchitecture = \"all\"\nepoch = 1\n";
    assert_eq!(
        pack(&format!("{table}file_modes = [\"/none:root:root:4755\"]\n")),
        "error: /none has a mode in `file_modes` but is not in the package\n"
    );
    assert_eq!(
        pack(&format!("{table}license = \"a\\nb\"\n")),
        "error: the metadata of package \"x\"\n  because: `license` must be one line\n"
    );
    assert_eq!(
        pack(&format!("{table}bins = [\"y\"]\n")),
        "error: the package table in DIR/p.toml\n  because: `bins` needs a crate: `pack` takes files as they are\n"
    );
}

#[test]
fn a_recipe_that_is_not_fresh() {
    let dir = crate_with("[package.metadata.openwrt]\nsection = \"net\"\n");
    let recipe = dir.path().join("openwrt/x/Makefile");
    let manifest = dir.path().join("Cargo.toml");
    let recipe_command = |args: &[&str]| {
        let mut command = support::xtask();
        command
            .arg("recipe")
            .args(args)
            .arg("--manifest-path")
            .arg(&manifest);
        command
    };
    support::run(&mut recipe_command(&[]));
    support::run(&mut recipe_command(&["--check"]));
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("SECTION:=net", "SECTION:=utils")).unwrap();
    let message = fails_in(dir.path(), &["recipe", "--check"]);
    assert!(
        message.contains("\n  recipe     SECTION:=utils\n  metadata   SECTION:=net\nUpdate it with: cargo xtask recipe\n"),
        "{message}"
    );
    support::run(&mut recipe_command(&[]));
    assert_eq!(std::fs::read_to_string(&recipe).unwrap(), text);
}

#[test]
fn every_command_has_help_with_an_example() {
    let help = support::run(support::xtask().arg("--help"));
    let help = String::from_utf8(help.stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 10, "{help}");
    for command in commands {
        let output = support::run(support::xtask().args([command, "--help"]));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("Example") && text.contains(&format!("cargo xtask {command}")),
            "{text}"
        );
    }
}
