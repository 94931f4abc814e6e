//! Processes of a bench: killed when it ends, measured while they run.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::util::process;

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start until it accepted a connection.
    pub started: Duration,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits until it accepts connections, for at most
    /// `patience`. What it says goes to the file `log`.
    ///
    /// # Errors
    /// A program that does not start, or ends.
    pub fn start(
        mut command: Command,
        address: SocketAddr,
        log: &Path,
        patience: Duration,
    ) -> Result<Self> {
        let name = Path::new(command.get_program()).display().to_string();
        let file = File::create(log).context("make a log file")?;
        let begin = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("share a log file")?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let mut server = Self {
            child,
            address,
            started: Duration::ZERO,
            log: log.to_owned(),
        };
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().context("look at a server")?;
            if let Some(status) = ended {
                bail!("{name} has ended ({status}):\n{}", server.said());
            }
            if begin.elapsed() > patience {
                bail!("{name} does not listen on {address}:\n{}", server.said());
            }
            sleep(Duration::from_micros(100));
        }
        server.started = begin.elapsed();
        Ok(server)
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it said.
    pub fn said(&self) -> String {
        process::tail(&std::fs::read_to_string(&self.log).unwrap_or_default())
    }

    /// Memory in use now, in bytes (VmRSS of proc(5)).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn memory(&self) -> Result<f64> {
        self.field("VmRSS:")
    }

    /// The most memory that was in use (VmHWM), in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn most_memory(&self) -> Result<f64> {
        self.field("VmHWM:")
    }

    fn field(&self, name: &str) -> Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kilobytes: f64 = number
            .and_then(|number| number.parse().ok())
            .with_context(|| format!("{path} has no {name}"))?;
        Ok(kilobytes * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
