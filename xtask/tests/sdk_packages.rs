//! What the double of OpenWrt's SDK packs, and how it answers to commands, is
//! what the real one does.

#[path = "support/apk.rs"]
mod apk;
#[path = "support/sdk_tree.rs"]
mod sdk_tree;
mod support;
#[path = "support/ipk.rs"]
mod unpack;

use std::path::{Path, PathBuf};
use std::process::Command;

use sdk_tree::{HELLO, Tree};
use xtask::buildlog::{Outcome, Scanner};

/// The package of this name in the output of a feed, if it is there.
fn package(tree: &Tree, feed: &str, name: &str) -> Option<PathBuf> {
    let dir = tree.path("bin/packages/aarch64_cortex-a53").join(feed);
    let mut files = std::fs::read_dir(dir)
        .ok()?
        .map(|entry| entry.unwrap().path());
    files.find(|path| {
        let file = path.file_name().unwrap().to_str().unwrap();
        // Its version begins with a digit, or an ABI stands before that.
        file.strip_prefix(name).is_some_and(|rest| {
            let rest = rest.strip_prefix(['_', '-']).unwrap_or(rest);
            rest.starts_with(|first: char| first.is_ascii_digit())
        })
    })
}

/// Builds the recorded packages in an SDK of a release, from the files in
/// `input`; gives for each its name and folder, and what was made of it.
fn recorded(dir: &Path, version: &str, input: &str) -> Vec<(String, PathBuf, Vec<u8>)> {
    let tree = Tree::of(version, "y");
    let mut wanted = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let dir = entry.unwrap().path();
        let Ok(recipe) = std::fs::read_to_string(dir.join("Makefile")) else {
            continue;
        };
        // Two are left out: the double has no fakeroot, and so no files of
        // other users; and one's source files are not in its input.
        if recipe.contains("g-owned:1234") || recipe.contains(" ./files/g-") {
            continue;
        }
        let name = recipe
            .split_once("PKG_NAME:=")
            .unwrap()
            .1
            .lines()
            .next()
            .unwrap()
            .to_owned();
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        std::fs::create_dir(&files).unwrap();
        std::fs::write(folder.path().join("Makefile"), recipe).unwrap();
        support::run(
            Command::new("tar")
                .arg("-xpf")
                .arg(dir.join(input))
                .arg("-C")
                .arg(&files),
        );
        // What the build made of the conffiles and of the lists is in the input.
        let lib = files.join("lib");
        let _ = std::fs::remove_file(lib.join("upgrade/keep.d/g-conffiles"));
        let _ = std::fs::remove_dir_all(lib.join("apk"));
        tree.add(folder.path(), &format!("feeds/golden/{name}"));
        wanted.push((name, dir));
    }
    assert_eq!(wanted.len(), 12);
    let goals: Vec<String> = wanted
        .iter()
        .map(|(name, _)| format!("package/{name}/compile"))
        .collect();
    let mut args = vec!["V=s", "-j2"];
    args.extend(goals.iter().map(String::as_str));
    let log = tree.run("make", &args);
    let made = wanted.into_iter().map(|(name, dir)| {
        let made = package(&tree, "golden", &name).unwrap_or_else(|| panic!("no {name}\n{log}"));
        let bytes = std::fs::read(made).unwrap();
        (name, dir, bytes)
    });
    made.collect()
}

#[test]
fn recorded_packages_come_out_byte_for_byte() {
    if !sdk_tree::tools() {
        return;
    }
    let Some(dir) = support::shared("packages") else {
        return;
    };
    for (name, dir, made) in recorded(&dir, "24.10.8", "input.tar") {
        let golden = std::fs::read(dir.join("out.ipk")).unwrap();
        let [made, golden] = [made, golden].map(|bytes| unpack::unpack(&bytes));
        for (ours, real) in [(&made.control, &golden.control), (&made.data, &golden.data)] {
            assert_eq!(unpack::first_difference(ours, real), None, "{name}");
        }
        assert_eq!(made, golden, "{name}");
    }
}

#[test]
fn recorded_apks_come_out_byte_for_byte() {
    if !sdk_tree::tools() {
        return;
    }
    let Some(dir) = support::shared("packages") else {
        return;
    };
    for (name, dir, made) in recorded(&dir, "25.12.5", "input-apk.tar") {
        let golden = std::fs::read(dir.join("out.apk")).unwrap();
        apk::assert_same(&name, &apk::inflate(&made), &apk::inflate(&golden));
    }
}

/// Who writes a version that apk does not have is told by `apk mkpkg`.
#[test]
fn a_version_that_apk_refuses_is_no_package() {
    if !sdk_tree::tools() {
        return;
    }
    let mut tree = Tree::of("25.12.5", "y");
    let path = tree.path(HELLO).join("Makefile");
    let recipe = std::fs::read_to_string(&path).unwrap();
    let version = recipe
        .lines()
        .find(|line| line.starts_with("PKG_VERSION:="));
    let other = recipe.replace(version.unwrap(), "PKG_VERSION:=1.0~rc1");
    std::fs::write(&path, other).unwrap();
    let run = tree.build(&[]);
    let said = "ERROR: info field 'version' has invalid value: package version is invalid";
    assert!(!run.success && run.log.contains(said), "{}", run.log);
    assert_eq!(package(&tree, "tollgate", "hello-rs"), None);
}

/// The test's package with its recipe changed.
fn with_recipe(change: impl Fn(String) -> String) -> Tree {
    let tree = Tree::new("y");
    let path = tree.path(HELLO).join("Makefile");
    let recipe = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(recipe)).unwrap();
    tree
}

#[test]
fn a_package_that_cannot_be_selected_is_not_built_and_make_succeeds() {
    if !sdk_tree::tools() {
        return;
    }
    let mut tree = with_recipe(|recipe| recipe.replace("$(RUST_ARCH_DEPENDS)", "@BROKEN"));
    let run = tree.build(&[]);
    assert!(run.success, "{}", run.log);
    assert!(
        run.log
            .contains("time: package/feeds/tollgate/hello-rs/compile#")
    );
    assert_eq!(package(&tree, "tollgate", "hello-rs"), None);
}

#[test]
fn a_dependency_that_no_feed_has_only_warns() {
    if !sdk_tree::tools() {
        return;
    }
    let depends = "$(RUST_ARCH_DEPENDS) +nowhere +libgcc +USE_MUSL:yes +!USE_MUSL:no";
    let mut tree = with_recipe(|recipe| recipe.replace("$(RUST_ARCH_DEPENDS)", depends));
    let run = tree.build(&[]);
    let warning = "WARNING: Makefile 'package/feeds/tollgate/hello-rs/Makefile' \
                   has a dependency on 'nowhere', which does not exist";
    assert!(run.success && run.log.contains(warning), "{}", run.log);
    let ipk = std::fs::read(package(&tree, "tollgate", "hello-rs").unwrap()).unwrap();
    let control = String::from_utf8(unpack::unpack(&ipk).control).unwrap();
    let field = "\nDepends: libc, nowhere, libgcc1, yes\nSource: feeds/tollgate/net/hello-rs\n";
    assert!(control.contains(field), "{control}");
}

#[test]
fn a_missing_include_is_reported_as_make_reports_it() {
    if !sdk_tree::tools() {
        return;
    }
    let mut tree = with_recipe(|recipe| {
        recipe.replace("$(TOPDIR)/feeds/packages/lang/rust", "../../lang/rust")
    });
    let run = tree.build(&[]);
    assert!(!run.success);
    for line in [
        ": ../../lang/rust/rust-package.mk: No such file or directory\n",
        "make[2]: *** No rule to make target '../../lang/rust/rust-package.mk'.  Stop.\n",
        "    ERROR: package/feeds/tollgate/hello-rs failed to build.\n",
    ] {
        assert!(run.log.contains(line), "{line}{}", run.log);
    }
    let mut scanner = Scanner::default();
    scanner.push(run.log.as_bytes());
    // The toolchain was built first; nothing is known once it is there.
    assert_eq!(scanner.finish().verdict, Outcome::Recompiled);
    let run = tree.build(&[]);
    let mut scanner = Scanner::default();
    scanner.push(run.log.as_bytes());
    let verdict = scanner.finish();
    assert_eq!(verdict.verdict, Outcome::Unknown);
    assert!(verdict.mend.unwrap().contains("rust-package.mk"));
}

#[test]
fn an_unknown_package_is_an_error() {
    if !sdk_tree::tools() {
        return;
    }
    let tree = Tree::new("y");
    let (success, text) = tree.try_run("make", &["package/nothing/compile", "V=s"]);
    assert!(!success);
    let line = "make[1]: *** No rule to make target 'package/nothing/compile'.  Stop.";
    assert!(text.contains(line), "{text}");
}

#[test]
fn settings_are_kept_or_get_their_defaults() {
    if !sdk_tree::tools() {
        return;
    }
    let tree = Tree::new("y");
    let read = || std::fs::read_to_string(tree.path(".config")).unwrap();
    for line in [
        "AUTOREBUILD=y",
        "AUTOREMOVE=y",
        "ALL=y",
        "PACKAGE_hello-rs=m",
    ] {
        assert!(read().contains(&format!("CONFIG_{line}\n")), "{line}");
    }
    let seed = "CONFIG_NOBODY_KNOWS=y\n# CONFIG_AUTOREBUILD is not set\n# CONFIG_PACKAGE_rust is not set\n";
    std::fs::write(tree.path(".config"), seed).unwrap();
    tree.run("make", &["defconfig"]);
    let config = read();
    assert!(
        !config.contains("NOBODY") && config.contains("CONFIG_AUTOREMOVE=y\n"),
        "{config}"
    );
    assert!(
        config.contains("# CONFIG_AUTOREBUILD is not set\n"),
        "{config}"
    );
    assert!(
        config.contains("# CONFIG_PACKAGE_rust is not set\n"),
        "{config}"
    );
    let again = tree.run("make", &["defconfig"]);
    assert!(again.contains("# No change to .config"), "{again}");
}

#[test]
fn feeds_come_from_links_copies_and_commits() {
    if !sdk_tree::tools() {
        return;
    }
    let tree = Tree::new("y");
    let own = tree.path("own");
    let folder = own.join("net/hello-rs");
    std::fs::create_dir_all(&own).unwrap();
    support::run(
        Command::new("cp")
            .arg("-R")
            .arg(tree.path("feeds/tollgate/net"))
            .arg(&own),
    );
    let _ = std::fs::remove_dir_all(tree.path("feeds/tollgate"));
    std::fs::remove_dir_all(tree.path("package/feeds")).unwrap();
    let packages = std::fs::read_to_string(tree.path("feeds.conf.default")).unwrap();
    let install = |kind: &str| {
        let conf = format!("{packages}{kind} tollgate {}\n", own.display());
        std::fs::write(tree.path("feeds.conf"), conf).unwrap();
        let text = tree.run("scripts/feeds", &["update", "-a"]);
        assert!(
            text.contains("Create index file './feeds/tollgate.index' "),
            "{text}"
        );
        let text = tree.run("scripts/feeds", &["install", "-p", "tollgate", "hello-rs"]);
        // What it needs to be built comes with it.
        for line in [
            "Installing package 'hello-rs' from tollgate\n",
            "Installing package 'rust' from packages\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let link = tree.path("package/feeds/tollgate/hello-rs");
        let to = std::fs::read_link(&link).unwrap();
        assert_eq!(to, Path::new("../../../feeds/tollgate/net/hello-rs"));
        let real = link.canonicalize().unwrap();
        std::fs::remove_dir_all(tree.path("package/feeds")).unwrap();
        real
    };
    assert_eq!(install("src-link"), folder);
    let copied = install("src-cpy");
    assert_eq!(copied, tree.path("feeds/tollgate/net/hello-rs"));
    let commit = packages.trim().rsplit_once('^').unwrap().1;
    let head = Command::new("git")
        .args([
            "-C",
            tree.path("feeds/packages").to_str().unwrap(),
            "rev-parse",
            "HEAD",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&head.stdout).trim(), commit);
    let missing = tree.try_run("scripts/feeds", &["install", "nothing"]);
    assert!(
        !missing.0
            && missing
                .1
                .contains("WARNING: No feed for package 'nothing' found")
    );
}
