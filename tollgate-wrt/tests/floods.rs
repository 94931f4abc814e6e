//! Bodies that are large, slow or many, and requests that are very many: what
//! one client does costs bounded memory, and keeps no other one out.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use common::{Daemon, PATIENCE, Response, Root, connect, verified_event};

const MIB: usize = 1 << 20;

/// Begins a POST of `length` bytes, of which `sent` come.
fn begin(daemon: &Daemon, client: &str, length: usize, sent: usize) -> TcpStream {
    let mut stream = connect(daemon.address);
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: x\r\nX-Real-Ip: {client}\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    // The daemon may have answered, and not read on.
    let _ = stream.write_all(&vec![b'x'; sent]);
    stream
}

fn post(daemon: &Daemon, client: &str, body: &str) -> Response {
    let mut stream = begin(daemon, client, body.len(), 0);
    stream.write_all(body.as_bytes()).unwrap();
    Response::read(&mut stream, true).unwrap()
}

/// Nonsense was read, and refused: the client's MAC is not known, unless the
/// machine has a neighbour of that address.
fn is_read(answer: &Response) -> bool {
    matches!(answer.status, 400 | 402)
}

fn memory(daemon: &Daemon) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse::<usize>().unwrap() * 1_024
}

#[test]
fn one_client_cannot_take_the_memory_for_bodies() {
    let daemon = Root::configured().start();
    // Warm: what a first payment needs is not counted.
    assert!(is_read(&post(&daemon, "192.0.2.200", "nonsense")));
    let before = memory(&daemon);
    let started = Instant::now();
    // Eight large bodies that never end, all of one client.
    let mut held: Vec<TcpStream> = (0..8)
        .map(|_| begin(&daemon, "192.0.2.1", MIB, MIB - 1))
        .collect();
    thread::sleep(Duration::from_millis(500));
    // Others are answered at once, and their bodies are read: small and large.
    assert!(is_read(&post(&daemon, "192.0.2.2", "nonsense")));
    let large = "x".repeat(MIB);
    assert!(is_read(&post(&daemon, "192.0.2.3", &large)));
    assert_eq!(daemon.get("/").status, 200);
    let grown = memory(&daemon).saturating_sub(before);
    assert!(grown < 6 * MIB, "{grown} bytes for bodies that do not end");
    assert!(started.elapsed() < Duration::from_secs(10));

    // One of them had room, and is given up in time; the others had none.
    let mut statuses: Vec<u16> = held
        .iter_mut()
        .map(|stream| Response::read(stream, true).map_or(0, |answer| answer.status))
        .collect();
    statuses.sort_unstable();
    assert!(started.elapsed() < PATIENCE);
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    let late = statuses.iter().filter(|status| **status == 408).count();
    assert_eq!(late, 1, "{statuses:?}");
    // What it took is there again.
    assert!(is_read(&post(&daemon, "192.0.2.4", &large)));
}

#[test]
fn bodies_that_drip_or_have_no_length_are_bounded() {
    let daemon = Root::configured().start();
    let started = Instant::now();
    let mut dripping = begin(&daemon, "192.0.2.1", 1_000, 0);
    let mut writer = dripping.try_clone().unwrap();
    thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(500));
        }
    });
    // Without a length, by chunks: the end is reached all the same.
    let mut endless = connect(daemon.address);
    endless
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nX-Real-Ip: 192.0.2.2\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let sent = (0..64).take_while(|_| endless.write_all(chunk.as_bytes()).is_ok());
    let sent = sent.count();
    let status = Response::read(&mut endless, true).map(|answer| answer.status);
    assert!(matches!(status, Ok(413) | Err(_)), "{status:?}");
    assert!(sent <= 64);
    // Told beforehand, nothing of it is read.
    let mut honest = begin(&daemon, "192.0.2.3", MIB + 1, 0);
    assert_eq!(Response::read(&mut honest, true).unwrap().status, 413);

    let slow = Response::read(&mut dripping, true).map(|answer| answer.status);
    assert!(matches!(slow, Ok(408) | Err(_)), "{slow:?}");
    let took = started.elapsed();
    assert!(
        took > Duration::from_secs(10) && took < PATIENCE,
        "{took:?}"
    );
    assert!(is_read(&post(&daemon, "192.0.2.1", "nonsense")));
}

#[test]
fn the_advertisement_is_signed_once_and_never_refused() {
    let daemon = Root::configured().start();
    let first = daemon.get("/");
    verified_event(&first.body);
    let mut stream = connect(daemon.address);
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50);
    for _ in 0..20 {
        stream.write_all(request.as_bytes()).unwrap();
        for _ in 0..50 {
            let answer = Response::read(&mut stream, true).unwrap();
            assert_eq!((answer.status, &answer.body), (200, &first.body));
        }
    }
    // Of one address and of its whole IPv6 network, POSTs are counted.
    for clients in [
        ["192.0.2.9"; 12],
        ["fd00::9"; 12],
        ["::ffff:192.0.2.10"; 12],
    ] {
        let statuses = clients.map(|client| post(&daemon, client, "nonsense").status);
        let read = statuses
            .iter()
            .take_while(|status| matches!(status, 400 | 402));
        assert_eq!(read.count(), 10, "{clients:?}");
        assert_eq!(statuses[10..], [429; 2], "{clients:?}");
    }
    // The mapped address is the IPv4 address.
    let limited = post(&daemon, "192.0.2.10", "nonsense");
    assert_eq!(limited.status, 429);
    assert!(limited.header("retry-after").is_some());
    verified_event(&limited.body);
    // Invoices have the same table.
    let mut stream = connect(daemon.address);
    stream
        .write_all(b"POST /ln-invoice HTTP/1.1\r\nHost: x\r\nX-Real-Ip: 192.0.2.10\r\nContent-Length: 2\r\n\r\n{}")
        .unwrap();
    assert_eq!(Response::read(&mut stream, true).unwrap().status, 429);
    assert_eq!(daemon.get("/").body, first.body);
}

#[test]
fn clients_without_end_cost_no_memory() {
    let daemon = Root::configured().start();
    let ask = |numbers: std::ops::Range<u32>| {
        let mut stream = connect(daemon.address);
        for number in numbers {
            let [_, a, b, c] = number.to_be_bytes();
            // In one piece, or the system waits for more of it.
            let request = format!(
                "POST /ln-invoice HTTP/1.1\r\nHost: x\r\nX-Real-Ip: 10.{a}.{b}.{c}\r\nContent-Length: 1\r\n\r\nx"
            );
            stream.write_all(request.as_bytes()).unwrap();
            let answer = Response::read(&mut stream, true).unwrap();
            assert_eq!(answer.status, 400);
        }
    };
    ask(0..1_500);
    let before = memory(&daemon);
    ask(1_500..6_000);
    let grown = memory(&daemon).saturating_sub(before);
    assert!(grown < 300_000, "{grown} bytes for 4,500 more addresses");
}

#[test]
fn a_client_that_never_reads_is_left() {
    let daemon = Root::configured().start();
    let mut stream = connect(daemon.address);
    stream.set_nonblocking(true).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    let before = memory(&daemon);
    // Until nothing more is taken: the answers are in the way.
    let mut sent = 0;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        match stream.write(request.as_bytes()) {
            Ok(length) => sent += length,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
    assert!(sent > 0);
    let grown = memory(&daemon).saturating_sub(before);
    assert!(grown < MIB, "{grown} bytes for answers that nobody reads");
    assert_eq!(daemon.get("/").status, 200);
    let _ = stream.read(&mut [0; 16]);
}

/// All places are held by payments that were begun and are not sent on.
#[test]
fn payments_that_are_begun_keep_nobody_out() {
    let daemon = Root::configured().start();
    let begun: Vec<TcpStream> = (0..256)
        .map(|number| begin(&daemon, &format!("10.9.0.{number}"), 9, 0))
        .collect();
    // The last one's head is read.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(daemon.get("/usage").status, 200);
    drop(begun);
}
