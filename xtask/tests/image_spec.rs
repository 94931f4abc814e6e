//! What an image is built from: arguments and context are the inputs.

#[path = "support/image_project.rs"]
mod image_project;
mod support;

use image_project::{FILES, Project, SDK, context, spec_of};
use proptest::prelude::*;
use serde_json::json;
use xtask::image::files::WorkingTree;
use xtask::image::revision::Revision;

#[test]
fn arguments_are_the_inputs() {
    let project = Project::new();
    let tree = WorkingTree::new(project.dir.path());
    let of = |sdk: &str| spec_of(&tree, sdk, "aarch64");
    let spec = of(SDK);
    let args = json!(spec.args);
    assert_eq!(
        args,
        json!({
            "ARCH": "aarch64_cortex-a53",
            "BASE": "example.org/sdk:mediatek-filogic-24.10.8",
            "BUILD_DEPENDENCIES": "curl xz-utils",
            "CONFIG_SEED": "openwrt/config/sdk.config",
            "FEEDS": "",
            "PROVIDER": "rustup",
            "RELEASE_VERSION": "24.10.8",
            "RUST": "pinned",
            "RUST_VERSION": "1.96.0",
            "STD_FEATURES": "",
            "STD_FLAGS": xtask::toolchain::stdlib::flags().join(" "),
            "STD_OPT_LEVEL": "z",
            "TARGET": "aarch64-unknown-linux-musl",
            "ZIG_REQUIREMENTS": "ziglang==0.15.2 --hash=sha256:aa --hash=sha256:bb\ncargo-zigbuild==0.24.0 --hash=sha256:cc",
        })
    );
    assert_eq!(spec.base, args["BASE"]);
    assert_eq!(
        spec.alias().unwrap(),
        "openwrt-rust-builder:aarch64_cortex-a53"
    );

    let commit = "1".repeat(40);
    let (b, a) = (format!("src-git b x^{commit}"), "src-link a /x");
    let sdk = SDK.replace("feeds = []", &format!("feeds = [{b:?}, {a:?}]"));
    assert_eq!(
        of(&sdk).args["FEEDS"],
        format!("{b}\n{a}"),
        "in their order"
    );
    let digest = format!("sha256:{}", "ab".repeat(32));
    let sdk = SDK.replace(
        "[toolchain]",
        &format!("[image.digest.\"24.10\"]\naarch64_cortex-a53 = {digest:?}\n[toolchain]"),
    );
    assert_eq!(
        of(&sdk).base,
        format!("example.org/sdk:mediatek-filogic-24.10.8@{digest}")
    );
    let feed = of(&SDK.replace("rust = \"pinned\"", "rust = \"feed\"")).args;
    let names: Vec<&str> = feed.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "ARCH",
            "BASE",
            "BUILD_DEPENDENCIES",
            "CONFIG_SEED",
            "FEEDS",
            "RELEASE_VERSION",
            "RUST",
            "TARGET"
        ]
    );
}

/// Every ARG of the project's Dockerfile gets its value, and every value is
/// declared there: an argument that is not known is no input of the build.
#[test]
fn the_dockerfile_declares_the_arguments() {
    let text = std::fs::read_to_string(support::root().join("openwrt/Dockerfile")).unwrap();
    let mut declared: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("ARG "))
        .map(|line| line.split('=').next().unwrap().trim())
        .collect();
    declared.sort_unstable();
    declared.dedup();
    let project = Project::new();
    let spec = spec_of(&WorkingTree::new(project.dir.path()), SDK, "mips_24kc");
    let given: Vec<&str> = spec.args.keys().map(String::as_str).collect();
    assert_eq!(declared, given);
}

#[test]
fn the_context_is_a_tar_of_exactly_these_files() {
    let bytes = context(&Project::new());
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entries: Vec<(String, u32, u64)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(
                (
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                    header.mtime().unwrap()
                ),
                (0, 0, 0)
            );
            let path = entry.path().unwrap().display().to_string();
            (path, header.mode().unwrap(), header.size().unwrap())
        })
        .collect();
    let dir = |path: &str| (path.to_owned(), 0o755, 0);
    let folders = [
        "openwrt/",
        "openwrt/config/",
        "openwrt/image/",
        "openwrt/image/lib/",
        "openwrt/patches/",
    ];
    let files = FILES.map(|(path, mode, text)| (path.to_owned(), mode, text.len() as u64));
    let expected: Vec<_> = folders.map(dir).into_iter().chain(files).collect();
    assert_eq!(entries, expected);
    // Folders that the Dockerfile names are there even when nothing is in them.
    let project = Project::in_order(FILES[..2].iter());
    let bytes = context(&project);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let names: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert!(
        names.contains(&"openwrt/image/".to_owned())
            && names.contains(&"openwrt/patches/".to_owned()),
        "{names:?}"
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let fails = |project: &Project| {
        let output = project.xtask(&["fingerprint"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let link =
        "is a symlink: what it leads to would not be part of the fingerprint; put a file there\n";
    for path in [
        "openwrt/image/system.sh",
        "openwrt/config/sdk.config",
        "openwrt/patches",
    ] {
        let project = Project::new();
        let (from, to) = (project.path(path), project.path("elsewhere"));
        std::fs::rename(&from, &to).unwrap();
        std::os::unix::fs::symlink(&to, &from).unwrap();
        assert_eq!(fails(&project), format!("error: {path} {link}"));
    }
    for path in ["openwrt/Dockerfile", "openwrt/config/sdk.config"] {
        let project = Project::new();
        std::fs::remove_file(project.path(path)).unwrap();
        assert_eq!(
            fails(&project),
            format!("error: {path} is missing in the working tree\n")
        );
        std::fs::create_dir(project.path(path)).unwrap();
        assert_eq!(
            fails(&project),
            format!("error: {path} is neither a file nor a folder; put a file there\n")
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_gives_the_same_and_so_does_git(scripts in proptest::collection::btree_map("(d[a-c]/){0,3}f[a-e]", (any::<bool>(), "[a-z\n]{0,20}"), 0..12), seed in any::<u64>()) {
        let entry = |(path, (exec, text)): (&String, &(bool, String))| {
            let mode = if *exec { 0o755 } else { 0o644 };
            (format!("openwrt/image/{path}"), mode, text.clone())
        };
        let files: Vec<(String, u32, String)> = scripts.iter().map(entry).collect();
        let make = |shuffled: bool| {
            let mut order: Vec<(&str, u32, &str)> = files.iter().map(|(path, mode, text)| (path.as_str(), *mode, text.as_str())).chain(FILES).collect();
            if shuffled {
                order.sort_by_key(|(path, ..)| path.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
            }
            Project::in_order(order.iter())
        };
        let (sorted, shuffled) = (make(false), make(true));
        shuffled.commit();
        let spec = spec_of(&WorkingTree::new(sorted.dir.path()), SDK, "aarch64");
        let other = spec_of(&WorkingTree::new(shuffled.dir.path()), SDK, "aarch64");
        let committed = spec_of(&Revision::read(shuffled.dir.path(), "HEAD").unwrap(), SDK, "aarch64");
        for other in [other, committed] {
            prop_assert_eq!(&spec.inputs, &other.inputs);
            prop_assert_eq!(spec.context_tar().unwrap(), other.context_tar().unwrap());
        }
        prop_assert_eq!(spec.inputs.iter().filter(|(name, _)| name.contains("openwrt/image/")).count(), files.len() + 2);
    }
}
