//! Throughput, by iperf3.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::place::{INTERNET, Place, REAL};
use crate::util::process;

/// How long one run takes, in seconds.
const SECONDS: u64 = 1;

const PORT: usize = 5201;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// TCP from the customers.
    Up,
    /// TCP to the customers.
    Down,
    /// UDP of 64 bytes from the customers, as many as there can be.
    Small,
}

impl Traffic {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Up, Self::Down, Self::Small];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "TCP up",
            Self::Down => "TCP down",
            Self::Small => "UDP of 64 bytes",
        }
    }

    /// What [`Servers::run`] gives.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Up | Self::Down => "Gbit/s",
            Self::Small => "thousand packets/s",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Up => &[],
            Self::Down => &["--reverse"],
            Self::Small => &["--udp", "--length", "64", "--bitrate", "0"],
        }
    }
}

/// Servers on the internet, one for each customer.
#[derive(Debug)]
pub struct Servers(Vec<Child>);

impl Servers {
    /// Starts them.
    ///
    /// # Errors
    /// No iperf3.
    pub fn start(place: &Place) -> Result<Self> {
        process::find_program("iperf3").context("iperf3 is missing (apt install iperf3)")?;
        let start = |number: usize| {
            Command::new("ip")
                .args(["netns", "exec", place.internet(), "iperf3", "--server"])
                .args(["--port", &(PORT + number).to_string()])
                .stdout(Stdio::null())
                .spawn()
                .context("start iperf3")
        };
        let servers = (0..REAL).map(start).collect::<Result<_>>()?;
        std::thread::sleep(Duration::from_millis(300));
        Ok(Self(servers))
    }

    /// Sends from or to so many customers at once; what passed in a second, all
    /// together.
    ///
    /// # Errors
    /// What iperf3 says.
    pub fn run(&self, place: &Place, traffic: Traffic, customers: usize) -> Result<f64> {
        let seconds = SECONDS.to_string();
        let before = place.arrived()?;
        let start = Instant::now();
        let mut running = Vec::new();
        for number in 0..customers {
            let port = (PORT + number).to_string();
            let command = duct::cmd(
                "ip",
                ["netns", "exec", place.customer(number), "iperf3", "--json"]
                    .into_iter()
                    .chain(["--client", INTERNET, "--port", &port, "--time", &seconds])
                    .chain(traffic.arguments().iter().copied()),
            );
            running.push(
                command
                    .unchecked()
                    .stdout_capture()
                    .start()
                    .context("start iperf3")?,
            );
        }
        let mut bits = 0.0;
        for handle in running {
            let output = handle.wait().context("wait for iperf3")?;
            let text = String::from_utf8_lossy(&output.stdout);
            ensure!(output.status.success(), "iperf3 failed:\n{text}");
            bits += received(&text)?;
        }
        if traffic == Traffic::Small {
            let packets = place.arrived()? - before;
            return Ok(packets as f64 / start.elapsed().as_secs_f64() / 1e3);
        }
        Ok(bits / 1e9)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for server in &mut self.0 {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Bits a second that arrived; 0 where iperf3 does not tell (UDP).
fn received(text: &str) -> Result<f64> {
    let json: serde_json::Value = serde_json::from_str(text).context("read iperf3's JSON")?;
    let sum = &json["end"]["sum_received"]["bits_per_second"];
    Ok(sum.as_f64().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iperf3_is_understood() {
        let text = r#"{"end": {"sum_received": {"bits_per_second": 5e9}}}"#;
        assert_eq!(received(text).unwrap(), 5e9);
        assert_eq!(received(r#"{"end": {}}"#).unwrap(), 0.0);
        assert!(received("iperf3: error").is_err());
    }
}
