//! What each request is answered with.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, StatusCode, Uri};

use super::body::{self, Reader};
use super::limit::{Limiter, Owner};
use super::payments::{self, Shop};
use super::rejected::Rejected;
use super::{Client, Response, cors, invoices};
use crate::captive::{api, redirect};
use crate::net::{Mac, Resolver};
use crate::portal::Portal;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What requests are answered from.
#[derive(Debug)]
pub struct App {
    /// Locked for as long as it takes to copy a pointer.
    front: Mutex<Bytes>,
    resolver: Resolver,
    shop: Shop,
    portal: Portal,
    limiter: Limiter,
    bodies: Reader,
    places: api::Places,
}

impl App {
    /// `front` is the signed event that `GET /` answers.
    pub fn new(
        front: String,
        resolver: Resolver,
        shop: Shop,
        portal: Portal,
        places: api::Places,
    ) -> Self {
        Self {
            front: Mutex::new(front.into()),
            resolver,
            shop,
            portal,
            limiter: Limiter::default(),
            bodies: Reader::default(),
            places,
        }
    }

    /// Replaces the signed event; requests that come later get the new one.
    pub fn set_front(&self, front: String) {
        *self.front.lock().unwrap_or_else(PoisonError::into_inner) = front.into();
    }

    fn front(&self) -> Bytes {
        let front = self.front.lock().unwrap_or_else(PoisonError::into_inner);
        front.clone()
    }

    /// Answers one request. Only payments are waited for.
    pub async fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Incoming,
        peer: &Client,
    ) -> Response {
        if !peer.address.is_loopback() && redirect::is_for_another(uri, headers, &peer.arrival) {
            return self.elsewhere(method, body, peer).await;
        }
        if uri.path().starts_with("/portal") {
            return self.portal(method, uri, headers, body, peer).await;
        }
        let is_known = peer.address.is_loopback() || cors::is_addressed_locally(headers);
        let mut response = match (method, uri.path()) {
            // What was paid for says who the customer is.
            (&Method::POST, "/" | "/ln-invoice") if !is_known => misdirected(),
            (&Method::POST, "/") => self.take_payment(headers, body, peer).await,
            (&Method::POST, "/ln-invoice") => self.make_invoice(headers, body, peer).await,
            _ => self.answer_at_once(method, uri, headers, peer),
        };
        let answer = response.headers_mut();
        // What is answered is about one customer, at one time.
        answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        cors::allow(headers, answer);
        response
    }

    fn answer_at_once(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: &Client,
    ) -> Response {
        match (method, uri.path()) {
            (&Method::OPTIONS, _) => preflight(),
            (&Method::GET | &Method::HEAD, "/") => ok(JSON, self.front()),
            (
                &Method::GET | &Method::HEAD,
                "/whoami" | "/usage" | "/balance" | "/ln-invoice" | api::PATH,
            ) if !peer.address.is_loopback() && !cors::is_addressed_locally(headers) => {
                misdirected()
            }
            (&Method::GET | &Method::HEAD, "/whoami") => {
                ok(TEXT, whoami(self.mac(&peer.behind(headers))))
            }
            (&Method::GET | &Method::HEAD, "/usage") => {
                ok(TEXT, self.shop.usage(self.mac(&peer.behind(headers))))
            }
            (&Method::GET | &Method::HEAD, "/balance") => {
                ok(JSON, self.shop.balance(self.mac(&peer.behind(headers))))
            }
            (&Method::GET | &Method::HEAD, "/ln-invoice") => {
                let mac = self.mac(&peer.behind(headers));
                with_status(self.shop.invoice_state(uri.query(), mac))
            }
            (&Method::GET | &Method::HEAD, api::PATH) => ok(api::TYPE, self.captive(headers, peer)),
            (_, "/ln-invoice") => method_not_allowed("GET, HEAD, POST, OPTIONS"),
            (_, "/") => method_not_allowed("GET, HEAD, POST, OPTIONS"),
            (_, "/whoami" | "/usage" | "/balance" | api::PATH) => {
                method_not_allowed("GET, HEAD, OPTIONS")
            }
            _ => error(StatusCode::NOT_FOUND, r#"{"error":"not found"}"#),
        }
    }

    /// Answers what was meant for another host.
    async fn elsewhere(&self, method: &Method, body: Incoming, peer: &Client) -> Response {
        redirect::discard(body).await;
        let session = self.mac(peer).and_then(|mac| self.shop.keeper.session(mac));
        let has_access = session.is_some_and(|(session, _)| session.running.is_some());
        match has_access && peer.arrival.is_diverted {
            true => redirect::again(),
            false => redirect::to_portal(method, peer.portal().as_deref()),
        }
    }

    /// Whether a customer has access, as RFC 8908 has it.
    fn captive(&self, headers: &HeaderMap, peer: &Client) -> String {
        let client = peer.behind(headers);
        let mac = self.mac(&client);
        let session = mac.and_then(|mac| self.shop.keeper.session(mac));
        // Behind a web server it is that server's address, or nobody knows it.
        let portal = self.places.portal(peer.portal());
        api::state(session.as_ref(), portal, &self.places)
    }

    async fn take_payment(&self, headers: &HeaderMap, body: Incoming, peer: &Client) -> Response {
        let client = peer.behind(headers);
        match self.receive(&client, body, payments::read).await {
            Ok(request) => with_status(self.shop.pay(request, self.mac(&client)).await),
            Err(rejected) => self.rejected(&rejected),
        }
    }

    async fn make_invoice(&self, headers: &HeaderMap, body: Incoming, peer: &Client) -> Response {
        let client = peer.behind(headers);
        match self.receive(&client, body, invoices::read).await {
            Ok(request) => with_status(self.shop.invoice(request, self.mac(&client)).await),
            Err(rejected) => self.rejected(&rejected),
        }
    }

    /// Reads a body, within all limits.
    pub(super) async fn receive<T>(
        &self,
        client: &Client,
        body: Incoming,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Rejected> {
        let owner = Owner::of(self.mac(client), client.address);
        if let Err(seconds) = self.limiter.admit(owner, Instant::now()) {
            return Err(Rejected::Later(seconds));
        }
        let read = self.bodies.read(owner, body, read).await;
        client.work.set(true);
        read.map_err(|fault| match fault {
            body::Fault::TooLarge => Rejected::TooLarge,
            body::Fault::Broken => Rejected::Broken,
            body::Fault::NoRoom => Rejected::Later(1),
        })
    }

    fn rejected(&self, rejected: &Rejected) -> Response {
        match rejected {
            Rejected::TooLarge => error(
                StatusCode::PAYLOAD_TOO_LARGE,
                r#"{"error":"larger than 1 MiB"}"#,
            ),
            Rejected::Broken => error(
                StatusCode::REQUEST_TIMEOUT,
                r#"{"error":"the body did not come whole and in time"}"#,
            ),
            Rejected::Later(seconds) => {
                let mut response = with_status(self.shop.refuse(&rejected.refusal()));
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, (*seconds).into());
                response
            }
        }
    }

    /// The portal.
    pub(super) fn site(&self) -> &Portal {
        &self.portal
    }

    pub(super) fn mac(&self, client: &Client) -> Option<Mac> {
        let interface = client.interface.as_deref();
        self.resolver.mac(client.address, interface)
    }
}

fn whoami(mac: Option<Mac>) -> String {
    match mac {
        Some(mac) => format!("mac={mac}"),
        None => "mac=".to_owned(),
    }
}

fn preflight() -> Response {
    let mut response = ok(TEXT, "");
    cors::preflight(response.headers_mut());
    response
}

/// Asked for by a name that is none of this router's.
pub(super) fn misdirected() -> Response {
    let body = r#"{"error":"not a name of this router; use its address"}"#;
    error(StatusCode::MISDIRECTED_REQUEST, body)
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        r#"{"error":"method not allowed"}"#,
    );
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn with_status((status, body): (StatusCode, String)) -> Response {
    /// In how many seconds it is worth trying again, where nothing better is known.
    const LATER: u64 = 6;

    let mut response = ok(JSON, body);
    *response.status_mut() = status;
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(RETRY_AFTER, LATER.into());
    }
    response
}

pub(super) fn error(status: StatusCode, body: &'static str) -> Response {
    let mut response = ok(JSON, body);
    *response.status_mut() = status;
    response
}

pub(super) fn ok(kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests;
