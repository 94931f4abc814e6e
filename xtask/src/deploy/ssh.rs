//! The user's own ssh client. One connection is made and shared by all
//! commands (ControlMaster), so that a password is asked for once.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::running::{Reply, Running};
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::process::{find_program, shell_quoted, shell_word, tail};

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
        let child = self
            .target
            .ssh(&self.program, &self.socket, &first)
            .args(["--", &self.target.destination, command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        Ok(Running::new(child, input))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // What it could not remove is in the temporary folder.
        let _ = self.guard.wait();
    }
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
    } else if said.contains("Could not resolve hostname") {
        "give the router's address (192.168.1.1 is OpenWrt's own), or a name of ~/.ssh/config"
            .to_owned()
    } else if said.contains("Connection refused") {
        "it has no ssh server there: is that the router's address, and its port (--port)?"
            .to_owned()
    } else if ["timed out", "No route to host", "unreachable"]
        .iter()
        .any(|words| said.contains(words))
    {
        "nothing answers there: is the router on, is this machine in its network, does its firewall let ssh in?".to_owned()
    } else if said.contains("too long for Unix domain socket") {
        "set TMPDIR to a shorter path".to_owned()
    } else {
        return String::new();
    };
    format!("\n  {advice}")
}
