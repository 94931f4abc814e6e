//! One machine of the test's network, and what it does there.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::net::namespace::within;

/// How long a look waits for an answer: nothing here is far away.
const ANSWER: Duration = Duration::from_millis(400);

/// The same where an answer has to come: the machine may have other work.
const PATIENCE: Duration = Duration::from_secs(2);

/// The port of the machine that answers everything with the same.
pub const ECHO: u16 = 7;

/// A network namespace; removed when the test is over.
pub struct Machine {
    pub name: String,
}

impl Machine {
    pub fn new(name: String) -> Result<Self, String> {
        run("ip", &["netns", "add", &name], "")?;
        let machine = Self { name };
        // Addresses can be used at once.
        machine.set("net.ipv6.conf.default.accept_dad", "0");
        machine.set("net.ipv6.conf.default.dad_transmits", "0");
        machine.set("net.ipv4.ping_group_range", "0 2147483647");
        machine.ip("link set lo up");
        Ok(machine)
    }

    /// Does something there. Processes that are started there stay there.
    pub fn on<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        within(&self.name, action)
    }

    pub fn ip(&self, command: &str) {
        let mut arguments = vec!["-netns", &self.name];
        arguments.extend(command.split(' '));
        run("ip", &arguments, "").unwrap();
    }

    /// Runs nft with this text as its input.
    pub fn nft(&self, text: &str) {
        self.on(|| run("nft", &["-f", "-"], text)).unwrap();
    }

    /// What nft prints.
    pub fn nft_list(&self, arguments: &[&str]) -> Result<String, String> {
        self.on(|| run("nft", arguments, ""))
    }

    /// Sets what `sysctl` sets.
    pub fn set(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        self.on(|| fs::write(path, value)).unwrap();
    }

    /// Answers TCP and UDP on [`ECHO`], until the test's process ends.
    pub fn echo(&self, addresses: &[IpAddr]) {
        for &address in addresses {
            self.on(|| {
                let listener = TcpListener::bind((address, ECHO)).unwrap();
                thread::spawn(move || {
                    for stream in listener.incoming().map_while(Result::ok) {
                        thread::spawn(move || answer(stream));
                    }
                });
                let socket = UdpSocket::bind((address, ECHO)).unwrap();
                thread::spawn(move || {
                    let mut buffer = [0; 2_000];
                    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                        let _ = socket.send_to(&buffer[..length], from);
                    }
                });
            });
        }
    }

    /// Which of the three protocols are answered.
    pub fn reaches(&self, address: IpAddr) -> Reached {
        Reached {
            tcp: self.on(|| tcp(address)).is_ok(),
            udp: self.on(|| udp(address)).is_ok(),
            icmp: self.on(|| ping(address)).is_ok(),
        }
    }

    /// Whether all three are, one after the other.
    pub fn is_answered(&self, address: IpAddr) -> bool {
        self.on(|| tcp(address).is_ok() && udp(address).is_ok() && ping(address).is_ok())
    }

    /// A connection that stays.
    pub fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.on(|| connect(address, PATIENCE))
    }

    /// Whether somebody listens there.
    pub fn is_heard(&self, address: SocketAddr) -> bool {
        self.on(|| connect(address, ANSWER)).is_ok()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = run("ip", &["netns", "delete", &self.name], "");
    }
}

/// What of an address was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    pub tcp: bool,
    pub udp: bool,
    pub icmp: bool,
}

impl Reached {
    pub const ALL: Self = Self {
        tcp: true,
        udp: true,
        icmp: true,
    };
    pub const NOTHING: Self = Self {
        tcp: false,
        udp: false,
        icmp: false,
    };
}

/// Runs a program; gives its output, or what it complained of.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

fn answer(mut stream: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
}

fn connect(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends some bytes, and waits until they are back.
pub fn exchange(stream: &mut TcpStream, length: usize) -> io::Result<()> {
    stream.write_all(&vec![1; length])?;
    stream.read_exact(&mut vec![0; length])
}

fn tcp(address: IpAddr) -> io::Result<()> {
    exchange(&mut connect((address, ECHO).into(), ANSWER)?, 100)
}

fn udp(address: IpAddr) -> io::Result<()> {
    udp_from(None, address).map(drop)
}

/// The same from an address of the machine's own; how many bytes came back.
pub fn udp_from(source: Option<IpAddr>, address: IpAddr) -> io::Result<usize> {
    let any = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0))?;
    socket.connect((address, ECHO))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.send(&[2; 100])?;
    socket.recv(&mut [0; 200])
}

/// An echo request of the kind for which the kernel fills in the rest.
fn ping(address: IpAddr) -> io::Result<()> {
    let (domain, protocol, kind) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.connect(&SocketAddr::new(address, 0).into())?;
    let mut request = vec![0; 64];
    request[0] = kind;
    socket.send(&request)?;
    let mut buffer = [MaybeUninit::uninit(); 200];
    socket.recv(&mut buffer).map(drop)
}
