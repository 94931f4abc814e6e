//! What an image's fingerprint depends on, and what it does not.

#[path = "support/image_project.rs"]
mod image_project;
mod support;

use std::time::{Duration, Instant};

use image_project::{FILES, OTHERS, Project, SDK, context};
use serde_json::json;

/// Hashes of the files: `printf 'ARG BASE\nFROM ${BASE}\n' | sha256sum` and so
/// on. The digest: `cargo xtask fingerprint --json | jq -cS .inputs | tr -d '\n'
/// | sha256sum`; without jq, the object below in one line without spaces.
#[test]
fn a_fixed_project_has_a_fixed_fingerprint() {
    let report = Project::new().json(&[]);
    let file = |mode: &str, hash: &str| format!("{mode} sha256:{hash}");
    let expected = json!({
        "arch": "aarch64_cortex-a53",
        "base": "example.org/sdk:mediatek-filogic-24.10.8",
        "base.digest": "not pinned",
        "build-dependencies": "curl xz-utils",
        "cargo-zigbuild": "cargo-zigbuild==0.24.0 --hash=sha256:cc",
        "config.AUTOREBUILD": "y",
        "config.AUTOREMOVE": "y",
        "config.seed": "openwrt/config/sdk.config",
        "feeds": "none",
        "openwrt/Dockerfile": file("0644", "aeb9e07194bc3011c8033509cebd7f29250f9dfd42367f1fe7cb0e99200932cb"),
        "openwrt/config/sdk.config": file("0644", "c35089980588601359da7935df2b4b9ddc3c680bf6e747ed9f8681dd548b92f2"),
        "openwrt/image/lib/common.sh": file("0644", "3c73e8c0f87e4aee575a60cce78b2a0a680af1ba985faac6f5e9e70ea2fa482c"),
        "openwrt/image/system.sh": file("0755", "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"),
        "openwrt/patches/0001-x.patch": file("0644", "6e53bf2ad8f234c60294a05a013874a211fe3c03653f48df43ac4ec085ab9a24"),
        "release": "24.10",
        "release.version": "24.10.8",
        "rust": "pinned",
        "rust.provider": "rustup",
        "rust.version": "1.96.0",
        "schema": "1",
        "std.features": "none",
        "std.flags": "-Zforce-unstable-if-unmarked -Cpanic=abort -Cembed-bitcode=yes -Cforce-unwind-tables=no -Clink-self-contained=no -Ctarget-feature=+crt-static -Crelocation-model=static",
        "std.opt-level": "z",
        "target": "aarch64-unknown-linux-musl",
        "zig": "ziglang==0.15.2 --hash=sha256:aa --hash=sha256:bb",
    });
    assert_eq!(report["inputs"], expected);
    let digest = "dc9da4c136702f591fdd6049237f97bc5bed319f0b6b6b628b12ddb608a9f324";
    assert_eq!(report["digest"], digest);
    assert_eq!(
        report["tag"],
        format!(
            "openwrt-rust-builder:24.10-aarch64_cortex-a53-{}",
            &digest[..12]
        )
    );
}

#[test]
fn times_paths_and_the_order_of_entries_do_not_matter() {
    let project = Project::new();
    let reversed = Project::in_order(FILES.iter().chain(&OTHERS).rev());
    assert_eq!(project.digest(), reversed.digest());
    assert_eq!(context(&project), context(&reversed));
    let saved = project.save();
    for (path, ..) in FILES {
        let file = std::fs::File::options()
            .append(true)
            .open(project.path(path))
            .unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_234_567_891))
            .unwrap();
    }
    assert_eq!(saved.changes(&project), [""; 0]);
    assert_eq!(context(&project), context(&reversed));
}

#[test]
fn each_file_of_the_image_matters_and_is_named() {
    for (path, mode, _) in FILES {
        let project = Project::new();
        let saved = project.save();
        let before = context(&project);
        // What a umask decides does not matter.
        project.chmod(path, mode | 0o022);
        assert_eq!(saved.changes(&project), [""; 0], "{path}");
        assert_eq!(context(&project), before);
        for other in [mode ^ 0o111, 0o600] {
            project.chmod(path, other);
            let hash = |mode| format!("{mode:04o} sha256:");
            let changes = saved.changes(&project);
            assert_eq!(changes.len(), 1, "{changes:?}");
            assert!(
                changes[0].starts_with(&format!("{path} changed from {}", hash(mode)))
                    && changes[0].contains(&format!(" to {}", hash(other))),
                "{changes:?}"
            );
            // What nobody else may read can be read in the build.
            assert_eq!(context(&project) == before, other == 0o600 && mode == 0o644);
        }
        project.chmod(path, mode);
        project.append(path, "#\n");
        let changes = saved.changes(&project);
        assert!(
            changes.len() == 1 && changes[0].starts_with(&format!("{path} changed from ")),
            "{changes:?}"
        );
        assert_ne!(context(&project), before);
    }
}

#[test]
fn a_file_more_or_less_is_said() {
    let project = Project::new();
    let saved = project.save();
    project.write("openwrt/image/new.sh", "x");
    std::fs::remove_dir_all(project.path("openwrt/patches")).unwrap();
    // printf x | sha256sum; printf -- '--- a\n+++ b\n' | sha256sum
    assert_eq!(
        saved.changes(&project),
        [
            "openwrt/image/new.sh is new: 0644 sha256:2d711642b726",
            "openwrt/patches/0001-x.patch is no longer an input (was 0644 sha256:6e53bf2ad8f2)",
        ]
    );
}

#[test]
fn settings_of_the_seed_are_named() {
    let project = Project::new();
    let saved = project.save();
    for (line, old_to_new) in [
        (
            "CONFIG_AUTOREMOVE=n",
            "config.AUTOREMOVE changed from y to n",
        ),
        (
            "# CONFIG_AUTOREBUILD is not set",
            "config.AUTOREBUILD changed from y to not set",
        ),
        ("CONFIG_AUTOREMOVE_X=n", ""),
    ] {
        project.write(FILES[1].0, &format!("{}{line}\n", FILES[1].2));
        let changes = saved.changes(&project);
        let (last, named) = changes.split_last().unwrap();
        assert!(
            last.starts_with("openwrt/config/sdk.config changed"),
            "{changes:?}"
        );
        assert_eq!(named.concat(), old_to_new);
    }
    project.write(FILES[1].0, "\n");
    assert!(saved.changes(&project)[0].ends_with("from y to the SDK's default"));
}

#[test]
fn sources_and_what_else_lies_around_do_not_matter() {
    let project = Project::new();
    project.commit();
    let (saved, before) = (project.save(), context(&project));
    for (path, ..) in OTHERS {
        project.append(path, "x");
        project.chmod(path, 0o777);
    }
    project.append(".git/config", "\n");
    project.append("tollgate-wrt/src/new.rs", "x");
    // What an editor leaves behind.
    project.write("openwrt/image/.system.sh.swp", "x");
    project.write("openwrt/image/system.sh~", "x");
    project.write("openwrt/patches/.git/x", "x");
    project.append("openwrt/sdk.toml", "# a comment\n");
    assert_eq!(saved.changes(&project), [""; 0]);
    assert_eq!(context(&project), before);
}

#[test]
fn each_key_of_the_configuration_that_matters_is_named() {
    let project = Project::new();
    let saved = project.save();
    let commit = "1".repeat(40);
    let feed = format!("feeds = [\"src-git packages https://example.org/p.git^{commit}\"]");
    let digest = format!(
        "[image.digest.\"24.10\"]\naarch64_cortex-a53 = \"sha256:{}\"\n[toolchain]\n",
        "ab".repeat(32)
    );
    let cases: [(&str, &str, &[&str]); 16] = [
        ("\"24.10.8\"", "\"24.10.9\"", &["base", "release.version"]),
        ("aarch64-unknown-linux-musl", "aarch64-x", &["target"]),
        ("mediatek/filogic", "mediatek/mt7622", &["base"]),
        ("example.org/sdk", "example.org/other", &["base"]),
        ("[toolchain]\n", &digest, &["base.digest"]),
        (
            "[\"openwrt/config/sdk.config\"]",
            "[\"openwrt/config/sdk.config\", \"openwrt/config/unused.config\"]",
            &["config.seed", "openwrt/config/unused.config"],
        ),
        ("feeds = []", &feed, &["feed.packages", "feeds"]),
        ("\"curl\"", "\"wget\"", &["build-dependencies"]),
        ("1.96.0", "1.97.0", &["rust.version"]),
        (
            "std_features = []",
            "std_features = [\"backtrace\"]",
            &["std.features"],
        ),
        ("\"0.15.2\"", "\"0.15.3\"", &["zig"]),
        ("\"bb\"", "\"bc\"", &["zig"]),
        ("\"0.24.0\"", "\"0.24.1\"", &["cargo-zigbuild"]),
        ("\"cc\"", "\"cd\"", &["cargo-zigbuild"]),
        ("opt-level = \"z\"", "opt-level = 3", &["std.opt-level"]),
        (
            "rust = \"pinned\"",
            "rust = \"feed\"",
            &[
                "rust",
                "cargo-zigbuild",
                "rust.provider",
                "rust.version",
                "std.features",
                "std.flags",
                "std.opt-level",
                "zig",
            ],
        ),
    ];
    for (old, new, names) in cases {
        project.edit_sdk(old, new);
        let changes = saved.changes(&project);
        let named: Vec<&str> = changes
            .iter()
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        assert_eq!(named, names, "{new}: {changes:?}");
    }
    for (old, new) in [
        ("\"25.12.5\"", "\"25.12.6\""),
        ("\"qemu-aarch64\"", "\"qemu\""),
        ("mips-unknown-linux-musl", "mips-x"),
        ("lto = \"fat\"", "lto = \"off\""),
        ("opt-level = 1", "opt-level = 2"),
        ("[\"xz-utils\", \"curl\"]", "[\"curl\", \"xz-utils\"]"),
    ] {
        project.edit_sdk(old, new);
        assert_eq!(saved.changes(&project), [""; 0], "{new}");
    }
    // The pins of another compiler are no inputs where the feed's is baked.
    project.edit_sdk("rust = \"pinned\"", "rust = \"feed\"");
    let saved = project.save();
    let newer = SDK
        .replace("rust = \"pinned\"", "rust = \"feed\"")
        .replace("1.96.0", "1.97.0")
        .replace("\"bb\"", "\"bc\"");
    project.write("openwrt/sdk.toml", &newer);
    assert_eq!(saved.changes(&project), [""; 0]);
}

#[test]
fn the_provider_is_what_the_flag_says_and_auto_is_rustup() {
    let project = Project::new();
    let provider = |args: &[&str]| project.json(args)["inputs"]["rust.provider"].clone();
    assert_eq!(provider(&[]), "rustup");
    assert_eq!(provider(&["--toolchain", "auto"]), "rustup");
    assert_eq!(provider(&["--toolchain", "debian"]), "debian");
    let output = project
        .xtask(&["fingerprint", "--json"])
        .env("XTASK_TOOLCHAIN", "debian")
        .output()
        .unwrap();
    assert_eq!(support::json(&output)["inputs"]["rust.provider"], "debian");
}

/// The project's own image, the start of the program included. The quickest of
/// ten runs, and some more than it takes: other tests run beside it.
#[test]
fn it_takes_less_than_100_milliseconds() {
    let run = || {
        let started = Instant::now();
        support::run(support::xtask().args(["fingerprint", "--json"]));
        started.elapsed()
    };
    let quickest = (0..10).map(|_| run()).min().unwrap();
    assert!(quickest < Duration::from_millis(100), "{quickest:?}");
}
