//! The portal's pages over HTTP.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Method, StatusCode, Uri};

use super::rejected::Rejected;
use super::routes::{App, error, method_not_allowed, misdirected, ok};
use super::{Client, Response, cors};
use crate::portal::{Answer, Portal, SCRIPT, STYLE, Visit};

/// Where it is.
const PLACE: &str = "/portal/";

const NOT_FOUND: &str = r#"{"error":"not found"}"#;

const HTML: &str = "text/html; charset=utf-8";

/// Nothing from elsewhere, no script in a page, no page around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Style and script have a version in their addresses.
const LONG: &str = "max-age=31536000, immutable";

impl App {
    /// Answers what begins with `/portal`.
    pub(super) async fn portal(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Incoming,
        peer: &Client,
    ) -> Response {
        if uri.path() == "/portal" {
            return elsewhere(PLACE);
        }
        let Some(page) = uri.path().strip_prefix(PLACE) else {
            return error(StatusCode::NOT_FOUND, NOT_FOUND);
        };
        let is_local = peer.address.is_loopback() || cors::is_addressed_locally(headers);
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let mut response = match page {
            "style.css" if reads => kept("text/css; charset=utf-8", STYLE),
            "script.js" if reads => kept("text/javascript; charset=utf-8", SCRIPT),
            _ if !is_local => misdirected(),
            _ => {
                let client = peer.behind(headers);
                let languages = headers.get(ACCEPT_LANGUAGE);
                let visit = Visit {
                    mac: self.mac(&client),
                    query: uri.query(),
                    languages: languages.and_then(|value| value.to_str().ok()),
                };
                match page {
                    "" if reads => written(self.site().show(&visit)),
                    "invoice" if reads => written(self.site().show_invoice(&visit)),
                    // The address of an answer to a form, asked for again.
                    "pay" if reads => elsewhere("./"),
                    "pay" | "invoice" if *method == Method::POST => {
                        self.take_form(page, &visit, &client, body).await
                    }
                    "" | "style.css" | "script.js" => method_not_allowed("GET, HEAD"),
                    "pay" | "invoice" => method_not_allowed("GET, HEAD, POST"),
                    _ => error(StatusCode::NOT_FOUND, NOT_FOUND),
                }
            }
        };
        let answer = response.headers_mut();
        let mut set = |name: HeaderName, value| {
            answer
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        };
        set(CACHE_CONTROL, "no-store");
        set(CONTENT_SECURITY_POLICY, POLICY);
        set(REFERRER_POLICY, "no-referrer");
        set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        response
    }

    async fn take_form(
        &self,
        page: &str,
        visit: &Visit<'_>,
        client: &Client,
        body: Incoming,
    ) -> Response {
        let portal: &Portal = self.site();
        match self.receive(client, body, <[u8]>::to_vec).await {
            Ok(body) if page == "pay" => written(portal.pay(visit, body).await),
            Ok(body) => written(portal.make_invoice(visit, body).await),
            Err(rejected) => {
                let mut response = written(portal.refuse(visit, &rejected.refusal()));
                if let Rejected::Later(seconds) = rejected {
                    response.headers_mut().insert(RETRY_AFTER, seconds.into());
                }
                response
            }
        }
    }
}

fn written(answer: Answer) -> Response {
    match answer {
        Answer::Page(status, page) => {
            let mut response = ok(HTML, page);
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response
        }
        Answer::Elsewhere(address) => elsewhere(&address),
    }
}

/// To be asked for with GET.
fn elsewhere(address: &str) -> Response {
    let mut response = ok(HTML, Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}

fn kept(kind: &'static str, text: &'static str) -> Response {
    let mut response = ok(kind, text);
    let long = HeaderValue::from_static(LONG);
    response.headers_mut().insert(CACHE_CONTROL, long);
    response
}
