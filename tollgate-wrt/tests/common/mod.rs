//! Starts the real daemon below a temporary root, and talks to it.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use k256::schnorr::{Signature, VerifyingKey};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub const BINARY: &str = env!("CARGO_BIN_EXE_tollgate-wrt");

/// Longest time that anything here may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what comes by itself; how long it took until the look began that
/// saw it.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    loop {
        let began = start.elapsed();
        if is_so() {
            return began;
        }
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A system root with the files of a test.
pub struct Root(tempfile::TempDir);

impl Root {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A root with one configured mint.
    pub fn configured() -> Self {
        let root = Self::new();
        root.write(
            "etc/tollgate/config.json",
            r#"{"accepted_mints": [{"url": "https://mint.example", "price_per_step": 1}]}"#,
        );
        root
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn identity(&self) -> String {
        fs::read_to_string(self.file("etc/tollgate/identities.json")).unwrap()
    }

    /// A command of the daemon with this root.
    pub fn command(&self, command: &[&str]) -> Command {
        let mut process = Command::new(BINARY);
        process.args(command).arg("--root").arg(self.path());
        process
    }

    /// Runs a command that ends by itself; gives exit code, output and errors,
    /// without the name of the temporary directory.
    pub fn output(&self, command: &[&str]) -> (i32, String, String) {
        let output = self.command(command).output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(self.path().to_str().unwrap(), "")
        };
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    /// Starts the daemon on a free port of the loopback.
    pub fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    pub fn start_with(&self, arguments: &[&str]) -> Daemon {
        let mut command = self.command(&["run", "--listen", "127.0.0.1:0"]);
        command.args(arguments);
        Daemon::start(command)
    }
}

/// A running daemon; killed, and nothing else, when the test is over.
pub struct Daemon {
    child: Child,
    log: Log,
    pub address: SocketAddr,
}

impl Daemon {
    /// Starts a daemon and waits until it listens.
    pub fn start(command: Command) -> Self {
        let mut daemon = Self::spawn(command);
        let line = daemon.log.wait_for("msg=listening");
        daemon.address = address_in(&line);
        daemon
    }

    /// Waits until it listens; `None` if it ends before.
    pub fn wait_for_address(&mut self) -> Option<()> {
        let start = Instant::now();
        loop {
            let has_ended = self.child.try_wait().unwrap().is_some();
            let text = self.log.text();
            if let Some(line) = text.lines().find(|line| line.contains("msg=listening")) {
                self.address = address_in(line);
                return Some(());
            }
            if has_ended {
                return None;
            }
            assert!(start.elapsed() < PATIENCE, "it does not listen:\n{text}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts a daemon that may listen later, or nowhere.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::read(child.stderr.take().unwrap());
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            child,
            log,
            address,
        }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn request(&self, head: &str) -> Response {
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        Response::read(&mut stream, !head.starts_with("HEAD ")).unwrap()
    }

    pub fn get(&self, path: &str) -> Response {
        self.get_with(path, "")
    }

    /// `headers` are whole lines.
    pub fn get_with(&self, path: &str, headers: &str) -> Response {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            self.address
        ))
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the daemon does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> SocketAddr {
    let address = line.split("addr=").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap();
    address.parse().unwrap()
}

/// What a daemon has written.
#[derive(Clone)]
pub struct Log(Arc<(Mutex<String>, Condvar)>);

impl Log {
    fn read(from: impl Read + Send + 'static) -> Self {
        let log = Self(Arc::default());
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let (text, changed) = &*writer.0;
                let mut text = text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
                changed.notify_all();
            }
        });
        log
    }

    pub fn text(&self) -> String {
        self.0.0.lock().unwrap().clone()
    }

    /// The first line with `part`, as soon as there is one.
    pub fn wait_for(&self, part: &str) -> String {
        let (text, changed) = &*self.0;
        let start = Instant::now();
        let mut text = text.lock().unwrap();
        loop {
            if let Some(line) = text.lines().find(|line| line.contains(part)) {
                return line.to_owned();
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "no `{part}` in the log:\n{text}");
            text = changed.wait_timeout(text, left).unwrap().0;
        }
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// An answer, as it came over the wire.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// Reads one answer; `has_body` is false for HEAD.
    pub fn read(stream: &mut TcpStream, has_body: bool) -> io::Result<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut response = Self {
            status: status.parse().unwrap(),
            headers,
            body: String::new(),
        };
        if has_body {
            let length = response.header("content-length").unwrap_or("0");
            let mut body = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut body)?;
            response.body = String::from_utf8(body).unwrap();
        }
        Ok(response)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands twice");
        value
    }
}

/// Reads a Nostr event; its id and its signature are verified with software
/// that the daemon does not use.
pub fn verified_event(json: &str) -> Value {
    let event: Value = serde_json::from_str(json).unwrap();
    let fields =
        ["pubkey", "created_at", "kind", "tags", "content"].map(|field| event[field].clone());
    let mut canonical = vec![Value::from(0)];
    canonical.extend(fields);
    let digest: [u8; 32] = Sha256::digest(serde_json::to_string(&canonical).unwrap()).into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(event["id"], hex);

    let key = VerifyingKey::from_bytes(&unhex(&event["pubkey"])).unwrap();
    let signature = Signature::try_from(&unhex(&event["sig"])[..]).unwrap();
    key.verify_raw(&digest, &signature).unwrap();
    event
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The values of all tags with this name.
pub fn tags(event: &Value, name: &str) -> Vec<Vec<String>> {
    let tags: Vec<Vec<String>> = serde_json::from_value(event["tags"].clone()).unwrap();
    let named = tags.into_iter().filter(|tag| tag[0] == name);
    named.map(|tag| tag[1..].to_vec()).collect()
}
