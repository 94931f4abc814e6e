//! Servers on loopback for as long as a test runs.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Leads everybody to another address.
pub fn redirect(to: &str) -> String {
    let to = to.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let head = "HTTP/1.1 301 Moved Permanently\r\nContent-Length: 0";
            let _ = write!(
                stream,
                "{head}\r\nConnection: close\r\nLocation: {to}\r\n\r\n"
            );
        }
    });
    url
}

/// A server with a certificate, by Python.
pub struct Tls {
    pub url: String,
    process: Child,
}

const TLS: &str = r#"
import functools, http.server, ssl, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

impl Tls {
    /// Serves a folder over HTTPS.
    pub fn serve(dir: &Path, certificate: &Path, key: &Path) -> Self {
        let mut process = Command::new("python3")
            .args(["-c", TLS])
            .args([dir, certificate, key])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut port).unwrap();
        let url = format!("https://127.0.0.1:{}", port.trim());
        Self { url, process }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
