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
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, UnixTime};

    use super::*;

    /// A mint's server that answers each connection once; certificate and key
    /// were made for this test, by an authority whose key is gone.
    async fn serve(listener: TcpListener) {
        let provider = Arc::new(ring::default_provider());
        let certificate = CertificateDer::from_pem_slice(include_bytes!("testdata/mint.pem"));
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("testdata/mint.key"));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.unwrap()], key.unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut buffer = [0; 1_024];
            let length = stream.read(&mut buffer).await.unwrap();
            let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
            assert!(head.starts_with("GET /sub/v1/info HTTP/1.1\r\n"), "{head}");
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    }

    #[tokio::test]
    async fn tls_is_spoken_and_verified() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(serve(listener));
        let url: MintUrl = format!("https://127.0.0.1:{port}/sub/").parse().unwrap();

        let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wallet/testdata/ca.pem");
        let client = Client::new(bundle.into());
        let connection = client.connect(&url).await.unwrap();
        let answer = connection.request("/v1/info", None).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));

        // Nobody else vouches for it, and it is no other host.
        for stranger in [Client::default(), Client::new("/none".into())] {
            let Unreachable(why) = stranger.connect(&url).await.unwrap_err();
            assert!(why.contains("UnknownIssuer"), "{why}");
        }
        let url = format!("https://localhost:{port}").parse().unwrap();
        let Unreachable(why) = client.connect(&url).await.unwrap_err();
        assert!(why.contains("not valid for name"), "{why}");
        server.abort();
    }

    /// A clock that stands still.
    #[derive(Debug)]
    struct At(u64);

    impl rustls::time_provider::TimeProvider for At {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_behind_is_told_from_a_mint_that_is_down() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(serve(listener));
        let url: MintUrl = format!("https://127.0.0.1:{port}/sub/").parse().unwrap();
        let mut roots = RootCertStore::empty();
        let pem = include_bytes!("testdata/ca.pem");
        roots
            .add(CertificateDer::from_pem_slice(pem).unwrap())
            .unwrap();
        let at = |seconds| {
            let config = ClientConfig::builder_with_details(
                Arc::new(ring::default_provider()),
                Arc::new(At(seconds)),
            );
            let config = config
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
            let client = Client::default();
            client.tls.set(Arc::new(config)).unwrap();
            client
        };
        let client = at(1_000_000_000);
        let Unreachable(why) = client.connect(&url).await.unwrap_err();
        assert!(why.contains("clock is behind"), "{why}");
        assert!(client.is_clock_behind());
        // Too late is the mint's fault, or the clock's: nobody can tell.
        let client = at(9_000_000_000);
        let Unreachable(why) = client.connect(&url).await.unwrap_err();
        assert!(why.contains("expired"), "{why}");
        assert!(!client.is_clock_behind());
        server.abort();
    }

    #[tokio::test]
    async fn answers_are_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for head in [
                "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n",
                "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
                "SSH-2.0-nonsense\r\n",
            ] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1_024]).await;
                stream.write_all(head.as_bytes()).await.unwrap();
                let _ = stream.write_all(&vec![b' '; 2_000_000]).await;
            }
        });
        let client = Client::default();
        let url: MintUrl = format!("http://{address}").parse().unwrap();
        let ask = async || client.connect(&url).await.unwrap().request("/", None).await;
        assert!(ask().await.is_err());
        let busy = ask().await.unwrap();
        assert_eq!(
            (busy.status, busy.retry_after),
            (429, Some(Duration::from_secs(7)))
        );
        assert!(ask().await.is_err());
        let Unreachable(why) = client
            .connect(&"http://127.0.0.1:1".parse().unwrap())
            .await
            .unwrap_err();
        assert!(why.contains("refused"), "{why}");
    }
}
