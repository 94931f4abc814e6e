//! Requests that were meant for others, and what they are answered with.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RETRY_AFTER,
};
use hyper::{HeaderMap, Method, Response, StatusCode, Uri};
use tokio::time::timeout;

use super::Arrival;
use crate::net::host::{Host, host_of, is_local, is_private};

/// The port of web servers whose addresses name none.
const HTTP: u16 = 80;

/// How much of a body is taken in, in bytes, and how long, so that its sender is
/// done with sending and reads the answer.
const MOST: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a request is not for this daemon.
///
/// The kernel knows of what it has led here itself. Where somebody else did
/// that (a gate of the owner's, another machine), or a browser was told to use
/// the daemon as its proxy, the host in the request tells: a name or an address
/// on the internet, without a port. Who means the daemon names its port.
pub fn is_for_another(uri: &Uri, headers: &HeaderMap, arrival: &Arrival) -> bool {
    if arrival.is_diverted {
        return true;
    }
    // A whole address in the request line goes before `Host` (RFC 9112, 3.2.2).
    let host = match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(HOST).and_then(|host| host.to_str().ok()),
    };
    let Some(host) = host else { return false };
    let own = arrival.local.map(|local| local.ip());
    let is_foreign = match host_of(host) {
        Some(Host::Name(name)) => !is_local(&name),
        Some(Host::Address(address)) => !is_own(address, own),
        None => false,
    };
    is_foreign && port_of(host).is_none_or(|port| port == HTTP)
}

/// An address that may be the router's: on its LAN, any private one. What comes
/// through a port that somebody has forwarded names the address of that.
fn is_own(address: IpAddr, own: Option<IpAddr>) -> bool {
    is_private(address) || Some(address) == own
}

/// The port behind a host that was found to be one.
fn port_of(host: &str) -> Option<u16> {
    let after = host.rsplit(']').next().unwrap_or(host);
    after.rsplit_once(':')?.1.parse().ok()
}

/// Takes in what a body has, to no purpose.
pub async fn discard(mut body: Incoming) {
    let all = async {
        let mut length = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > MOST {
                break;
            }
        }
    };
    // Whatever came of it: nobody looks at it.
    let _ = timeout(PATIENCE, all).await;
}

/// Sends a browser to the portal.
///
/// With 302 systems find out that there is a portal. With 303, which is for
/// everything but looking, the portal is looked at, and nothing is sent there
/// again: a token in the request pays nobody, and stays the sender's.
///
/// Nothing of the request is in the answer.
pub fn to_portal(method: &Method, portal: Option<&str>) -> Response<Full<Bytes>> {
    let is_look = matches!(*method, Method::GET | Method::HEAD);
    let said = match is_look {
        true => "",
        false => "<p>What you sent went nowhere; nothing was paid.",
    };
    let (status, body) = match portal {
        Some(portal) => {
            let status = match is_look {
                true => StatusCode::FOUND,
                false => StatusCode::SEE_OTHER,
            };
            let body = format!(
                "<!DOCTYPE html><title>TollGate</title><p>Internet access has to be paid for here: <a href=\"{portal}\">{portal}</a>{said}\n"
            );
            (status, body)
        }
        // RFC 6585: the status for networks that want something first.
        None => {
            let body = format!(
                "<!DOCTYPE html><title>TollGate</title><p>Internet access has to be paid for here.{said}\n"
            );
            (StatusCode::NETWORK_AUTHENTICATION_REQUIRED, body)
        }
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    as_page(headers);
    if let Some(portal) = portal.and_then(|portal| HeaderValue::from_str(portal).ok()) {
        headers.insert(LOCATION, portal);
    }
    response
}

/// Asks somebody who has paid to try once more: a new address of a customer is
/// let through a moment after its first packet. To call that a portal would have
/// a phone ask for money again; no system takes a 503 for one.
pub fn again() -> Response<Full<Bytes>> {
    let body = "<!DOCTYPE html><meta http-equiv=\"refresh\" content=\"1\"><title>TollGate</title><p>One moment.\n";
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    as_page(response.headers_mut());
    response
}

fn as_page(headers: &mut HeaderMap) {
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The next request on this connection is for another host, too, and once
    // it is paid has to go there.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_for_us(line: &str, host: Option<&str>, is_diverted: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.extend(host.map(|host| (HOST, host.parse().unwrap())));
        let arrival = Arrival {
            local: Some("203.0.113.5:2121".parse().unwrap()),
            is_diverted,
        };
        !is_for_another(&line.parse().unwrap(), &headers, &arrival)
    }

    #[test]
    fn what_names_the_daemon_is_for_it() {
        for host in [
            "10.0.0.1:2121",
            "10.0.0.1",
            "10.0.0.1:80",
            "203.0.113.5",
            "[fe80::1%25eth0]",
            "[fd00::1]",
            "tollgate.lan",
            "OpenWrt:2121",
            // A name of the owner's, with a port.
            "tollgate.example:2121",
            "tollgate.example:8443",
            "not a host",
            "",
        ] {
            assert!(is_for_us("/", Some(host), false), "{host}");
            assert!(!is_for_us("/", Some(host), true), "{host}");
        }
        assert!(is_for_us("/", None, false));
        assert!(is_for_us("/x?http://example.org/", None, false));
        assert!(is_for_us(
            "http://10.0.0.1:2121/whoami",
            Some("x.example"),
            false
        ));
    }

    #[test]
    fn what_names_others_is_not() {
        for host in [
            "captive.apple.com",
            "captive.apple.com:80",
            "CAPTIVE.APPLE.COM.",
            "198.51.100.1",
            "[2001:db8::1]",
            "[2001:db8::1]:80",
            "192.168.1.1.example.org",
        ] {
            assert!(!is_for_us("/", Some(host), false), "{host}");
        }
        assert!(!is_for_us(
            "http://example.org/",
            Some("10.0.0.1:2121"),
            false
        ));
        assert!(!is_for_us("http://example.org/", None, false));
        // HTTP/1.0, through the gate.
        assert!(!is_for_us("/", None, true));
    }

    proptest! {
        #[test]
        fn never_panics(line in "(https?://)?[a-z0-9.:\\[\\]%@/*]{0,30}", host in any::<Vec<u8>>()) {
            let mut headers = HeaderMap::new();
            headers.extend(HeaderValue::from_bytes(&host).ok().map(|host| (HOST, host)));
            if let Ok(uri) = line.parse() {
                is_for_another(&uri, &headers, &Arrival::default());
            }
        }
    }

    #[test]
    fn every_method_ends_at_the_portal() {
        const PORTAL: &str = "http://10.0.0.1:2121/portal/";
        for (method, status) in [
            (Method::GET, 302),
            (Method::HEAD, 302),
            (Method::POST, 303),
            (Method::PUT, 303),
            (Method::OPTIONS, 303),
            (Method::CONNECT, 303),
        ] {
            let response = to_portal(&method, Some(PORTAL));
            assert_eq!(response.status().as_u16(), status, "{method}");
            assert_eq!(response.headers()[LOCATION], PORTAL);
            assert_eq!(response.headers()[CONNECTION], "close");
        }
        assert_eq!(again().status().as_u16(), 503);
        let response = to_portal(&Method::GET, None);
        assert_eq!(response.status().as_u16(), 511);
        assert!(!response.headers().contains_key(LOCATION));
    }
}
