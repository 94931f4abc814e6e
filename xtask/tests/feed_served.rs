//! Feeds while somebody reads them: in a folder, and behind a URL.

#[path = "support/feeds.rs"]
mod feeds;
mod support;

use feeds::{ARCH, Project, RELEASES, names, serve, stderr};

#[test]
fn a_feed_is_never_half_there() {
    let project = Project::new();
    let dir = project.feed("25.12");
    // What a killed run leaves.
    let left = dir.parent().unwrap().join(".new-killed");
    std::fs::create_dir(&left).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for name in ["packages.adb", "sha256sums.sig", "one-1.0-r1.apk"] {
                    std::fs::read(dir.join(name)).unwrap();
                }
                reads += 1;
            }
            reads
        });
        for _ in 0..20 {
            project.feed("25.12");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 20);
    });
    assert!(!left.exists());
}

#[test]
fn a_feed_behind_a_url() {
    let project = Project::new();
    let url = serve(project.dist.path().join("feed"));
    for (release, end) in RELEASES {
        let dir = project.feed(release);
        let place = format!("{url}/{release}/{ARCH}/");
        let output = project.verify(&place, &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        // A feed without checksums is fetched by its index.
        std::fs::remove_file(dir.join("sha256sums")).unwrap();
        let said = stderr(&project.verify(&place, &[]));
        assert_eq!(said.matches("error:").count(), 1, "{said}");
        assert!(said.contains("/sha256sums: is not there"), "{said}");
        let gone = names(&dir)
            .into_iter()
            .find(|name| name.ends_with(end))
            .unwrap();
        project.feed(release);
        std::fs::remove_file(dir.join(&gone)).unwrap();
        let said = stderr(&project.verify(&place, &[]));
        assert!(
            said.contains(&format!("{release}/{ARCH}/{gone}: ")),
            "{said}"
        );
    }
    let output = project.verify(&format!("{url}/none"), &[]);
    assert!(
        stderr(&output).contains("has no index"),
        "{}",
        stderr(&output)
    );
}
