//! A small HTTP client that is not in the way of what is measured: blocking, on
//! one connection, with answers that say their length.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    address: SocketAddr,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(address: SocketAddr) -> Result<Self> {
        Self::of(TcpStream::connect(address)?, address)
    }

    /// Uses a connection that was made elsewhere.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(stream: TcpStream, address: SocketAddr) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(stream.try_clone()?);
        Ok(Self {
            stream,
            reader,
            address,
        })
    }

    /// A request's text; `headers` are whole lines.
    pub fn text(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let (address, length) = (self.address, body.len());
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
    }

    /// Sends the text of one request or more.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes())?)
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// A connection that broke, or an answer that is none.
    pub fn answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        let mut status = 0;
        let mut length = 0;
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                bail!("the connection ended before the answer");
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if status == 0 {
                let word = text.split(' ').nth(1).unwrap_or_default();
                status = word
                    .parse()
                    .with_context(|| format!("no status in {text:?}"))?;
            } else if let Some((name, value)) = text.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().context("read the answer's length")?;
                }
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }
}

/// One request on a connection of its own; `body` is POSTed.
///
/// # Errors
/// See [`Connection`].
pub fn ask(address: SocketAddr, path: &str, headers: &str, body: Option<&str>) -> Result<Answer> {
    let mut connection = Connection::open(address)?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let text = connection.text(method, path, headers, body.unwrap_or_default());
    connection.send(&text)?;
    connection.answer()
}
