//! The user's own ssh client. One connection is made and shared by all
//! commands (ControlMaster), so that a password is asked for once.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::process::{find_program, shell_quoted, shell_word, tail};

/// Most that is kept of what a command prints.
const MAX_OUTPUT: u64 = 4 << 20;
/// ssh's own exit code when the connection fails.
const SSH_FAILED: i32 = 255;

/// Where to, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// `root@192.168.1.1`, or a name of ssh's configuration.
    pub destination: String,
    /// The port, where it is not ssh's own choice.
    pub port: Option<u16>,
    /// A key file.
    pub identity: Option<PathBuf>,
    /// `KEY=VALUE` of ssh_config(5).
    pub options: Vec<String>,
}

/// A connection. It ends, and its socket goes, when this is dropped or this
/// process dies, however it does.
#[derive(Debug)]
pub struct Session {
    program: PathBuf,
    target: Target,
    socket: PathBuf,
    guard: Child,
}

/// What a command on the router printed and how it ended.
#[derive(Debug)]
pub struct Reply {
    /// Its exit code; `None` when the connection broke.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error, and what ssh itself said.
    pub stderr: String,
}

impl Target {
    /// `ssh -p 2222 root@…`, to be shown.
    pub fn shown(&self) -> String {
        let port = self
            .port
            .map_or_else(String::new, |port| format!(" -p {port}"));
        format!("ssh{port} {}", shell_word(&self.destination))
    }

    /// ssh with all that every call of it has; `first` counts most.
    fn ssh(&self, program: &Path, socket: &Path, first: &[&str]) -> Command {
        let mut command = Command::new(program);
        for option in first {
            command.args(["-o", option]);
        }
        for option in &self.options {
            command.args(["-o", option]);
        }
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        if let Some(identity) = &self.identity {
            command.arg("-i").arg(identity);
        }
        // The user's configuration may make a login shell, forward ports, or
        // wait for minutes: none of that is wanted here.
        for option in [
            "RemoteCommand=none",
            "RequestTTY=no",
            "ClearAllForwardings=yes",
            "ConnectTimeout=15",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=4",
            "LogLevel=ERROR",
        ] {
            command.args(["-o", option]);
        }
        command.arg("-S").arg(socket);
        command
    }
}

impl Session {
    /// Connects; ssh may ask for a password or about an unknown host key.
    ///
    /// # Errors
    /// No ssh client, no connection, no admission: with ssh's own words and
    /// what to do.
    pub fn open(target: Target) -> Result<Self> {
        let program =
            find_program("ssh").context("there is no ssh client on PATH (openssh-client)")?;
        ensure!(
            !target.destination.starts_with('-') && !target.destination.is_empty(),
            "{:?} is no destination for ssh",
            target.destination
        );
        let dir = tempfile::Builder::new()
            .prefix("xtask-ssh-")
            .tempdir()
            .context("make a folder for ssh's socket")?;
        let socket = dir.path().join("s");
        let exit = target.ssh(&program, &socket, &[]);
        // Removes the folder, whose name it gets last.
        let guard = Command::new("sh")
            .args([
                "-c",
                "dir=$1; shift; cat >/dev/null; \"$@\"; rm -rf \"$dir\"",
                "sh",
            ])
            .arg(dir.path())
            .arg(exit.get_program())
            .args(exit.get_args())
            .args(["-O", "exit", "--", &target.destination])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start sh")?;
        let said = dir.path().join("said");
        // From here on the guard removes it.
        let _ = dir.keep();
        let session = Self {
            program,
            target,
            socket,
            guard,
        };
        session.connect(&said)?;
        Ok(session)
    }

    fn connect(&self, said: &Path) -> Result<()> {
        let log = std::fs::File::create(said).context("keep what ssh says")?;
        // In the background once it is admitted, away from the terminal's
        // Ctrl-C: this process decides what that means.
        let status = self
            .target
            .ssh(
                &self.program,
                &self.socket,
                &["ControlMaster=yes", "ControlPersist=3600"],
            )
            .args(["-f", "-N", "--", &self.target.destination])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .status()
            .with_context(|| format!("start {}", self.program.display()))?;
        if status.success() {
            return Ok(());
        }
        let said = std::fs::read_to_string(said).unwrap_or_default();
        bail!(
            "no connection by `{}` ({status}):\n{}{}",
            self.target.shown(),
            tail(&printable_lines(&said)),
            advice(&said, &self.target.destination)
        )
    }

    /// Runs a script with the router's `sh`; the connection is there already.
    ///
    /// # Errors
    /// The connection broke; Ctrl-C.
    pub fn run(&self, script: &str, args: &[&str], interrupt: &Interrupt) -> Result<Reply> {
        let words: Vec<String> = args.iter().map(|arg| shell_quoted(arg)).collect();
        let command = format!("exec sh -s -- {}", words.join(" "));
        let mut running = self.start(&command, script.as_bytes().to_vec())?;
        let reply = running.wait(|_| !interrupt.asked())?;
        let Some(reply) = reply else {
            running.kill();
            return Err(Stopped("nothing was changed on the router".to_owned()).into());
        };
        ensure!(
            reply.code.is_some(),
            "the connection broke: {}",
            printable_lines(reply.stderr.trim())
        );
        Ok(reply)
    }

    /// Starts a command that reads `input`.
    ///
    /// # Errors
    /// ssh cannot be started.
    pub fn start(&self, command: &str, input: Vec<u8>) -> Result<Running> {
        // A lost connection is not made again, and nobody is asked anything.
        let first = ["ControlMaster=no", "ProxyCommand=false", "BatchMode=yes"];
        let mut child = self
            .target
            .ssh(&self.program, &self.socket, &first)
            .args(["--", &self.target.destination, command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let stdin = child.stdin.take();
        std::thread::spawn(move || {
            let Some(mut stdin) = stdin else { return };
            for part in input.chunks(16 << 10) {
                // The far side has ended, or the connection: its end says why.
                if stdin.write_all(part).is_err() {
                    return;
                }
                counter.fetch_add(part.len() as u64, Ordering::SeqCst);
            }
        });
        let seen = Arc::new(AtomicU64::new(0));
        Ok(Running {
            stdout: keep(child.stdout.take(), Arc::clone(&seen)),
            stderr: keep(child.stderr.take(), Arc::default()),
            child,
            sent,
            seen,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // What it could not remove is in the temporary folder.
        let _ = self.guard.wait();
    }
}

/// A command under way.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    sent: Arc<AtomicU64>,
    seen: Arc<AtomicU64>,
}

/// How far a command is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes of its input that ssh has taken.
    pub sent: u64,
    /// Bytes that it has printed.
    pub printed: u64,
}

impl Running {
    /// Waits for its end, or until `go_on` says no (then `None`: it still runs).
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn wait(&mut self, mut go_on: impl FnMut(Progress) -> bool) -> Result<Option<Reply>> {
        loop {
            if let Some(status) = self.child.try_wait().context("wait for ssh")? {
                return Ok(Some(self.reply(status)));
            }
            let progress = Progress {
                sent: self.sent.load(Ordering::SeqCst),
                printed: self.seen.load(Ordering::SeqCst),
            };
            if !go_on(progress) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn reply(&mut self, status: ExitStatus) -> Reply {
        let text = |kept: Option<JoinHandle<Vec<u8>>>| {
            let bytes = kept.and_then(|kept| kept.join().ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Reply {
            code: status.code().filter(|code| *code != SSH_FAILED),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
        }
    }

    /// Ends ssh's part of it; the far side reads the end of its input.
    pub fn kill(&mut self) {
        // It may have ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end in the background; counts what it read.
fn keep(
    pipe: Option<impl Read + Send + 'static>,
    seen: Arc<AtomicU64>,
) -> Option<JoinHandle<Vec<u8>>> {
    let mut pipe = pipe?;
    Some(std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut part = [0; 4096];
        // What was read before an error is worth having.
        while let Ok(length @ 1..) = pipe.read(&mut part) {
            if (kept.len() + length) as u64 <= MAX_OUTPUT {
                kept.extend_from_slice(&part[..length]);
            }
            seen.fetch_add(length as u64, Ordering::SeqCst);
        }
        kept
    }))
}

/// Text of a router, line by line safe on a terminal.
pub fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(crate::inspect::printable).collect();
    lines.join("\n")
}

/// What ssh's complaint calls for.
fn advice(said: &str, destination: &str) -> String {
    let host = destination
        .rsplit_once('@')
        .map_or(destination, |(_, host)| host);
    let advice = if said.contains("HOST IDENTIFICATION HAS CHANGED") {
        format!(
            "a router that was flashed anew has a new key; then `ssh-keygen -R {}` forgets the old one (with a port: -R '[{0}]:PORT'). Otherwise somebody may stand between",
            shell_word(host)
        )
    } else if said.contains("Host key verification failed") {
        format!(
            "connect once by hand and compare the key that ssh shows: `ssh {}`",
            shell_word(destination)
        )
    } else if said.contains("Permission denied") {
        "give a key (--identity) that is in /etc/dropbear/authorized_keys on the router, or run this in a terminal where ssh can ask for the password".to_owned()
    } else if said.contains("too long for Unix domain socket") {
        "set TMPDIR to a shorter path".to_owned()
    } else {
        return String::new();
    };
    format!("\n  {advice}")
}
