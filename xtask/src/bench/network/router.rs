//! The daemon on the router of the bench, with the gate or without.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::place::address;
use crate::bench::daemon::http;
use crate::bench::daemon::process::Server;
use crate::util::fs;

/// Bytes of a step: more than a bench sends.
const STEP: u64 = 1_000_000_000_000;

/// Files and program.
#[derive(Debug)]
pub struct Router {
    dir: tempfile::TempDir,
    binary: PathBuf,
    address: SocketAddr,
}

impl Router {
    /// A router that sells for ecash of `mint`, with a gate of this kind, on
    /// this port. `place` is a directory on a disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(
        place: &Path,
        binary: &Path,
        mint: SocketAddr,
        gate: &str,
        port: u16,
    ) -> Result<Self> {
        let dir = tempfile::tempdir_in(place).context("make a directory for the bench")?;
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dirs(path.parent().unwrap_or(&path))?;
            fs::write_atomic(&path, text.as_bytes(), 0o600)
        };
        let config = serde_json::json!({
            "metric": "bytes",
            "step_size": STEP,
            "accepted_mints": [{ "url": format!("http://{mint}"), "price_per_step": 1 }],
        });
        write("etc/tollgate/config.json", &config.to_string())?;
        write(
            "etc/config/tollgate",
            &format!("config tollgate 'main'\n option gate '{gate}'\n option port '{port}'\n"),
        )?;
        write("proc/sys/kernel/random/boot_id", "a bench\n")?;
        write("proc/uptime", "1000.00 1000.00\n")?;
        Ok(Self {
            dir,
            binary: binary.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        })
    }

    /// Starts the daemon. Whoever calls this is on the router.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn start(&self) -> Result<Server> {
        let mut command = Command::new(&self.binary);
        command.args(["run", "--root"]).arg(self.dir.path());
        let log = self.dir.path().join("log");
        Server::start(command, self.address, &log, Duration::from_secs(10))
    }

    /// Waits until the daemon has said something.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_for(&self, part: &str) -> Result<()> {
        let log = self.dir.path().join("log");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            if text.contains(part) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the daemon does not say `{part}`")
    }

    /// Forgets all sessions. The daemon must not run.
    ///
    /// # Errors
    /// What the system says.
    pub fn forget(&self) -> Result<()> {
        fs::remove_dir(&self.dir.path().join("etc/tollgate/money"))
    }

    /// Pays for a customer, as a web server on the router would hand it on.
    ///
    /// # Errors
    /// A payment that is refused.
    pub fn pay(&self, customer: usize, token: &str) -> Result<Duration> {
        let header = format!("X-Real-Ip: {}\r\n", address(customer));
        let begin = Instant::now();
        let answer = http::ask(self.address, "/", &header, Some(token))?;
        let took = begin.elapsed();
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "a payment is answered {}: {text}",
            answer.status
        );
        Ok(took)
    }
}
