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
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../testdata/mint.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../testdata/mint.key"));
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
    let pem = include_bytes!("../testdata/ca.pem");
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
