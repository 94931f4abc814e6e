//! `deploy` of the project's own package and of its feed, to a router of the
//! tests' own (support/far_side.rs), whose opkg and apk are doubles.

#[path = "support/far_root.rs"]
mod far_root;
#[path = "support/far_side.rs"]
mod far_side;
#[path = "support/feeds.rs"]
mod feeds;
#[path = "support/project.rs"]
mod project;
mod support;

use far_side::{APK, FarSide, OPKG, stderr};
use feeds::{ARCH, Project};

#[test]
fn the_project_s_package_is_built_for_the_router() {
    if !far_root::have() || !project::toolchain() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let greeter = project::Project::new();
    let manifest = greeter.path("Cargo.toml").to_str().unwrap().to_owned();
    let args = ["--toolchain", "debian", "--manifest-path", &manifest];
    let dry = [args.as_slice(), &["--dry-run", "--json"]].concat();
    let output = side.deploy(&dry);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(support::json(&output)["package"], serde_json::Value::Null);
    assert!(
        stderr(&output).contains("build the package first"),
        "{}",
        stderr(&output)
    );
    assert!(!greeter.path("dist").exists());

    let output = side.deploy(&args);
    let said = stderr(&output);
    // Its service is a double that the test does not put there.
    assert!(said.contains("Installed on the router"), "{said}");
    assert!(side.root.read("double/installed").starts_with("greeter "));
    let told = support::json(&side.deploy(&dry));
    assert_eq!(told["change"], "reinstall", "it is in dist now");
    assert_eq!(told["package"]["arch"], ARCH);
    side.assert_clean();
}

#[test]
fn a_feed_and_its_key_are_added_or_nothing_is() {
    if !far_root::have() {
        return;
    }
    let project = Project::new();
    let url = feeds::serve(project.dist.path().join("feed"));
    for (kind, release, key, list) in [
        (OPKG, "24.10", "key-build.pub", "etc/opkg/customfeeds.conf"),
        (
            APK,
            "25.12",
            "public-key.pem",
            "etc/apk/repositories.d/tollgate.list",
        ),
    ] {
        let feed = project.feed(release);
        let key = project.key(key);
        let side = FarSide::start(&kind);
        let own = "# the owner's\nsrc/gz other http://other.example\n";
        if kind.manager == "opkg" {
            side.root.write(list, own, 0o644);
        }
        let place = format!("{url}/{release}/{ARCH}/");
        let args = ["--feed", &place, "--key", key.to_str().unwrap()];
        let keys = format!("etc/{}/keys", kind.manager);

        let output = side.deploy(&[args.as_slice(), &["--dry-run"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("nothing was changed"));
        assert!(!side.root.has(&keys));

        // The router trusts another key: all is as it was.
        side.root.write("double/trusted", "another", 0o644);
        let output = side.deploy(&args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("does not accept the feed, and it was taken out again"),
            "{said}"
        );
        match kind.manager {
            "opkg" => assert_eq!(side.root.read(list), own),
            _ => assert!(!side.root.has(list)),
        }
        assert_eq!(side.root.names(&keys), [""; 0]);

        std::fs::copy(&key, side.root.path("double/trusted")).unwrap();
        // Twice: the line stands there once.
        for _ in 0..2 {
            let output = side.deploy(&args);
            let said = stderr(&output);
            assert!(output.status.success(), "{said}");
            assert!(said.contains("on the router installs from it"), "{said}");
        }
        let line = match kind.manager {
            "opkg" => format!("{own}src/gz tollgate {}\n", place.trim_end_matches('/')),
            _ => format!("{place}packages.adb\n"),
        };
        assert_eq!(side.root.read(list), line);
        let names = side.root.names(&keys);
        assert_eq!(
            side.root.read(&format!("{keys}/{}", names[0])),
            std::fs::read_to_string(&key).unwrap()
        );
        assert_eq!(names.len(), 1);

        // Of what a router would refuse it is not told.
        let package = feeds::names(&feed)
            .into_iter()
            .find(|name| name.starts_with("one"));
        std::fs::write(feed.join(package.unwrap()), "x").unwrap();
        let said = stderr(&side.deploy(&args));
        assert!(said.contains("a router would refuse this feed"), "{said}");
        side.assert_clean();
    }
}

#[test]
fn feeds_that_a_router_cannot_have() {
    if !far_root::have() {
        return;
    }
    let side = FarSide::start(&OPKG);
    let project = Project::new();
    let apk = project.feed("25.12");
    let url = feeds::serve(project.dist.path().join("feed"));
    let refused = |args: &[&str], why: &str| {
        let output = side.deploy(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{why}: {said}");
    };
    refused(
        &["--feed", "dist/feed"],
        "A folder of this machine is out of the router's reach",
    );
    refused(
        &["--feed", "http://x/$(id)"],
        "characters of the shell's own",
    );
    refused(&["--feed", "/mnt/usb/feed"], "needs --key FILE");
    let place = format!("{url}/25.12/{ARCH}");
    assert!(apk.is_dir());
    refused(&["--feed", &place], "has no key-build.pub");
    let key = project.key("key-build.pub");
    refused(&["--feed", &place, "--key", key.to_str().unwrap()], "25.12");
    // A folder on the router; opkg has a name of its own for it.
    let args = [
        "--feed",
        "/mnt/usb/feed/",
        "--key",
        key.to_str().unwrap(),
        "--dry-run",
    ];
    let output = side.deploy(&args);
    assert!(
        stderr(&output).contains("add file:///mnt/usb/feed to "),
        "{}",
        stderr(&output)
    );
    side.assert_clean();
}
