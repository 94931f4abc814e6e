//! How long a customer waits from the payment to the first packet.

use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::place::{INTERNET, Place, within};
use super::router::Router;
use crate::bench::daemon::{figure, median};
use crate::bench::{Figure, Target};

const PORT: u16 = 7;

/// How often the customer tries.
const PAUSE: Duration = Duration::from_millis(1);

/// What one customer has waited for.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// From the payment to its answer.
    paid: Duration,
    /// From then to the first answer of the internet.
    after: Duration,
}

/// Has these customers pay.
///
/// # Errors
/// A payment that is refused.
pub fn measure(
    place: &Place,
    router: &Router,
    customers: Range<usize>,
    tokens: &[String],
) -> Result<Vec<Wait>> {
    let server = within(place.internet(), || UdpSocket::bind((INTERNET, PORT)))??;
    let patience = Some(Duration::from_millis(100));
    server
        .set_read_timeout(patience)
        .context("set up a socket")?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| echo(&server, &done));
        let waits = customers.map(|customer| wait(place, router, customer, &tokens[customer]));
        let waits = waits.collect();
        done.store(true, Ordering::Relaxed);
        waits
    })
}

/// The median of all.
pub fn medians(waits: &[Wait]) -> Figure {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let paid = median(waits.iter().map(|wait| wait.paid).collect());
    let after = median(waits.iter().map(|wait| wait.after).collect());
    figure(
        "payment accepted to first packet",
        milliseconds(after),
        "ms",
        Some(Target::AtMost(50.0)),
        &format!("the payment itself {:.1} ms", milliseconds(paid)),
    )
}

fn echo(server: &UdpSocket, done: &AtomicBool) {
    let mut buffer = [0; 100];
    while !done.load(Ordering::Relaxed) {
        if let Ok((length, from)) = server.recv_from(&mut buffer) {
            let _ = server.send_to(&buffer[..length], from);
        }
    }
}

fn wait(place: &Place, router: &Router, customer: usize, token: &str) -> Result<Wait> {
    let internet: SocketAddr = format!("{INTERNET}:{PORT}").parse()?;
    let socket = within(place.customer(customer), || UdpSocket::bind("0.0.0.0:0"))??;
    socket
        .set_read_timeout(Some(PAUSE))
        .context("set up a socket")?;
    let first = thread::scope(|scope| {
        let tries = scope.spawn(|| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(20) {
                // Refused until it is paid for.
                let _ = socket.send_to(&[1], internet);
                if socket.recv_from(&mut [0; 10]).is_ok() {
                    return Some(Instant::now());
                }
            }
            None
        });
        let took = router.pay(customer, token);
        let answered = Instant::now();
        let first = tries.join().ok().flatten();
        took.map(|took| (took, answered, first))
    });
    let (took, answered, first) = first?;
    let first = first.context("nothing gets through although it was paid for")?;
    Ok(Wait {
        paid: took,
        after: first.saturating_duration_since(answered),
    })
}
