//! Making a client known to NoDogSplash and openNDS.
//!
//! Both take a device into their list when it makes its first HTTP request to
//! them, and at no other time (libmicrohttpd_cb in src/http_microhttpd.c);
//! openNDS also at `ndsctl auth` if its owner allows that, but not before. A
//! device that only ever talks to the daemon's port never makes one. So the
//! daemon makes it, from the device's address: the socket is transparent
//! (ip(7)), and for as long as it is open a routing rule keeps the answer on the
//! router. Nothing is sent to the device or in its name to anybody else.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::net::netlink::{self, ACK, Attributes, CREATE, REQUEST};

/// How long the request may take; openNDS runs scripts to answer it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A routing table of our own.
const TABLE: u8 = 221;

const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;

/// Makes one request to `server` from the address `client`.
///
/// # Errors
/// What the system says.
pub(super) async fn introduce(client: Ipv4Addr, server: SocketAddrV4) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_ip_transparent_v4(true)?;
    socket.bind(&SocketAddrV4::new(client, 0).into())?;
    let local = socket.local_addr()?.as_socket_ipv4();
    let port = local.map_or(0, |local| local.port());
    let _detour = Detour::new(client, port, server.port())?;
    let request = async {
        let socket = TcpSocket::from_std_stream(TcpStream::from(socket));
        let mut stream = socket.connect(server.into()).await?;
        let request = format!("GET / HTTP/1.0\r\nHost: {}\r\n\r\n", server.ip());
        stream.write_all(request.as_bytes()).await?;
        // The client is in the list before it is answered.
        stream.read(&mut [0; 64]).await
    };
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    match timeout(TIMEOUT, request).await.map_err(|_| late())?? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The way back of one connection, as long as this lives.
struct Detour {
    rule: Vec<u8>,
    route: Vec<u8>,
}

impl Detour {
    fn new(client: Ipv4Addr, port: u16, server: u16) -> io::Result<Self> {
        let detour = Self {
            rule: rule(client, port, server),
            route: route(client),
        };
        detour.tell(RTM_NEWROUTE, CREATE, &detour.route)?;
        // From here on Drop takes it back, whatever fails.
        detour.tell(RTM_NEWRULE, CREATE, &detour.rule)?;
        Ok(detour)
    }

    fn tell(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        let message = netlink::message(kind, REQUEST | ACK | flags, 1, body);
        netlink::ask(None, &message).map(drop)
    }
}

impl Drop for Detour {
    fn drop(&mut self) {
        let _ = self.tell(RTM_DELRULE, 0, &self.rule);
        let _ = self.tell(RTM_DELROUTE, 0, &self.route);
    }
}

const AF_INET: u8 = 2;

/// What the router itself sends on that connection is looked up in the table
/// (`fib_rule_hdr` and attributes, linux/fib_rules.h; Linux 4.17).
fn rule(client: Ipv4Addr, port: u16, server: u16) -> Vec<u8> {
    const TO_TABLE: u8 = 1;
    const TCP: u8 = 6;
    let range = |port: u16| [port.to_ne_bytes(), port.to_ne_bytes()].concat();
    let header = [AF_INET, 32, 0, 0, TABLE, 0, 0, TO_TABLE, 0, 0, 0, 0];
    let body = Attributes::after(&header)
        .put(1, &client.octets()) // FRA_DST
        .text(3, "lo") // FRA_IIFNAME: of the router's own
        .put(6, &1u32.to_ne_bytes()) // FRA_PRIORITY: before the main table
        .put(22, &[TCP]) // FRA_IP_PROTO
        .put(23, &range(server)) // FRA_SPORT_RANGE
        .put(24, &range(port)); // FRA_DPORT_RANGE
    body.bytes().to_vec()
}

/// In the table, the client's address is the router's (`rtmsg` and attributes,
/// rtnetlink(7)).
fn route(client: Ipv4Addr) -> Vec<u8> {
    const STATIC: u8 = 4;
    const HOST: u8 = 254;
    const LOCAL: u8 = 2;
    const LOOPBACK: u32 = 1;
    let header = [AF_INET, 32, 0, 0, TABLE, STATIC, HOST, LOCAL, 0, 0, 0, 0];
    let body = Attributes::after(&header)
        .put(1, &client.octets()) // RTA_DST
        .put(4, &LOOPBACK.to_ne_bytes()); // RTA_OIF
    body.bytes().to_vec()
}
