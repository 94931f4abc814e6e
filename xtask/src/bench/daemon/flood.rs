//! Very many requests from very many addresses.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::http::Connection;

/// Addresses that ask.
pub const ADDRESSES: usize = 10_000;

/// Requests of each of them: one is a POST of nonsense, which the table of who
/// has asked how often counts, and the others are GET /.
pub const EACH: usize = 100;

/// Connections at once.
const THREADS: usize = 8;

/// Has the addresses with these numbers ask, each on a connection of its own.
///
/// # Errors
/// An answer is missing, or not the expected one.
pub fn run(server: SocketAddr, numbers: std::ops::Range<usize>) -> Result<()> {
    let next = AtomicUsize::new(numbers.start);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok(());
                }
                one(server, number).with_context(|| format!("ask from {}", address(number)))?;
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let result = thread.join();
            result.map_err(|_| anyhow::anyhow!("a thread of the bench has panicked"))??;
        }
        Ok(())
    })
}

/// 127.0.0.0/8 is all on this machine.
fn address(number: usize) -> Ipv4Addr {
    let bits = u32::try_from(number).unwrap_or(0) + 1;
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(127, 1, 0, 0)) + bits)
}

fn one(server: SocketAddr, number: usize) -> Result<()> {
    let from = SocketAddrV4::new(address(number), 0);
    let socket: OwnedFd = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &from)?;
    connect(&socket, &server)?;
    let mut connection = Connection::of(TcpStream::from(socket), server)?;
    let gets = EACH - 1;
    let get = connection.text("GET", "/", "", "");
    connection.send(&get.repeat(gets))?;
    for _ in 0..gets {
        let status = connection.answer()?.status;
        ensure!(status == 200, "GET / is answered with {status}");
    }
    let post = connection.text("POST", "/", "", "nonsense");
    connection.send(&post)?;
    let status = connection.answer()?.status;
    ensure!(
        (400..500).contains(&status),
        "nonsense is answered with {status}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_loopback_and_differ() {
        let all: std::collections::BTreeSet<_> = (0..ADDRESSES).map(address).collect();
        assert_eq!(all.len(), ADDRESSES);
        assert!(all.iter().all(Ipv4Addr::is_loopback));
        assert!(!all.contains(&Ipv4Addr::LOCALHOST));
    }
}
