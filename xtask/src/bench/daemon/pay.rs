//! Payments: their time over the mint's own, and with a mint that fails.

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::nutshell::Money;
use super::process::{Server, free_address};
use super::router::{Router, pay};
use super::{figure, http, median};
use crate::bench::{Figure, Target};

/// Payments one after the other, for their time.
pub const SINGLE: usize = 60;

/// Payments at once, for their number a second.
pub const MANY: usize = 240;
const AT_ONCE: usize = 8;

/// Customers, who pay in turn: the router takes ten payments a minute of an
/// address, and four at once of a device.
const CUSTOMERS: usize = 60;

/// Pays, in turn with the same swaps straight at the mint.
///
/// # Errors
/// A payment or a swap that is refused.
pub fn figures(router: &Router, mint: &Server, money: &Money) -> Result<Vec<Figure>> {
    let (daemon, _) = router.start()?;
    let swap = |body: &str| -> Result<Duration> {
        let begin = Instant::now();
        let answer = http::ask(
            mint.address,
            "/v1/swap",
            "Content-Type: application/json\r\n",
            Some(body),
        )?;
        let took = begin.elapsed();
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "the mint answers {}: {text}",
            answer.status
        );
        Ok(took)
    };
    let buy = |number: usize| -> Result<Duration> {
        let (answer, took) = pay(daemon.address, number % CUSTOMERS, &money.tokens[number])?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "a payment is answered {}: {text}\n{}",
            answer.status,
            daemon.said()
        );
        Ok(took)
    };
    // The first payment reads the mint's keys; it has a figure of its own.
    let first = buy(0)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (number, body) in money.swaps.iter().enumerate().take(SINGLE).skip(1) {
        theirs.push(swap(body)?);
        ours.push(buy(number)?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;

    let all = SINGLE..SINGLE + MANY;
    let paid = rate(all.clone(), |number| buy(number).map(drop))?;
    let swapped = rate(all, |number| swap(&money.swaps[number]).map(drop))?;
    let memory = daemon.memory()?;
    Ok(vec![
        figure(
            "payment over the mint's own time",
            milliseconds(ours.saturating_sub(theirs)),
            "ms",
            Some(Target::AtMost(10.0)),
            &format!(
                "{:.1} ms against {:.1} ms for the same swap; the first, with keys, {:.1} ms",
                milliseconds(ours),
                milliseconds(theirs),
                milliseconds(first)
            ),
        ),
        figure(
            "payments, 8 at once",
            paid,
            "/s",
            None,
            &format!("the mint alone swaps {swapped:.0} /s"),
        ),
        figure(
            "RSS after all payments",
            memory / 1e6,
            "MB",
            None,
            &format!("{} payments", SINGLE + MANY),
        ),
    ])
}

/// How many numbers a second are worked off, several at once.
fn rate(numbers: std::ops::Range<usize>, work: impl Fn(usize) -> Result<()> + Sync) -> Result<f64> {
    let next = AtomicUsize::new(numbers.start);
    let begin = Instant::now();
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok(());
                }
                work(number)?;
            }
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let result = thread.join();
            result.map_err(|_| anyhow::anyhow!("a thread of the bench has panicked"))??;
        }
        Ok(numbers.len() as f64 / begin.elapsed().as_secs_f64())
    })
}

/// How long a customer waits for an answer when the mint refuses connections,
/// and when it takes them and says nothing.
///
/// # Errors
/// An answer that is a success.
pub fn failing(place: &Path, binary: &Path) -> Result<Vec<Figure>> {
    let refusing = format!("http://{}", free_address()?);
    let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
    let hanging = format!("http://{}", listener.local_addr().context("listen")?);
    let router = Router::new(place, binary, &[refusing.clone(), hanging.clone()])?;
    let (daemon, _) = router.start()?;
    let wait = |customer: usize, mint: &str| -> Result<Duration> {
        let (answer, took) = pay(daemon.address, customer, &token(mint))?;
        ensure!(
            answer.status >= 400,
            "a payment without a mint is answered with {}",
            answer.status
        );
        Ok(took)
    };
    let refused = wait(0, &refusing)?;
    // Connections are taken by the kernel, and nobody reads them.
    let hung = wait(1, &hanging)?;
    drop(listener);
    let seconds = |name: &str, time: Duration, most: f64| {
        let target = Some(Target::AtMost(most));
        figure(name, time.as_secs_f64(), "s", target, "")
    };
    Ok(vec![
        seconds("answer when the mint refuses", refused, 5.0),
        seconds("answer when the mint hangs", hung, 10.0),
    ])
}

/// A token that nobody has signed.
fn token(mint: &str) -> String {
    let json = serde_json::json!({"unit": "sat", "token": [{"mint": mint, "proofs": [{
        "amount": 8,
        "id": "009a1f293253e41e",
        "secret": "407915bc212be61a77e3e6d2aeb4c727980bda51cd06a6afc29e2861768a7837",
        "C": "02bc9097997d81afb2cc7346b5e4345a9346bd2a506eb7958598a72f0cf85163ea",
    }]}]});
    let text = Base64UrlUnpadded::encode_string(json.to_string().as_bytes());
    format!("cashuA{text}")
}
