//! Ethernet frames of one's own making, byte by byte.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::machine::{Machine, run};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// Sends a line of hexadecimal digits each, from the device of a customer.
const SEND: &str = "
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
for line in sys.stdin:
    s.send(bytes.fromhex(line))
";

/// Sends frames.
pub fn send(machine: &Machine, frames: &[Vec<u8>]) {
    let mut lines = String::new();
    for frame in frames {
        lines.extend(frame.iter().map(|byte| format!("{byte:02x}")));
        lines.push('\n');
    }
    machine
        .on(|| run("python3", &["-c", SEND], &lines))
        .unwrap();
}

/// The bytes of a MAC address.
pub fn mac(text: &str) -> [u8; 6] {
    let mac: tollgate_wrt::net::Mac = text.parse().unwrap();
    mac.bytes()
}

/// A frame with an IP packet, or something else of this kind.
pub fn ethernet(to: [u8; 6], from: [u8; 6], kind: u16, body: &[u8]) -> Vec<u8> {
    [&to[..], &from, &kind.to_be_bytes(), body].concat()
}

/// The sum that IP, TCP and UDP have.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// An IPv4 packet; `options` are of four bytes or a multiple.
pub fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, options: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (20 + options.len() + body.len()) as u16;
    let mut header = vec![0x45 + (options.len() / 4) as u8, 0];
    header.extend(length.to_be_bytes());
    header.extend([0, 7, 0, 0, 64, protocol, 0, 0]);
    header.extend(from.octets());
    header.extend(to.octets());
    header.extend(options);
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum);
    [&header, body].concat()
}

/// An IPv6 packet.
pub fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, body: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((body.len() as u16).to_be_bytes());
    header.extend([next, 64]);
    header.extend(from.octets());
    header.extend(to.octets());
    [&header, body].concat()
}

/// What TCP and UDP count into their sums.
fn pseudo(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let octets = |address| match address {
        IpAddr::V4(address) => Ipv4Addr::octets(&address).to_vec(),
        IpAddr::V6(address) => Ipv6Addr::octets(&address).to_vec(),
    };
    let mut bytes = [octets(from), octets(to)].concat();
    bytes.extend((length as u32).to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    bytes
}

/// A datagram of UDP, from port 40000.
pub fn udp(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut body = 40_000_u16.to_be_bytes().to_vec();
    body.extend(port.to_be_bytes());
    body.extend([0, 20, 0, 0]);
    body.extend(b"hello, world");
    let sum = checksum(&[&pseudo(from, to, UDP, body.len()), &body]);
    body[6..8].copy_from_slice(&sum);
    body
}

/// The first packet of a connection, from port 40000.
pub fn syn(from: IpAddr, to: IpAddr, port: u16) -> Vec<u8> {
    let mut body = 40_000_u16.to_be_bytes().to_vec();
    body.extend(port.to_be_bytes());
    body.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    let sum = checksum(&[&pseudo(from, to, TCP, body.len()), &body]);
    body[16..18].copy_from_slice(&sum);
    body
}
