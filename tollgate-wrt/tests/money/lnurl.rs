//! A double of an LNURL server (LUD-06, LUD-16): it says what a test wants, but
//! its invoices are those of a real mint. Its certificate was made for this test,
//! by an authority whose key is gone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::net::namespace::{Namespace, within};
use crate::payout::invoice;

/// The authority of the certificate.
pub const AUTHORITY: &str = include_str!("testdata/ca.pem");

/// An address that is nobody's who would mind, and looks like any other.
pub const PUBLIC: &str = "11.22.33.44";

/// Names, as the machine of the test knows them.
pub const HOSTS: &str = "127.0.0.1 localhost self.tollgate.test
11.22.33.44 pay.tollgate.test other.tollgate.test wrong.tollgate.test
10.0.0.1 inside.tollgate.test
";

/// The server; its threads end with the process.
pub struct Server {
    /// Connections to addresses that nobody may be sent to.
    pub inside: Arc<AtomicUsize>,
    /// Names that are not known at the moment.
    pub away: Arc<Mutex<Vec<&'static str>>>,
}

impl Server {
    /// Starts it on the machine's public address, and listens on its other ones.
    pub fn start(machine: &Namespace, payee: SocketAddr) -> Self {
        machine.ip(&format!("address add {PUBLIC}/32 dev lo"));
        machine.ip("address add 10.0.0.1/32 dev lo");
        let server = Self {
            inside: Arc::default(),
            away: Arc::default(),
        };
        let config = Arc::new(config());
        for address in [PUBLIC, "10.0.0.1", "127.0.0.1"] {
            let listener = within(&machine.name, || TcpListener::bind((address, 443)).unwrap());
            let (inside, away) = (Arc::clone(&server.inside), Arc::clone(&server.away));
            let (config, name) = (Arc::clone(&config), machine.name.clone());
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if address != PUBLIC {
                        inside.fetch_add(1, Ordering::SeqCst);
                    }
                    let (config, away) = (Arc::clone(&config), Arc::clone(&away));
                    let name = name.clone();
                    thread::spawn(move || serve(stream, config, &away, &name, payee));
                }
            });
        }
        server
    }
}

fn config() -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("testdata/lnurl.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("testdata/lnurl.key"));
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.unwrap()], key.unwrap())
        .unwrap()
}

/// One connection has one request.
fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    away: &Mutex<Vec<&'static str>>,
    machine: &str,
    payee: SocketAddr,
) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.split(' ').nth(1)?;
    let (status, more, body) = match target.strip_prefix("/.well-known/lnurlp/") {
        Some(name) if away.lock().unwrap().contains(&name) => error("no such user"),
        Some(name) => offer(name),
        None => callback(target, machine, payee),
    };
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

type Answer = (&'static str, String, String);

fn found(value: &Value) -> Answer {
    ("200 OK", String::new(), value.to_string())
}

fn error(reason: &str) -> Answer {
    let value = json!({"status": "ERROR", "reason": reason});
    ("404 Not Found", String::new(), value.to_string())
}

fn moved(to: &str) -> Answer {
    ("302 Found", format!("Location: {to}\r\n"), String::new())
}

fn offer(name: &str) -> Answer {
    let mut offer = json!({
        "tag": "payRequest",
        "callback": format!("https://other.tollgate.test/pay?who={name}"),
        "minSendable": 1_000,
        "maxSendable": 100_000_000,
        "metadata": format!("[[\"text/identifier\",\"{name}\"]]"),
    });
    match name {
        "moved" => return moved("https://other.tollgate.test/.well-known/lnurlp/owner"),
        "moved-inside" => return moved("https://inside.tollgate.test/"),
        "moved-plain" => return moved("http://pay.tollgate.test/"),
        "moved-round" => return moved("/.well-known/lnurlp/moved-round"),
        "sends-inside" => offer["callback"] = json!("https://self.tollgate.test/pay"),
        "sends-plain" => offer["callback"] = json!("http://other.tollgate.test/pay"),
        "rich" => offer["minSendable"] = json!(1_000_000_000),
        "login" => offer["tag"] = json!("login"),
        "hangs" => thread::sleep(Duration::from_secs(60)),
        "huge" => offer["metadata"] = json!(" ".repeat(2 << 20)),
        "nonsense" => return ("200 OK", String::new(), "<html>".to_owned()),
        _ => {}
    }
    found(&offer)
}

fn callback(target: &str, machine: &str, payee: SocketAddr) -> Answer {
    let query = target.split('?').nth(1).unwrap_or_default();
    let value = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(name, _)| *name == key);
        found.next().map(|(_, value)| value.to_owned())
    };
    let (Some(who), Some(amount)) = (value("who"), value("amount")) else {
        return error("who, and how much?");
    };
    let amount: u64 = amount.parse().unwrap();
    assert_eq!(amount % 1_000, 0);
    let amount = match who.as_str() {
        "greedy" => amount / 1_000 + 1,
        _ => amount / 1_000,
    };
    let invoice = match who.as_str() {
        "empty" => String::new(),
        _ => within(machine, || invoice(payee, amount)),
    };
    found(&json!({"pr": invoice, "routes": []}))
}
