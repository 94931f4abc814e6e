//! Changed inputs for a bounded time: whatever comes, the daemon answers the
//! next one. TOLLGATE_FUZZ_SECONDS has more of it, TOLLGATE_SEED repeats a run.
//!
//! Property tests of single parsers stand beside them; here it is what comes
//! from outside as a whole: requests as bytes, tokens, events, and files.

mod common;

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{Daemon, Response, Root, connect};
use tollgate_wrt::paths::Paths;
use tollgate_wrt::wallet::token;
use tollgate_wrt::{config, identity};

/// NUT-00's V4 token, of a mint that is not accepted.
const V4: &str = "cashuBpGF0gaJhaUgArSaMTR9YJmFwgaNhYQFhc3hAOWE2ZGJiODQ3YmQyMzJiYTc2ZGIwZGYxOTcyMTZiMjlkM2I4Y2MxNDU1M2NkMjc4MjdmYzFjYzk0MmZlZGI0ZWFjWCEDhhhUP_trhpXfStS6vN6So0qWvc2X3O4NfM-Y1HISZ5JhZGlUaGFuayB5b3VhbXVodHRwOi8vbG9jYWxob3N0OjMzMzhhdWNzYXQ=";

/// What parsers trip over.
const WORDS: [&[u8]; 24] = [
    b"\r\n\r\n",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"\"",
    b"\\u0000",
    b"-1",
    b"18446744073709551616",
    b"1e308",
    b"null",
    b"true",
    b"cashuA",
    b"cashuB",
    b"cashu:",
    b"21000",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Expect: 100-continue\r\n",
    b"ffffffffffffffff\r\n",
    b"X-Real-Ip: ::ffff:0:0\r\n",
    b"HTTP/1.0",
];

/// xorshift64*: numbers that a seed repeats.
struct Random(u64);

impl Random {
    /// A new seed, or the one that is asked for; said on standard error.
    fn new(what: &str) -> Self {
        let number = |name| std::env::var(name).ok()?.parse().ok();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = number("TOLLGATE_SEED").unwrap_or(now.as_nanos() as u64 | 1);
        eprintln!("{what}: TOLLGATE_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(number).unwrap() % bound.max(1)
    }

    /// One of the seeds, with up to four changes.
    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(24)).min(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                2 => drop(bytes.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
                3 if at < end => drop(bytes.drain(at..end)),
                4 if at < end => {
                    let part = bytes[at..end].repeat(1 + self.below(40));
                    bytes.splice(at..at, part);
                }
                5 => bytes.truncate(at),
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
            }
        }
        bytes
    }
}

/// Repeats an action for as long as it is worth it.
fn repeat(mut action: impl FnMut()) {
    let seconds = std::env::var("TOLLGATE_FUZZ_SECONDS");
    let seconds = seconds.ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        action();
        count += 1;
    }
    eprintln!("{count} times");
    assert!(count > 10, "only {count} times");
}

/// A daemon whose mint is not there, so that nothing is waited for.
fn daemon() -> (Root, Daemon) {
    let root = Root::new();
    root.write(
        "etc/tollgate/config.json",
        r#"{"accepted_mints": [{"url": "http://127.0.0.1:9", "price_per_step": 1}]}"#,
    );
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n option gate 'none'\n",
    );
    root.write("tmp/dhcp.leases", "1 02:00:00:00:00:01 192.0.2.1 * *\n");
    let daemon = root.start();
    (root, daemon)
}

fn v3() -> String {
    let body = V4.to_owned();
    let parsed: cashu::Token = body.parse().unwrap();
    let url = "http://127.0.0.1:9";
    let cashu::Token::TokenV4(v4) = parsed else {
        unreachable!("it is a V4 token")
    };
    // The same piece of ecash, of a mint that is accepted, in the old form.
    let piece = &v4.token[0].proofs[0];
    let json = serde_json::json!({"unit": "sat", "token": [{"mint": url, "proofs": [
        {"amount": 1, "id": "00ad268c4d1f5826", "secret": piece.secret, "C": piece.c}]}]});
    let token: cashu::nuts::nut00::TokenV3 = serde_json::from_value(json).unwrap();
    token.to_string()
}

fn event(token: &str) -> String {
    let key = "ab".repeat(32);
    format!(
        r#"{{"kind":21000,"pubkey":"{key}","content":"","created_at":1,"tags":[["p","x"],["device-identifier","mac","02:00:00:00:00:01"],["payment","{token}"]],"id":"","sig":""}}"#
    )
}

#[test]
fn requests() {
    let mut random = Random::new("requests");
    let (_root, daemon) = daemon();
    let post = |path: &str, body: &str, headers: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let client = "X-Real-Ip: 192.0.2.1\r\n";
    let seeds: Vec<Vec<u8>> = [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n".to_owned(),
        format!("GET /balance HTTP/1.1\r\nHost: tollgate.lan\r\nOrigin: http://192.168.1.1:2051\r\n{client}\r\n"),
        "GET /ln-invoice?quote=a%20b&x=%ff HTTP/1.1\r\nHost: [::1]\r\n\r\n".to_owned(),
        "OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: null\r\nAccess-Control-Request-Method: POST\r\n\r\n".to_owned(),
        post("/", V4, client),
        post("/", &v3(), "Content-Type: text/plain; charset=utf-8\r\n"),
        post("/", &event(V4), "Content-Type: application/json\r\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n"),
        post("/ln-invoice", r#"{"amount":5,"mint_url":"http://127.0.0.1:9"}"#, client),
        format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ncash\r\n{:x};a=b\r\n{}\r\n0\r\nX: y\r\n\r\n", V4.len(), V4),
        "HEAD /whoami HTTP/1.0\r\n\r\n".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec();
    repeat(|| {
        let mut bytes = random.changed(&seeds);
        if random.below(3) == 0 {
            bytes.extend(random.changed(&seeds));
        }
        let mut stream = connect(daemon.address);
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        // It may be reset; it must not hang.
        if let Err(error) = stream.read_to_end(&mut answer) {
            let hung = matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            );
            assert!(!hung, "no end of {:?}", String::from_utf8_lossy(&bytes));
        }
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1."),
            "{:?}\n{:?}",
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(&answer)
        );
    });
    assert_eq!(daemon.get("/").status, 200);
    assert!(daemon.stop().success());
}

/// In requests that are whole: what is in them is reached every time.
#[test]
fn tokens_and_events() {
    let mut random = Random::new("tokens and events");
    let (_root, daemon) = daemon();
    let seeds: Vec<Vec<u8>> = [V4.to_owned(), v3(), event(V4), event(&v3())]
        .map(String::into_bytes)
        .to_vec();
    let mut stream = connect(daemon.address);
    let mut number = 0u32;
    repeat(|| {
        let body = random.changed(&seeds);
        let _ = token::parse(&String::from_utf8_lossy(&body));
        // Each of an address of its own: ten a minute are taken of one.
        number += 1;
        let [_, a, b, c] = number.to_be_bytes();
        let known = match random.below(20) {
            0 => "192.0.2.1".to_owned(),
            _ => format!("10.{a}.{b}.{c}"),
        };
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nX-Real-Ip: {known}\r\nContent-Length: {length}\r\n\r\n"
        );
        // In one piece, or the system waits for more of it.
        stream
            .write_all(&[head.as_bytes(), &body].concat())
            .unwrap();
        let answer = Response::read(&mut stream, true).unwrap();
        let text = String::from_utf8_lossy(&body);
        // Nobody can be paid: the mint is not there.
        assert!(
            (400..=500).contains(&answer.status),
            "{} for {text}",
            answer.status
        );
        assert!(answer.body.contains("21023"), "{} for {text}", answer.body);
    });
    assert!(daemon.stop().success());
}

#[test]
fn files() {
    let mut random = Random::new("files");
    let root = Root::new();
    let configs: Vec<Vec<u8>> = [
        include_str!("../src/config/testdata/go-v0.0.8.json"),
        include_str!("../src/config/testdata/rust-port-v0.0.8.json"),
        r#"{"accepted_mints":[{"url":"https://a.example/","payout_interval_seconds":60000000000}],"profit_share":[{"factor":1.0,"identity":"owner"}],"step_size":0}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let uci = [b"config tollgate 'main'\n option gate 'command'\n option gate_command '/x'\n list mint 'https://m.example'\n option step_size \"1\\'2\"\n".to_vec()];
    let paths = Paths::new(root.path());
    let write = |path: &str, bytes: &[u8]| std::fs::write(root.file(path), bytes).unwrap();
    root.write("etc/config/tollgate", "");
    root.write("etc/tollgate/config.json", "");
    repeat(|| {
        write("etc/tollgate/config.json", &random.changed(&configs));
        write("etc/config/tollgate", &random.changed(&uci));
        match config::load(&paths) {
            Ok(loaded) => assert!(loaded.settings.file.step().get() > 0),
            // An error says where it is.
            Err(errors) => {
                assert!(!errors.0.is_empty());
                for error in &errors.0 {
                    assert!(error.to_string().starts_with('/'), "{error}");
                }
            }
        }
    });
    // A key that cannot be read stays as it is: it may be an identity's only copy.
    let whole = {
        identity::load_or_create(&paths.identities()).unwrap();
        std::fs::read(paths.identities()).unwrap()
    };
    for _ in 0..500 {
        let bytes = random.changed(std::slice::from_ref(&whole));
        std::fs::write(paths.identities(), &bytes).unwrap();
        if identity::load_or_create(&paths.identities()).is_err() {
            assert_eq!(std::fs::read(paths.identities()).unwrap(), bytes);
        }
    }
}
