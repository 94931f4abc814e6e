//! Ports for programs that cannot be told to take any.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Where they begin, and how many there are: below those that Linux gives to
/// connections if it is not told otherwise (`ip_local_port_range`, 32768 and up),
/// which anybody may get in the moment between the choice and the use.
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// An address of the loopback where nobody listens.
///
/// # Errors
/// None of a thousand ports is free.
pub fn free() -> Result<SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that start one after the other begin far from each other.
    let first = std::process::id().wrapping_mul(7_919);
    (0..1_000)
        .map(|_| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
        .filter_map(|number| u16::try_from(FIRST + number % COUNT).ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("find a free port")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_one_twice_nor_one_that_is_taken() {
        let one = free().unwrap();
        let next = SocketAddr::from((Ipv4Addr::LOCALHOST, one.port() + 1));
        // Somebody else has it, or this test.
        let _taken = TcpListener::bind(next);
        assert!(TcpListener::bind(next).is_err());
        let two = free().unwrap();
        assert!(two != one && two != next, "{one} {two}");
    }
}
