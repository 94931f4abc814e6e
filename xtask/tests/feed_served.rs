//! Feeds while somebody reads them: in a folder, and behind a URL.

#[path = "support/feeds.rs"]
mod feeds;
mod support;
#[path = "support/web.rs"]
mod web;

use std::path::Path;
use std::process::Command;

use feeds::{ARCH, Project, RELEASES, names, program, serve, stderr};
use web::Tls;

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

/// A certificate for 127.0.0.1 by its own key, and that key.
fn certificate(dir: &Path, name: &str, address: &str) -> [std::path::PathBuf; 2] {
    let [certificate, key] = ["pem", "key"].map(|end| dir.join(name).with_extension(end));
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt"])
        .args([
            "ec_paramgen_curve:prime256v1",
            "-subj",
            "/CN=test",
            "-addext",
        ])
        .arg(format!("subjectAltName=IP:{address}"))
        .args(["-days", "2", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    support::run(&mut openssl);
    [certificate, key]
}

#[test]
fn a_feed_behind_https() {
    if !["openssl", "curl", "python3"].into_iter().all(program) {
        return;
    }
    let project = Project::new();
    let dir = project.feed("24.10");
    project.feed("25.12");
    let feeds = project.dist.path().join("feed");
    let temp = tempfile::tempdir().unwrap();
    let [good, key] = certificate(temp.path(), "good", "127.0.0.1");
    let [stranger, _] = certificate(temp.path(), "stranger", "127.0.0.1");
    let [elsewhere, other_key] = certificate(temp.path(), "elsewhere", "127.0.0.2");
    let server = Tls::serve(&feeds, &good, &key);
    let verify = |place: &str, ca: Option<&Path>| {
        let mut command = project.xtask(&["feed", "--verify", place]);
        command.env_remove("SSL_CERT_FILE").env("NO_PROXY", "*");
        if let Some(ca) = ca {
            command.arg("--ca-bundle").arg(ca);
        }
        let output = command.output().unwrap();
        (output.status.code(), stderr(&output))
    };
    for (release, _) in RELEASES {
        let place = format!("{}/{release}/{ARCH}", server.url);
        let (code, said) = verify(&place, Some(&good));
        assert_eq!(code, Some(0), "{said}");
    }
    let place = format!("{}/24.10/{ARCH}", server.url);

    // A server that nobody vouches for, or another than is asked for.
    let wrong = Tls::serve(&feeds, &elsewhere, &other_key);
    for (url, ca) in [
        (&server.url, None),
        (&server.url, Some(&stranger)),
        (&wrong.url, Some(&elsewhere)),
    ] {
        let place = format!("{url}/24.10/{ARCH}");
        let (code, said) = verify(&place, ca.map(std::path::PathBuf::as_path));
        assert_eq!(code, Some(1), "{said}");
        let lines: Vec<&str> = said.lines().skip(1).map(str::trim).collect();
        assert_eq!(
            lines[..3],
            [
                format!("error: verify {place}"),
                format!("because: fetch {place}/sha256sums"),
                "because: nobody vouches for the server (--ca-bundle FILE names the certificates of a network or server of your own)".to_owned(),
            ]
        );
        assert!(
            lines[3].starts_with("because: curl: (60) ") && lines.len() == 4,
            "{said}"
        );
    }
    let (code, said) = verify(&place, Some(&key.with_extension("none")));
    assert!(
        code == Some(1) && said.contains("read the certificates of --ca-bundle"),
        "{said}"
    );

    // What is wrong with the feed is found as over http.
    let index = std::fs::read(dir.join("Packages")).unwrap();
    std::fs::write(dir.join("Packages"), &index[1..]).unwrap();
    let (code, said) = verify(&place, Some(&good));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!(
            "{place}/Packages: its signature Packages.sig is refused"
        )),
        "{said}"
    );
    std::fs::write(dir.join("Packages"), &index).unwrap();
    std::fs::remove_file(dir.join("index.html")).unwrap();
    let (_, said) = verify(&place, Some(&good));
    assert!(
        said.contains("/index.html: is in sha256sums and cannot be read here"),
        "{said}"
    );
    let (_, said) = verify(&format!("{}/none", server.url), Some(&good));
    assert!(said.contains("/none has no index"), "{said}");

    // Without curl, and from http to https.
    let mut without = project.xtask(&["feed", "--verify", &place]);
    let output = without.env("PATH", temp.path()).output().unwrap();
    assert!(
        stderr(&output).contains("https needs curl, which is not on PATH"),
        "{}",
        stderr(&output)
    );
    let redirect = web::redirect(&server.url);
    let (code, said) = verify(&format!("{redirect}/24.10/{ARCH}"), None);
    assert!(
        code == Some(1) && said.contains("the server leads from http to https: name that address"),
        "{said}"
    );
}
