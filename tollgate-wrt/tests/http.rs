//! What customers see on port 2121.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use rustix::fs::{CWD, Mode, mkfifoat};

use common::{Response, Root, tags, verified_event};

#[test]
fn the_advertisement_names_all_mints_and_is_signed() {
    let root = Root::new();
    root.write(
        "etc/tollgate/config.json",
        r#"{"metric": "milliseconds", "step_size": 60000, "accepted_mints": [
            {"url": "https://Mint.example/", "price_per_step": 2, "price_unit": "sats"},
            {"url": "https://other.example/Bitcoin", "price_per_step": 2, "purchase_min_steps": 3}]}"#,
    );
    let daemon = root.start();
    let answer = daemon.get("/");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let event = verified_event(&answer.body);
    assert_eq!(event["kind"], 10021);
    assert_eq!(event["content"], "");
    assert!(event["created_at"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(tags(&event, "metric"), [["milliseconds"]]);
    assert_eq!(tags(&event, "step_size"), [["60000"]]);
    assert_eq!(tags(&event, "tips"), [["1", "2"]]);
    assert_eq!(
        tags(&event, "price_per_step"),
        [
            ["cashu", "2", "sat", "https://mint.example", "1"],
            ["cashu", "2", "sat", "https://other.example/Bitcoin", "3"],
        ]
    );
    // Signed once, not for each request.
    assert_eq!(daemon.get("/").body, answer.body);
}

#[test]
fn without_a_mint_it_says_so() {
    let daemon = Root::new().start();
    let answer = daemon.get("/");
    assert_eq!(answer.status, 200);
    let event = verified_event(&answer.body);
    assert_eq!(event["kind"], 21023);
    assert_eq!(tags(&event, "level"), [["error"]]);
    assert_eq!(tags(&event, "code"), [["service-unavailable"]]);
    assert!(
        event["content"]
            .as_str()
            .unwrap()
            .contains("not configured")
    );
    let line = daemon.log().wait_for("not configured");
    assert!(
        line.starts_with("level=warn ") && line.contains("list mint"),
        "{line}"
    );
}

#[test]
fn uci_overrides_config_json() {
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\tlist mint 'https://uci.example'\n\toption price_per_step '7'\n",
    );
    let event = verified_event(&root.start().get("/").body);
    let expected = [["cashu", "7", "sat", "https://uci.example", "1"]];
    assert_eq!(tags(&event, "price_per_step"), expected);
}

#[test]
fn usage_without_a_session() {
    let daemon = Root::configured().start();
    let answer = daemon.get("/usage");
    assert_eq!((answer.status, answer.body.as_str()), (200, "-1/-1"));
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
}

#[test]
fn whoami_from_the_neighbour_table_then_from_the_leases() {
    let root = Root::configured();
    root.write(
        "proc/net/arp",
        "IP address       HW type     Flags       HW address            Mask     Device\n\
         198.51.100.77    0x1         0x2         02:AB:CD:00:00:01     *        br-lan\n",
    );
    root.write(
        "tmp/dhcp.leases",
        "1 02:00:00:00:00:99 198.51.100.77 stale *\n1 02:AB:CD:00:00:02 198.51.100.78 phone *\n",
    );
    let daemon = root.start();
    let whoami = |header: &str| {
        let answer = daemon.get_with("/whoami", header);
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("text/plain")
        );
        answer.body
    };
    assert_eq!(
        whoami("X-Real-Ip: 198.51.100.77\r\n"),
        "mac=02:ab:cd:00:00:01"
    );
    assert_eq!(
        whoami("X-Forwarded-For: 198.51.100.77, 198.51.100.78\r\n"),
        "mac=02:ab:cd:00:00:02"
    );
    assert_eq!(
        whoami("X-Real-Ip: ::ffff:198.51.100.78\r\n"),
        "mac=02:ab:cd:00:00:02"
    );
    // Nobody knows them; the protocol wants 200 all the same.
    assert_eq!(whoami("X-Real-Ip: 198.51.100.79\r\n"), "mac=");
    assert_eq!(whoami("X-Real-Ip: nonsense\r\n"), "mac=");
    assert_eq!(whoami(""), "mac=");
}

#[test]
fn a_pipe_in_a_tables_place_stops_nobody() {
    let root = Root::configured();
    root.write("tmp/other", "");
    let pipe = root.file("tmp/dhcp.leases");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    let daemon = root.start_with(&["--log-level", "debug"]);
    assert_eq!(daemon.get("/whoami").body, "mac=");
    daemon.log().wait_for("a named pipe, not a regular file");
    assert_eq!(daemon.get("/").status, 200);
}

#[test]
fn pages_of_the_router_may_read_answers_and_others_not() {
    let daemon = Root::configured().start();
    let allowed = |origin: &str| {
        let answer = daemon.get_with("/whoami", &format!("Origin: {origin}\r\n"));
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed.is_some(), answer.header("vary") == Some("Origin"));
        assert!(allowed.is_none_or(|allowed| allowed == origin));
        allowed.is_some()
    };
    assert!(allowed("http://192.168.1.1:2051"));
    assert!(allowed("http://127.0.0.1:8080"));
    assert!(allowed("http://[fd00::1]"));
    assert!(!allowed("https://evil.example"));
    assert!(!allowed("null"));
    assert!(!allowed("http://203.0.113.1"));
    assert_eq!(daemon.get("/").header("vary"), None);

    // The same public address on another port is the portal.
    let answer = daemon.request(
        "GET / HTTP/1.1\r\nHost: 203.0.113.1:2121\r\nOrigin: http://203.0.113.1:2051\r\n\r\n",
    );
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://203.0.113.1:2051")
    );
    // Errors too: a portal has to be able to read them.
    let answer = daemon.get_with("/none", "Origin: http://192.168.1.1\r\n");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://192.168.1.1")
    );
}

#[test]
fn preflight() {
    let daemon = Root::configured().start();
    for path in ["/", "/whoami", "/anything"] {
        let answer = daemon.request(&format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: x\r\nOrigin: http://192.168.1.1:2051\r\n\
             Access-Control-Request-Method: POST\r\n\r\n"
        ));
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        let header = |name: &str| answer.header(name).unwrap();
        assert_eq!(header("access-control-allow-methods"), "GET, POST, OPTIONS");
        assert_eq!(
            header("access-control-allow-headers"),
            "Content-Type, Authorization"
        );
        assert_eq!(
            header("access-control-allow-origin"),
            "http://192.168.1.1:2051"
        );
    }
}

#[test]
fn head_is_get_without_the_body() {
    let daemon = Root::configured().start();
    let get = daemon.get("/");
    let head = daemon.request("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.header("content-type"), get.header("content-type"));

    // Nothing follows it: the next answer on the connection is in step.
    let mut stream = daemon.connect();
    stream
        .write_all(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    Response::read(&mut stream, false).unwrap();
    stream
        .write_all(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(Response::read(&mut stream, true).unwrap().body, "-1/-1");
}

#[test]
fn what_is_not_there() {
    let daemon = Root::configured().start();
    for path in [
        "/none",
        "//",
        "/whoami/",
        "/../etc/tollgate/identities.json",
        "/%2e%2e/",
    ] {
        let answer = daemon.get(path);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, r#"{"error":"not found"}"#)
        );
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = daemon.request(&format!(
            "{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
        assert_eq!(answer.body, r#"{"error":"method not allowed"}"#);
    }
    assert_eq!(daemon.get("/?query=1").status, 200);
    assert_eq!(daemon.get("http://elsewhere.example/usage").body, "-1/-1");
}

#[test]
fn keep_alive_and_pipelining() {
    let daemon = Root::configured().start();
    let mut stream = daemon.connect();
    const REQUESTS: usize = 200;
    let requests = "GET /usage HTTP/1.1\r\nHost: x\r\n\r\n".repeat(REQUESTS);
    stream.write_all(requests.as_bytes()).unwrap();
    for _ in 0..REQUESTS {
        assert_eq!(Response::read(&mut stream, true).unwrap().body, "-1/-1");
    }
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    Response::read(&mut stream, true).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_body_that_nobody_asked_for_is_no_trouble() {
    let daemon = Root::configured().start();
    let mut stream = daemon.connect();
    let head = "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Response::read(&mut stream, true).unwrap().status, 404);
    // The daemon hangs up instead of reading a gigabyte.
    let sent = (0..100_000).try_for_each(|_| stream.write_all(&[0; 10_000]));
    assert!(sent.is_err());
    assert_eq!(daemon.get("/usage").status, 200);
}

#[test]
fn garbage_is_refused() {
    let daemon = Root::configured().start();
    for garbage in [
        "\r\n\r\n\r\nGET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}", // TLS
    ] {
        let mut stream = daemon.connect();
        stream.write_all(garbage.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{garbage:?}: {answer}"
        );
    }
    assert_eq!(daemon.get("/usage").status, 200);
}

#[test]
fn endless_headers_are_refused() {
    let daemon = Root::configured().start();
    let mut stream = daemon.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    // May fail part-way: the daemon does not read all of it.
    let _ = (0..1_000).try_for_each(|n| write!(stream, "X-Header-{n}: {}\r\n", "x".repeat(100)));
    let status = Response::read(&mut stream, false).map(|answer| answer.status);
    // A reset can overtake the answer.
    assert!(matches!(status, Ok(431) | Err(_)), "{status:?}");
    assert_eq!(daemon.get("/usage").status, 200);

    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(7_000));
    assert_eq!(daemon.request(&long).status, 404);
}

#[test]
fn dripping_headers_and_idle_connections_end() {
    let daemon = Root::configured().start();
    let mut idle = daemon.connect();
    let mut kept = daemon.connect();
    kept.write_all(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    Response::read(&mut kept, true).unwrap();
    let mut slow = daemon.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .unwrap();
    // A byte now and then does not count as progress.
    let mut writer = slow.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    // The reads have a time limit: each of these would fail the test.
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert_eq!(kept.read(&mut [0]).unwrap(), 0);
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest);
    drop(slow);
    dripping.join().unwrap();
    assert_eq!(daemon.get("/usage").status, 200);
}

#[test]
fn connections_are_bounded_and_nobody_is_kept_out() {
    const LIMIT: usize = 256;
    let daemon = Root::configured().start();
    let mut open: Vec<_> = (0..LIMIT + 20).map(|_| daemon.connect()).collect();
    daemon.log().wait_for("too many connections");
    // All places are held by connections that ask nothing: one that asks is served.
    assert_eq!(daemon.get("/usage").status, 200);
    // The oldest had to go.
    assert_eq!(open[0].read(&mut [0]).unwrap_or(0), 0);
    let served = open
        .iter_mut()
        .filter_map(|stream| {
            stream
                .write_all(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n")
                .ok()?;
            Response::read(stream, true).ok()
        })
        .count();
    assert_eq!(served, LIMIT - 1);
}

#[test]
fn several_addresses_and_both_families() {
    let root = Root::configured();
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    let second = if has_ipv6 { "[::1]:0" } else { "127.0.0.1:0" };
    let daemon = root.start_with(&["--listen", second]);
    let part = if has_ipv6 {
        "addr=[::1]:"
    } else {
        "addr=127.0.0.1:"
    };
    let line = daemon.log().wait_for(part);
    let address: SocketAddr = line.split("addr=").nth(1).unwrap().parse().unwrap();
    let mut stream = common::connect(address);
    stream
        .write_all(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(Response::read(&mut stream, true).unwrap().status, 200);
}
