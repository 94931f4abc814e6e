//! One HTTP request on one connection, and whether it may have arrived.
//!
//! Connections are opened before a payment is written down: a mint that is not
//! there costs no write, and nothing was sent. What fails later may have
//! arrived.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::config::{MintUrl, Parts};

/// For the name, the connection and TLS together. Below the 5 seconds in which
/// a customer is told that a mint is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// From the first byte of a request to the last one of its answer. A payment is
/// answered earlier; it goes on without the customer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest answer that is read. The keys of a mint are some 10 kB.
const MAX_ANSWER: usize = 1 << 20;

/// Opens connections.
#[derive(Debug, Default)]
pub struct Client {
    /// Authorities that are trusted beside those in the binary.
    bundle: Option<PathBuf>,
    /// Made when it is first needed.
    tls: OnceLock<Arc<ClientConfig>>,
    /// Whether the last certificate that was looked at was of the future.
    is_early: AtomicBool,
}

/// For one request.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    path: String,
}

/// Nothing was sent.
#[derive(Debug)]
pub struct Unreachable(pub String);

/// What was sent may have arrived, but there is no answer.
#[derive(Debug)]
pub struct Lost(pub String);

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long to wait before the next request, if it says so.
    pub retry_after: Option<Duration>,
    /// Where else to ask, for a redirect.
    pub location: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client that also trusts whom the system does: `bundle` is a file of
    /// certificates (PEM), which need not be there.
    pub fn new(bundle: PathBuf) -> Self {
        Self {
            bundle: Some(bundle),
            ..Self::default()
        }
    }

    /// Connects to a mint.
    ///
    /// # Errors
    /// Why it cannot be reached, as a phrase.
    pub async fn connect(&self, url: &MintUrl) -> Result<Connection, Unreachable> {
        match timeout(CONNECT_TIMEOUT, self.connect_slowly(url)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) if is_early(&error) => Err(Unreachable(format!(
                "{error}; this router's clock is behind"
            ))),
            Ok(Err(error)) => Err(Unreachable(error.to_string())),
            Err(_) => Err(Unreachable(format!(
                "no connection within {} seconds",
                CONNECT_TIMEOUT.as_secs()
            ))),
        }
    }

    /// Whether the clock must be behind: the last certificate of a mint was not
    /// valid yet.
    pub fn is_clock_behind(&self) -> bool {
        self.is_early.load(Ordering::Relaxed)
    }

    async fn connect_slowly(&self, url: &MintUrl) -> io::Result<Connection> {
        let parts = url.parts();
        let stream = TcpStream::connect((parts.host, parts.port)).await?;
        let connection = self.speak(stream, parts).await;
        if parts.is_tls {
            let is_early = connection.as_ref().is_err_and(is_early);
            self.is_early.store(is_early, Ordering::Relaxed);
        }
        connection
    }

    /// Speaks HTTP with a server that was connected to elsewhere.
    ///
    /// # Errors
    /// What the system or TLS says.
    pub async fn speak(&self, stream: TcpStream, parts: Parts<'_>) -> io::Result<Connection> {
        let _ = stream.set_nodelay(true);
        let sender = if parts.is_tls {
            let name = ServerName::try_from(parts.host.to_owned()).map_err(io::Error::other)?;
            let tls = TlsConnector::from(self.tls()?);
            start(tls.connect(name, stream).await?).await?
        } else {
            start(stream).await?
        };
        Ok(Connection {
            sender,
            authority: parts.authority.to_owned(),
            path: parts.path.to_owned(),
        })
    }

    fn tls(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        // Whoever can write it is root. What cannot be read in it, others can.
        let certificates = self.bundle.as_deref().map(CertificateDer::pem_file_iter);
        if let Some(Ok(certificates)) = certificates {
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

/// Whether a certificate was refused because it is not valid yet.
fn is_early(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
        ))
    )
}

async fn start(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> io::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Ends with the sender.
    tokio::spawn(connection);
    Ok(sender)
}

impl Connection {
    /// Asks for `path` below the mint's address; `body` is JSON, and POSTed.
    ///
    /// # Errors
    /// Why there is no answer, as a phrase.
    pub async fn request(self, path: &str, body: Option<Vec<u8>>) -> Result<Answer, Lost> {
        match timeout(ANSWER_TIMEOUT, self.request_slowly(path, body)).await {
            Ok(result) => result.map_err(|error| Lost(describe(error.as_ref()))),
            Err(_) => Err(Lost(format!(
                "no answer within {} seconds",
                ANSWER_TIMEOUT.as_secs()
            ))),
        }
    }

    async fn request_slowly(
        mut self,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let method = match body {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.path))
            .header(HOST, &self.authority)
            .header(
                USER_AGENT,
                concat!("tollgate-wrt/", env!("CARGO_PKG_VERSION")),
            )
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))?;
        let response = self.sender.send_request(request).await?;
        let value = response.headers().get(RETRY_AFTER);
        let seconds = value.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok().map(str::to_owned));
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER);
        Ok(Answer {
            status,
            retry_after: seconds.map(Duration::from_secs),
            location,
            body: body.collect().await?.to_bytes(),
        })
    }
}

/// An error with its causes; hyper's own text names only the first.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
