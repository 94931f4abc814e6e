//! Payments: their time over the mint's own, and with a mint that fails.

use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};

use super::load::{self, Load};
use super::nutshell::Money;
use super::process::Server;
use super::router::{Router, pay};
use super::{figure, http, median};
use crate::bench::{Figure, Target};
use crate::util::port;

/// Payments one after the other, for their time.
pub const SINGLE: usize = 60;

/// Payments at once, for their number a second.
pub const MANY: usize = 240;
const AT_ONCE: usize = 8;

/// Payments while others read the portal's page, at most.
pub const BUSY: usize = 100;

/// Connections of those others.
const READERS: usize = 64;

/// Customers, who pay in turn: the router takes ten payments a minute of an
/// address, and four at once of a device.
const CUSTOMERS: usize = 60;

/// Who pays, and the mint beside it.
struct Till<'a> {
    daemon: &'a Server,
    mint: &'a Server,
    money: &'a Money,
}

impl Till<'_> {
    /// A swap straight at the mint.
    fn swap(&self, number: usize) -> Result<Duration> {
        let begin = Instant::now();
        let answer = http::ask(
            self.mint.address,
            "/v1/swap",
            "Content-Type: application/json\r\n",
            Some(&self.money.swaps[number]),
        )?;
        let took = begin.elapsed();
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "the mint answers {}: {text}",
            answer.status
        );
        Ok(took)
    }

    /// The same swap, by a payment.
    fn buy(&self, number: usize) -> Result<Duration> {
        let token = &self.money.tokens[number];
        let (answer, took) = pay(self.daemon.address, number % CUSTOMERS, token)?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(
            answer.status == 200,
            "a payment is answered {}: {text}\n{}",
            answer.status,
            self.daemon.said()
        );
        Ok(took)
    }

    /// Both in turn, for as long as `goes_on`.
    fn in_turn(&self, numbers: Range<usize>, goes_on: impl Fn() -> bool) -> Result<Times> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for number in numbers.take_while(|_| goes_on()) {
            theirs.push(self.swap(number)?);
            ours.push(self.buy(number)?);
        }
        Ok(Times {
            count: ours.len(),
            ours: median(ours),
            theirs: median(theirs),
        })
    }
}

/// Medians of so many payments and swaps.
struct Times {
    count: usize,
    ours: Duration,
    theirs: Duration,
}

impl Times {
    fn figure(&self, name: &str, target: Option<Target>, more: &str) -> Figure {
        let over = milliseconds(self.ours.saturating_sub(self.theirs));
        let (ours, theirs) = (milliseconds(self.ours), milliseconds(self.theirs));
        let detail = format!(
            "{ours:.1} ms against {theirs:.1} ms for the same swap, of {}; {more}",
            self.count
        );
        figure(name, over, "ms", target, &detail)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Pays, in turn with the same swaps straight at the mint.
///
/// # Errors
/// A payment or a swap that is refused.
pub fn figures(router: &Router, mint: &Server, money: &Money) -> Result<Vec<Figure>> {
    let (daemon, _) = router.start()?;
    let daemon = &daemon;
    let till = Till {
        daemon,
        mint,
        money,
    };
    // The first payment reads the mint's keys; it has a figure of its own.
    let first = till.buy(0)?;
    let alone = till.in_turn(1..SINGLE, || true)?;

    let all = SINGLE..SINGLE + MANY;
    let paid = rate(all.clone(), |number| till.buy(number).map(drop))?;
    let swapped = rate(all.clone(), |number| till.swap(number).map(drop))?;
    let memory = daemon.memory()?;

    let (pages, busy) = thread::scope(|scope| -> Result<(Load, Times)> {
        let readers = scope.spawn(|| load::run(daemon.address, "/portal/", READERS));
        let busy = till.in_turn(all.end..all.end + BUSY, || !readers.is_finished());
        let pages = readers.join();
        let pages = pages.map_err(|_| anyhow::anyhow!("a thread of the bench has panicked"))?;
        Ok((pages?, busy?))
    })?;
    let readers = format!(
        "{READERS} connections read {:.0} pages /s, p99 {:.1} ms",
        pages.rate, pages.p99
    );
    Ok(vec![
        alone.figure(
            "payment over the mint's own time",
            Some(Target::AtMost(10.0)),
            &format!("the first, with keys, {:.1} ms", milliseconds(first)),
        ),
        busy.figure("the same, beside readers of the portal", None, &readers),
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
fn rate(numbers: Range<usize>, work: impl Fn(usize) -> Result<()> + Sync) -> Result<f64> {
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
    let refusing = format!("http://{}", port::free()?);
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
