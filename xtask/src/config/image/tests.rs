use super::*;
use crate::config::sdk::Sdk;

const BASE: &str = r#"base = "example.org/sdk:{board}-{version}""#;
const SEED: &str = r#"["openwrt/config/sdk.config"]"#;
const PACKAGES: &str = r#"build_dependencies = ["curl"]"#;

fn text() -> String {
    format!(
        r#"
[release."24.10"]
version = "24.10.8"
format = "ipk"
default = true
[release."25.12"]
version = "25.12.5"
format = "apk"
[arch.mips_24kc]
target = "mips-unknown-linux-musl"
board = "ath79/generic"
qemu = "qemu-mips"
[arch.riscv64]
target = "riscv64gc-unknown-linux-musl"
board = "starfive/generic"
qemu = "qemu-riscv64"
release_names = {{ "24.10" = "riscv64_riscv64", "25.12" = "riscv64_generic" }}
[image]
{BASE}
rust = "pinned"
config_seed = {SEED}
feeds = []
{PACKAGES}
[toolchain]
rust = "1.96.0"
zig = {{ package = "ziglang", version = "1", sha256 = [] }}
cargo_zigbuild = {{ package = "cargo-zigbuild", version = "1", sha256 = [] }}
[profile]
release = {{}}
fast = {{}}
"#
    )
}

fn with(old: &str, new: &str) -> Result<Sdk> {
    assert_eq!(text().matches(old).count(), 1, "{old}");
    Sdk::parse(Path::new("sdk.toml"), &text().replace(old, new))
}

fn refused(old: &str, new: &str) -> String {
    let error = with(old, new).unwrap_err();
    format!("{error:#}").replace("check sdk.toml: ", "")
}

#[test]
fn placeholders_are_filled_in() {
    let sdk = with(BASE, "base = \"localhost:5000/x/{arch}-{board}:{version}\"").unwrap();
    let release = sdk.release(None).unwrap();
    let arch = sdk.arch("mips_24kc", &release).unwrap();
    let base = sdk.image.base(&release, &arch).unwrap();
    assert_eq!(base, "localhost:5000/x/mips_24kc-ath79-generic:24.10.8");
    assert_eq!(
        refused(BASE, "base = \"x:{target}\""),
        "unknown placeholder {target} in `base`; known are: {arch}, {version}, {board}"
    );
    for (base, why) in [
        ("x:{arch", "without `}`"),
        ("", "no reference"),
        ("-v x", "no reference"),
        ("x@sha256:00", "a digest"),
    ] {
        let error = refused(BASE, &format!("base = {base:?}"));
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn digests_belong_to_a_release_and_an_architecture() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let table = |release: &str, line: &str| {
        with(
            "[toolchain]\n",
            &format!("[image.digest.{release:?}]\n{line}\n[toolchain]\n"),
        )
    };
    let sdk = table("25.12", &format!("riscv64_generic = {digest:?}")).unwrap();
    let release = sdk.release(Some("25.12")).unwrap();
    let arch = |name| sdk.arch(name, &release).unwrap();
    assert_eq!(
        sdk.image.digest(&release, &arch("riscv64")),
        Some(digest.as_str())
    );
    assert_eq!(sdk.image.digest(&release, &arch("mips_24kc")), None);
    for (release, line, why) in [
        (
            "23.05",
            "mips_24kc = \"\"".to_owned(),
            "release \"23.05\" is not",
        ),
        (
            "24.10",
            format!("mips_24k = {digest:?}"),
            "did you mean mips_24kc?",
        ),
        ("24.10", "mips_24kc = \"sha256:00\"".to_owned(), "64 digits"),
        (
            "24.10",
            format!("mips_24kc = {:?}", digest.to_uppercase()),
            "64 digits",
        ),
    ] {
        let error = format!("{:#}", table(release, &line).unwrap_err());
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn seeds_lie_in_their_folder() {
    for file in [
        "/etc/passwd",
        "../x",
        "openwrt/config/../x",
        "openwrt/sdk.toml",
        "openwrt/config/",
        "openwrt/configx",
        "openwrt/config/a b",
    ] {
        let error = refused(SEED, &format!("[{file:?}]"));
        assert!(error.contains("lie in openwrt/config/"), "{error}");
    }
    assert!(refused(SEED, "[]").contains("names no file"));
    with(SEED, "[\"openwrt/config/a/b.config\"]").unwrap();
}

#[test]
fn feeds_are_lines_of_feeds_conf_with_a_commit() {
    let commit = "1".repeat(40);
    let feeds = |lines: &[&str]| with("feeds = []", &format!("feeds = {lines:?}"));
    let git = format!("src-git packages https://example.org/packages.git^{commit}");
    feeds(&[
        &git,
        "src-link own /builder/own",
        "src-git-full --root=x luci https://example.org/l^1111111111111111111111111111111111111111",
    ])
    .unwrap();
    for (line, why) in [
        ("packages https://example.org", "is no line"),
        ("# src-git a b", "is no line"),
        ("src-git", "is no line"),
        ("src-link a/b /x", "is no line"),
        ("src-link a /x\nsrc-link b /y", "is no line"),
        ("src-git a", "names no commit"),
        ("src-git a https://example.org/a.git", "names no commit"),
        (
            "src-git a https://example.org/a.git;main",
            "names no commit",
        ),
        ("src-git a https://example.org/a.git^v1", "names no commit"),
    ] {
        let error = format!("{:#}", feeds(&[line]).unwrap_err());
        assert!(error.contains(why), "{error}");
    }
    assert!(format!("{:#}", feeds(&[&git, &git]).unwrap_err()).contains("names packages twice"));
}

#[test]
fn build_dependencies_are_names_of_packages() {
    for name in ["-y", "a;b", "Curl", ""] {
        let error = refused(PACKAGES, &format!("build_dependencies = [{name:?}]"));
        assert!(error.contains("no name of a Debian package"), "{error}");
    }
    with(PACKAGES, "build_dependencies = [\"g++\", \"libssl1.1\"]").unwrap();
}

#[test]
fn a_typo_names_the_key() {
    let error = refused("rust = \"pinned\"", "rust = \"pined\"");
    assert!(error.contains("did you mean `pinned`?"), "{error}");
    let error = refused("config_seed = ", "config_sed = ");
    assert!(error.contains("did you mean `config_seed`?"), "{error}");
}
