//! A daemon that runs, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, Response, connect};

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
