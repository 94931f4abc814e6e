//! Feeds as a whole: what is written, that it is the same again, and that
//! `--verify` finds whatever is wrong with any of its files.

#[path = "support/feeds.rs"]
mod feeds;
mod support;

use std::path::Path;

use feeds::{ARCH, Project, RELEASES, names, package, stderr};

#[test]
fn a_feed_has_what_routers_and_people_want() {
    let project = Project::new();
    let opkg = project.feed("24.10");
    assert_eq!(
        names(&opkg),
        [
            "Packages",
            "Packages.gz",
            "Packages.manifest",
            "Packages.sig",
            "index.html",
            "index.json",
            "key-build.pub",
            "one_1.0-r1_mips_24kc.ipk",
            "sha256sums",
            "sha256sums.sig",
            "two_2.0-r1_mips_24kc.ipk",
        ]
    );
    let apk = project.feed("25.12");
    assert_eq!(
        names(&apk),
        [
            "index.html",
            "index.json",
            "one-1.0-r1.apk",
            "packages.adb",
            "public-key.pem",
            "sha256sums",
            "sha256sums.sig",
            "two-2.0-r1.apk",
        ]
    );
    for dir in [opkg, apk] {
        let html = std::fs::read_to_string(dir.join("index.html")).unwrap();
        assert!(
            html.contains("The package &lt;one&gt; &amp; &quot;more&quot;"),
            "{html}"
        );
        assert!(
            !html.contains("<script") && !html.contains("The package <one>"),
            "{html}"
        );
    }
    let output = project.verify(
        project.dist.path().join("feed").to_str().unwrap(),
        &["--json"],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let report = support::json(&output);
    assert_eq!(report["ok"], true);
    let shown: Vec<String> = report["feeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| {
            format!(
                "{} {} {} {}",
                feed["format"], feed["arch"], feed["packages"], feed["own_key"]
            )
        })
        .collect();
    // The user's own key: somebody vouches for it.
    assert_eq!(
        shown,
        [
            r#""ipk" "mips_24kc" 2 false"#,
            r#""apk" "mips_24kc" 2 false"#
        ]
    );
}

#[test]
fn the_same_packages_make_the_same_feed() {
    let project = Project::new();
    for (release, _) in RELEASES {
        let dir = project.feed(release);
        let read = || -> Vec<(String, Vec<u8>)> {
            let all = names(&dir).into_iter();
            all.map(|name| (name.clone(), std::fs::read(dir.join(name)).unwrap()))
                .collect()
        };
        let first = read();
        project.feed(release);
        assert!(read() == first, "{release}: signatures included");
        assert_eq!(names(dir.parent().unwrap()), [ARCH], "nothing is left over");
    }
}

/// What becomes of a file.
type Damage = (&'static str, fn(&Path, Vec<u8>));

const DAMAGE: [Damage; 4] = [
    ("a bit in the middle", |path, mut bytes| {
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }),
    ("cut off", |path, bytes| {
        std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap()
    }),
    ("longer", |path, bytes| {
        std::fs::write(path, [&bytes[..], b"\n"].concat()).unwrap()
    }),
    ("gone", |path, _| std::fs::remove_file(path).unwrap()),
];

#[test]
fn every_file_that_is_damaged_is_refused_by_name() {
    let project = Project::new();
    for (release, _) in RELEASES {
        let dir = project.feed(release);
        let place = dir.to_str().unwrap();
        for name in names(&dir) {
            let path = dir.join(&name);
            let bytes = std::fs::read(&path).unwrap();
            for (what, damage) in DAMAGE {
                damage(&path, bytes.clone());
                let output = project.verify(place, &[]);
                let said = stderr(&output);
                assert_eq!(
                    output.status.code(),
                    Some(1),
                    "{release} {name} {what}: {said}"
                );
                let named = said.lines().any(|line| {
                    line.starts_with("error: ") && line.contains(&format!("/{name}: "))
                        || line.contains(&format!("signature {name} "))
                });
                assert!(named, "{release} {name} {what}:\n{said}");
                std::fs::write(&path, &bytes).unwrap();
            }
        }
        std::fs::write(dir.join("extra"), "x").unwrap();
        let output = project.verify(place, &[]);
        assert!(stderr(&output).contains("/extra: is in the feed and not in sha256sums"));
        std::fs::remove_file(dir.join("extra")).unwrap();
        assert!(project.verify(place, &[]).status.success());
    }
}

#[test]
fn what_others_make_of_a_feed_is_refused() {
    let project = Project::new();
    let other = Project::new();
    for (release, end) in RELEASES {
        let dir = project.feed(release);
        // All of it anew, by another key.
        let foreign = other.feed(release);
        let key = if end == "ipk" {
            "key-build.pub"
        } else {
            "public-key.pem"
        };
        let key = project.key(key);
        let key = key.to_str().unwrap();
        let output = project.verify(foreign.to_str().unwrap(), &["--key", key]);
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains("key"), "{said}");
        // The feed's own key is shown to be nobody's.
        let output = project.verify(foreign.to_str().unwrap(), &[]);
        assert!(stderr(&output).contains("the key that it brings itself"));

        // A good package of the same name and version, and checksums to match,
        // signed by the other.
        let (file, bytes) = package(end, "one", "1.0-r1", ARCH, b"evil");
        std::fs::write(dir.join(&file), &bytes).unwrap();
        let sums = std::fs::read_to_string(dir.join("sha256sums")).unwrap();
        let new = support::run(
            std::process::Command::new("sha256sum")
                .arg("-b")
                .arg(&file)
                .current_dir(&dir),
        );
        let new = String::from_utf8(new.stdout).unwrap();
        let sums: String = sums
            .lines()
            .map(|line| {
                if line.ends_with(&file) {
                    new.clone()
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        std::fs::write(dir.join("sha256sums"), sums).unwrap();
        let output = project.verify(dir.to_str().unwrap(), &["--key", key]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said.contains("/sha256sums: its signature sha256sums.sig is refused"),
            "{said}"
        );
        assert!(
            said.contains(&format!("/{file}: ")) && said.contains("refuses it"),
            "{said}"
        );
    }
}

#[test]
fn a_key_for_each_package_manager() {
    let project = Project::new();
    for (release, _) in RELEASES {
        project.feed(release);
    }
    let feeds = project.dist.path().join("feed");
    let keys = ["key-build.pub", "public-key.pem"].map(|name| project.key(name));
    let [usign, ec] = keys.each_ref().map(|key| key.to_str().unwrap());
    let place = feeds.to_str().unwrap();
    assert!(
        project
            .verify(place, &["--key", usign, "--key", ec])
            .status
            .success()
    );
    let output = project.verify(place, &["--key", usign]);
    assert!(
        stderr(&output).contains("no public key on the curve prime256v1"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn older_packages_are_left_out() {
    let project = Project::new();
    for version in ["1.0-r10", "1.0-r9"] {
        project.add("one", version, ARCH);
    }
    for (release, end) in RELEASES {
        let output = support::run(&mut project.feed_command(release, &[]));
        let said = stderr(&output);
        assert_eq!(said.matches("is left out").count(), 2, "{said}");
        let files = names(&project.dir(release));
        let ones: Vec<&String> = files
            .iter()
            .filter(|name| name.starts_with("one"))
            .collect();
        let expected = match end {
            "ipk" => "one_1.0-r10_mips_24kc.ipk",
            _ => "one-1.0-r10.apk",
        };
        assert_eq!(ones, [expected]);
    }
}

#[test]
fn packages_that_no_router_installs_are_refused() {
    for (release, end) in RELEASES {
        let project = Project::new();
        project.feed(release);
        let before = names(&project.dir(release));
        project.add("three", "1-r1", "x86_64");
        let output = project.feed_command(release, &[]).output().unwrap();
        assert!(
            stderr(&output).contains("is for x86_64, and the feed for mips_24kc"),
            "{}",
            stderr(&output)
        );
        let (file, _) = package(end, "three", "1-r1", "x86_64", b"x");
        std::fs::write(project.packages(release).join(&file), "no package").unwrap();
        let output = project.feed_command(release, &[]).output().unwrap();
        assert!(stderr(&output).contains(&file), "{}", stderr(&output));
        assert_eq!(
            names(&project.dir(release)),
            before,
            "the feed is as it was"
        );
    }
}
