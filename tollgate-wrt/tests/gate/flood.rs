//! Packets as fast as a link of 100 Mbit/s has them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::net::machine::Machine;

/// Bytes a second, with the headers of IP and UDP.
pub const RATE: u64 = 100_000_000 / 8;

/// The port of the internet that takes everything and says nothing.
pub const SINK: u16 = 9;

const PACKET: u64 = 1_400;
const HEADERS: u64 = 28;

/// Packets that are sent until this is dropped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends from a machine to a place.
    pub fn new(from: &Machine, to: SocketAddr) -> Self {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => [0; 4].into(),
            SocketAddr::V6(_) => [0; 16].into(),
        };
        let socket = from.on(|| UdpSocket::bind((any, 0)).unwrap());
        Self::with(socket, to)
    }

    /// The same with a socket that there is.
    pub fn with(socket: UdpSocket, to: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let packet = vec![0; usize::try_from(PACKET - HEADERS).unwrap()];
            let start = Instant::now();
            let mut sent = 0;
            while !until.load(Ordering::Relaxed) {
                let due = RATE * u64::try_from(start.elapsed().as_millis()).unwrap() / 1_000;
                while sent < due {
                    // Refused by the router, at the end.
                    let _ = socket.send_to(&packet, to);
                    sent += PACKET;
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}

/// Takes what comes to [`SINK`], until it is dropped.
pub fn sink(machine: &Machine, address: IpAddr) -> UdpSocket {
    machine.on(|| UdpSocket::bind((address, SINK)).unwrap())
}
