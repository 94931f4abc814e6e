//! No mint can be reached: `GET /` says so, in the words that the portal knows.
//!
//! The daemon waits a minute before it says that, so that this runs only with
//! TOLLGATE_LONG, as `cargo xtask ci full` does.

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use common::{Root, tags, verified_event};

#[test]
fn it_is_said_and_taken_back() {
    if std::env::var_os("TOLLGATE_LONG").is_none() {
        eprintln!("SKIPPED: it takes a minute (TOLLGATE_LONG=1)");
        return;
    }
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let root = Root::new();
    root.write(
        "etc/tollgate/config.json",
        &format!(r#"{{"accepted_mints": [{{"url": "http://{address}", "price_per_step": 1}}, {{"url": "http://127.0.0.1:9", "price_per_step": 1}}]}}"#),
    );
    let daemon = root.start();
    let start = Instant::now();
    let front = || verified_event(&daemon.get("/").body);
    assert_eq!(front()["kind"], 10021);
    while front()["kind"] == 10021 {
        assert!(start.elapsed() < Duration::from_secs(80), "never said");
        thread::sleep(Duration::from_millis(200));
    }
    assert!(start.elapsed() > Duration::from_secs(55));
    let notice = front();
    assert_eq!(notice["kind"], 21023);
    assert_eq!(tags(&notice, "code"), [["no-reachable-mints"]]);
    assert_eq!(tags(&notice, "level"), [["warning"]]);

    // A double of a mint, which has no keysets, but answers.
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4_096]);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"keysets\":[]}");
        }
    });
    let start = Instant::now();
    while front()["kind"] != 10021 {
        assert!(
            start.elapsed() < Duration::from_secs(80),
            "never taken back"
        );
        thread::sleep(Duration::from_millis(200));
    }
}
