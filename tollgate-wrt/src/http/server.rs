//! Connections: accepted, bounded in number, size and time, and finished.
//!
//! | bound | value | against |
//! |---|---|---|
//! | connections at once, of one address | 256, 32 | using up memory and files; the address that has most gives up idle ones first |
//! | request head | 8 kB, 10 s | endless and dripping headers |
//! | body | 1 MiB, 15 s; of one client 1.25 MiB, 4 MiB for all | filling memory, dripping |
//! | idle connection | 10 s | connections that are only held |
//! | unread answer | 20 s | clients that never read |
//! | one connection | 5 min | anything else that holds one |
//! | stop | 3 s | procd kills after 5 s |

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use log::{debug, warn};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::peers::{Counted, Peers};
use super::{App, Client};
use crate::captive::Arrival;
use crate::net::interfaces::Interface;

/// Largest head of a request, in bytes; also the size of a connection's buffer.
/// The smallest that hyper has.
const MAX_HEAD: usize = 8 * 1024;

/// From a connection's beginning, or from the end of an answer, to the end of
/// the next request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the client's system may leave an answer unacknowledged.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(20);

/// How old a connection may get before it ends with the answer at hand.
const MAX_AGE: Duration = Duration::from_secs(300);

/// How long running requests may take once the daemon is to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The same for a connection on which nothing was ever asked: browsers open
/// some in advance.
const STOP_UNUSED: Duration = Duration::from_millis(100);

/// After an error that says nothing of the next connection, such as no more files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the same trouble is said: a flood of connections must not become
/// a flood of messages.
const MESSAGE_PAUSE: Duration = Duration::from_secs(60);

/// Everything that connections share.
#[derive(Debug)]
struct Shared {
    app: App,
    peers: Peers,
    stop: watch::Sender<bool>,
}

/// A server without sockets; [`serve`] gives it some.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

impl Server {
    /// A server that answers from `app`.
    pub fn new(app: App) -> Self {
        Self(Arc::new(Shared {
            app,
            peers: Peers::default(),
            stop: watch::Sender::new(false),
        }))
    }

    /// What it answers from.
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// Lets running requests end, for a bounded time. The sockets have to be
    /// closed already.
    pub async fn stop(self) {
        self.0.stop.send_replace(true);
        // Each connection has a receiver, so that it is closed when all have ended.
        if timeout(STOP_TIMEOUT, self.0.stop.closed()).await.is_err() {
            warn!("stopping although requests are running");
        }
    }
}

/// A socket that is being served, until this is dropped.
#[derive(Debug)]
pub struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves a socket; connections that it accepts outlive it.
///
/// # Errors
/// What the system says.
pub fn serve(
    server: &Server,
    listener: TcpListener,
    interface: Option<Arc<Interface>>,
) -> io::Result<Serving> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let shared = Arc::clone(&server.0);
    Ok(Serving(tokio::spawn(accept_all(
        shared, listener, interface,
    ))))
}

async fn accept_all(
    shared: Arc<Shared>,
    listener: tokio::net::TcpListener,
    interface: Option<Arc<Interface>>,
) {
    let mut trouble = Seldom::default();
    let mut refused = Seldom::default();
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                if trouble.is_due() {
                    warn!(error:%; "cannot accept connections");
                }
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let mut client = Client::new(address, interface.clone());
        client.arrival = Arrival::of(&stream);
        match shared.peers.admit(client.address) {
            Ok(admitted) => {
                if let Some(client) = admitted.instead_of.filter(|_| refused.is_due()) {
                    warn!(client:%; "too many connections, idle ones are closed");
                }
                let stop = shared.stop.subscribe();
                client.work = admitted.counted.work();
                let conversation =
                    converse(Arc::clone(&shared), stream, client, admitted.counted, stop);
                tokio::spawn(conversation);
            }
            // Closed at once, so that it costs nothing.
            Err(full) => {
                if refused.is_due() {
                    warn!(client:% = client.address, limit:? = full; "too many connections, some are refused");
                }
            }
        }
    }
}

/// Decides whether a message is said again.
#[derive(Debug, Default)]
struct Seldom {
    last: Option<Instant>,
}

impl Seldom {
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.last.is_none_or(|last| now - last >= MESSAGE_PAUSE);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

/// Serves one connection to its end.
async fn converse(
    shared: Arc<Shared>,
    stream: TcpStream,
    client: Client,
    counted: Counted,
    mut stop: watch::Receiver<bool>,
) {
    tune(&stream);
    let is_used = AtomicBool::new(false);
    let (app, client, is_used) = (&shared.app, &client, &is_used);
    let service = service_fn(move |request: Request<Incoming>| async move {
        is_used.store(true, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let method = &head.method;
        // What customers ask of others is nobody's business.
        let path = match client.arrival.is_diverted {
            true => "elsewhere",
            false => head.uri.path(),
        };
        let response = app
            .answer(method, &head.uri, &head.headers, body, client)
            .await;
        debug!(client:% = client.address, method:%, path, status = response.status().as_u16(); "request");
        client.work.set(false);
        Ok::<Response<_>, Infallible>(response)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);

    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!(client:% = client.address, error:%; "connection failed");
            }
            return;
        }
        () = counted.evicted() => return,
        _ = stop.wait_for(|stop| *stop) => {}
        () = sleep(MAX_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let patience = match is_used.load(Ordering::Relaxed) {
        true => STOP_TIMEOUT,
        false => STOP_UNUSED,
    };
    let _ = timeout(patience, connection).await;
}

/// Neither option is needed to serve; some emulators do not have them.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD_TIMEOUT));
}
