//! What each request is answered with.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use super::{Client, Response, cors};
use crate::net::Resolver;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What requests are answered from.
#[derive(Debug)]
pub struct App {
    /// Locked for as long as it takes to copy a pointer.
    front: Mutex<Bytes>,
    resolver: Resolver,
}

impl App {
    /// `front` is the signed event that `GET /` answers.
    pub fn new(front: String, resolver: Resolver) -> Self {
        Self {
            front: Mutex::new(front.into()),
            resolver,
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

    /// Answers one request.
    pub fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        peer: &Client,
    ) -> Response {
        let mut response = match (method, path) {
            (&Method::OPTIONS, _) => preflight(),
            (&Method::GET | &Method::HEAD, "/") => ok(JSON, self.front()),
            (&Method::GET | &Method::HEAD, "/whoami" | "/usage")
                if !peer.address.is_loopback() && !cors::is_addressed_locally(headers) =>
            {
                let body = r#"{"error":"not a name of this router; use its address"}"#;
                error(StatusCode::MISDIRECTED_REQUEST, body)
            }
            (&Method::GET | &Method::HEAD, "/whoami") => self.whoami(&peer.behind(headers)),
            (&Method::GET | &Method::HEAD, "/usage") => usage(),
            (_, "/" | "/whoami" | "/usage") => method_not_allowed(),
            _ => error(StatusCode::NOT_FOUND, r#"{"error":"not found"}"#),
        };
        let answer = response.headers_mut();
        // What is answered is about one customer, at one time.
        answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        cors::allow(headers, answer);
        response
    }

    fn whoami(&self, client: &Client) -> Response {
        let interface = client.interface.as_deref();
        match self.resolver.mac(client.address, interface) {
            Some(mac) => ok(TEXT, format!("mac={mac}")),
            None => ok(TEXT, "mac="),
        }
    }
}

/// Sessions come with payments; until then nobody has one.
fn usage() -> Response {
    ok(TEXT, "-1/-1")
}

fn preflight() -> Response {
    let mut response = ok(TEXT, "");
    cors::preflight(response.headers_mut());
    response
}

fn method_not_allowed() -> Response {
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        r#"{"error":"method not allowed"}"#,
    );
    let allowed = HeaderValue::from_static("GET, HEAD, OPTIONS");
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn error(status: StatusCode, body: &'static str) -> Response {
    let mut response = ok(JSON, body);
    *response.status_mut() = status;
    response
}

fn ok(kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use hyper::header::HOST;

    use super::*;
    use crate::paths::Paths;

    fn status(peer: &str, path: &str, host: Option<&str>) -> u16 {
        // There is nothing below this root.
        let root = tempfile::tempdir().unwrap();
        let app = App::new("{}".to_owned(), Resolver::new(Paths::new(root.path())));
        let mut headers = HeaderMap::new();
        headers.extend(host.map(|host| (HOST, host.parse().unwrap())));
        let client = Client::new(peer.parse().unwrap(), None);
        let response = app.answer(&Method::GET, path, &headers, &client);
        response.status().as_u16()
    }

    #[test]
    fn who_a_customer_is_is_not_told_to_a_rebound_name() {
        const CUSTOMER: &str = "203.0.113.77:1";
        for path in ["/whoami", "/usage"] {
            assert_eq!(status(CUSTOMER, path, Some("evil.example:2121")), 421);
            assert_eq!(status(CUSTOMER, path, Some("192.168.1.1:2121")), 200);
            assert_eq!(status(CUSTOMER, path, Some("tollgate.lan:2121")), 200);
            assert_eq!(status(CUSTOMER, path, None), 200);
            // A web server on the router may keep the name that it was asked by.
            assert_eq!(status("127.0.0.1:1", path, Some("tollgate.example")), 200);
        }
        // Says nothing of the customer.
        assert_eq!(status(CUSTOMER, "/", Some("evil.example:2121")), 200);
    }

    #[test]
    fn the_front_can_be_replaced() {
        let app = App::new("old".to_owned(), Resolver::new(Paths::new("/none")));
        let before = app.front();
        app.set_front("new".to_owned());
        assert_eq!((&before[..], &app.front()[..]), (&b"old"[..], &b"new"[..]));
    }
}
