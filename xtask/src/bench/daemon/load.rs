//! How much a server answers, by wrk.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use crate::util::process;

/// How long one run of wrk takes, in seconds.
const SECONDS: u32 = 3;

/// What a run of wrk says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Requests a second.
    pub rate: f64,
    /// 99 of 100 answers came within so many milliseconds.
    pub p99: f64,
}

/// wrk, where it is installed.
///
/// # Errors
/// How to install it.
pub fn wrk() -> Result<PathBuf> {
    process::find_program("wrk").context("wrk is missing: it makes the load (apt install wrk)")
}

/// Asks for `path` on so many connections, one request at a time on each.
///
/// # Errors
/// wrk fails, or an answer is no success.
pub fn run(server: SocketAddr, path: &str, connections: usize) -> Result<Load> {
    let url = format!("http://{server}{path}");
    let (connections, duration) = (format!("-c{connections}"), format!("-d{SECONDS}s"));
    let text = duct::cmd!(wrk()?, "-t1", connections, duration, "--latency", url)
        .read()
        .context("run wrk")?;
    read(&text).with_context(|| format!("read what wrk says:\n{text}"))
}

fn read(text: &str) -> Result<Load> {
    let find = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim)
            .with_context(|| format!("no line {name}"))
    };
    if let Ok(trouble) = find("Non-2xx or 3xx responses:") {
        bail!("{trouble} answers were no success");
    }
    if let Ok(trouble) = find("Socket errors:") {
        bail!("connections failed: {trouble}");
    }
    let rate = find("Requests/sec:")?.parse().context("read the rate")?;
    ensure!(rate > 0.0, "nothing was answered");
    Ok(Load {
        rate,
        p99: milliseconds(find("99%")?)?,
    })
}

fn milliseconds(text: &str) -> Result<f64> {
    // "us" and "ms" end in "s", too.
    for (unit, factor) in [("us", 1e-3), ("ms", 1.0), ("s", 1e3), ("m", 6e4)] {
        if let Some(number) = text.strip_suffix(unit) {
            let number: f64 = number
                .parse()
                .with_context(|| format!("no time: {text:?}"))?;
            return Ok(number * factor);
        }
    }
    bail!("no time: {text:?}")
}

/// The best of several runs, of each number. Other work on the machine makes a
/// server slower, never faster.
pub fn best(loads: &[Load]) -> Load {
    let rate = loads.iter().map(|load| load.rate).fold(0.0, f64::max);
    let p99 = loads
        .iter()
        .map(|load| load.p99)
        .fold(f64::INFINITY, f64::min);
    Load { rate, p99 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Running 3s test @ http://127.0.0.1:2121/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.25ms    3.08ms  40.00ms   95.00%
    Req/Sec    79.21k     8.93k   93.00k    70.00%
  Latency Distribution
     50%  675.00us
     99%   19.48ms
  236621 requests in 3.00s, 150.00MB read
Requests/sec:  78805.27
Transfer/sec:     49.91MB
";

    #[test]
    fn wrk_is_understood() {
        let load = read(TEXT).unwrap();
        assert_eq!((load.rate, load.p99), (78_805.27, 19.48));
        let faster = read(&TEXT.replace("19.48ms", "512.00us")).unwrap();
        assert_eq!(faster.p99, 0.512);
        assert_eq!(milliseconds("1.50s").unwrap(), 1_500.0);
        assert!(milliseconds("soon").is_err());
        let refused = TEXT.replace(
            "Requests/sec",
            "  Non-2xx or 3xx responses: 7\nRequests/sec",
        );
        assert!(read(&refused).unwrap_err().to_string().contains('7'));
        assert!(read(&TEXT.replace("99%", "98%")).is_err());
        let both = best(&[load, faster]);
        assert_eq!((both.rate, both.p99), (78_805.27, 0.512));
    }
}
