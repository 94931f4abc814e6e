//! Feeds while somebody reads them: in a folder, and behind a URL.

#[path = "support/feeds.rs"]
mod feeds;
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use feeds::{ARCH, Project, RELEASES, names, stderr};

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

/// Serves a folder over HTTP until the tests end.
fn serve(dir: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap() > 2 {
                header.clear();
            }
            let path = line
                .split(' ')
                .nth(1)
                .unwrap()
                .trim_start_matches('/')
                .replace("%7E", "~");
            let (status, body) = match std::fs::read(dir.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", b"no such page".to_vec()),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    url
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
