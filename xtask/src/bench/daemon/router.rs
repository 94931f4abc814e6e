//! The daemon on a router of files: what is measured.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::http;
use super::process::Server;
use crate::util::{fs, port};

/// Customers that the router knows, each with an address and a MAC.
pub const CUSTOMERS: usize = 250;

/// The files of a router, and the program.
#[derive(Debug)]
pub struct Router {
    dir: tempfile::TempDir,
    binary: PathBuf,
}

impl Router {
    /// A router that sells a second a sat, for ecash of `mints`. It has no gate,
    /// so that what is measured is the daemon and not the owner's program.
    /// `place` is a directory on a disk: payments are synced to it.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(place: &Path, binary: &Path, mints: &[String]) -> Result<Self> {
        let dir = tempfile::tempdir_in(place).context("make a directory for the bench")?;
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dirs(path.parent().unwrap_or(&path))?;
            fs::write_atomic(&path, text.as_bytes(), 0o600)
        };
        let mints: Vec<_> = mints
            .iter()
            .map(|url| serde_json::json!({ "url": url, "price_per_step": 1 }))
            .collect();
        let config = serde_json::json!({
            "metric": "milliseconds", "step_size": 1000, "accepted_mints": mints,
        });
        write("etc/tollgate/config.json", &config.to_string())?;
        write(
            "etc/config/tollgate",
            "config tollgate 'main'\n option gate 'none'\n",
        )?;
        write("proc/sys/kernel/random/boot_id", "a bench\n")?;
        write("proc/uptime", "1000.00 1000.00\n")?;
        let mut leases = String::new();
        for number in 0..CUSTOMERS {
            let _ = writeln!(
                leases,
                "1 02:00:00:00:00:{number:02x} {} * *",
                address(number)
            );
        }
        write("tmp/dhcp.leases", &leases)?;
        Ok(Self {
            dir,
            binary: binary.to_owned(),
        })
    }

    /// Starts the daemon; gives it, and the time until its first answer to GET /.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(&self) -> Result<(Server, Duration)> {
        let address = port::free()?;
        let mut command = Command::new(&self.binary);
        command
            .args(["run", "--listen", &address.to_string(), "--root"])
            .arg(self.dir.path());
        let log = self.dir.path().join("log");
        let begin = Instant::now();
        let server = Server::start(command, address, &log, Duration::from_secs(10))?;
        let answer = http::ask(address, "/", "", None)?;
        let took = begin.elapsed();
        ensure!(
            answer.status == 200,
            "GET / is answered with {}",
            answer.status
        );
        Ok((server, took))
    }
}

/// A customer's address (198.18.0.0/15 is for benchmarks, RFC 2544).
pub fn address(customer: usize) -> String {
    format!("198.18.0.{}", customer % CUSTOMERS + 1)
}

/// Pays as a customer; gives the answer and the time that it took.
///
/// # Errors
/// A connection that broke.
pub fn pay(server: SocketAddr, customer: usize, token: &str) -> Result<(http::Answer, Duration)> {
    let header = format!("X-Real-Ip: {}\r\n", address(customer));
    let begin = Instant::now();
    let answer = http::ask(server, "/", &header, Some(token))?;
    Ok((answer, begin.elapsed()))
}
