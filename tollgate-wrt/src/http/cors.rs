//! Which pages may read an answer (Cross-Origin Resource Sharing).
//!
//! The captive portal is a page on another port of the router. Its origin is
//! an address of a private network, or names the host that it asks. Any other
//! page on the web that a customer has open must not read who the customer is.
//!
//! Only what is written in the origin counts. Names are not looked up: whoever
//! owns a name decides what it leads to, and a page could first be loaded from
//! its own server and then have its name lead here. For that reason a name is
//! also not believed for being the host that was asked, unless it is one that
//! nobody can own in public.

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HOST,
    HeaderValue, ORIGIN, VARY,
};

use crate::net::host::{Host, host_of, is_local, is_private};

/// Adds to an answer that the page which asked may read it, if it may.
pub fn allow(request: &HeaderMap, answer: &mut HeaderMap) {
    let Some(origin) = request.get(ORIGIN) else {
        return;
    };
    let host = request.get(HOST).and_then(|host| host.to_str().ok());
    if origin.to_str().is_ok_and(|origin| is_allowed(origin, host)) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }
}

/// Adds what a page may send, in answer to OPTIONS.
pub fn preflight(answer: &mut HeaderMap) {
    answer.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, OPTIONS"),
    );
    answer.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Content-Type, Authorization"),
    );
}

/// Whether a request names this router in a way that no stranger can: by an
/// address, or by a name that nobody owns. A page whose own name was made to
/// lead here (DNS rebinding) is of the same origin to its browser, which then
/// asks nobody whether the page may read. Requests without `Host` are not of
/// browsers.
pub fn is_addressed_locally(request: &HeaderMap) -> bool {
    request.get_all(HOST).iter().all(|value| {
        let Ok(value) = value.to_str() else {
            return false;
        };
        // In brackets is always an address, whatever zone it has.
        value.starts_with('[')
            || match host_of(value) {
                Some(Host::Address(_)) => true,
                Some(Host::Name(name)) => is_local(&name),
                None => false,
            }
    })
}

fn is_allowed(origin: &str, asked: Option<&str>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false; // "null": a file, or a page that hides its origin
    };
    if !matches!(scheme, "http" | "https") {
        return false;
    }
    let Some(host) = host_of(authority) else {
        return false;
    };
    let is_asked = asked.and_then(host_of).is_some_and(|asked| asked == host);
    match host {
        Host::Address(address) => is_private(address) || is_asked,
        Host::Name(name) => name == "localhost" || is_asked && is_local(&name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowed(origin: &str) -> bool {
        is_allowed(origin, Some("tollgate.lan:2121"))
    }

    #[test]
    fn private_addresses_may() {
        for origin in [
            "http://192.168.1.1:2051",
            "http://192.168.1.1",
            "https://10.0.0.1:8443",
            "http://172.16.3.4",
            "http://169.254.1.1",
            "http://127.0.0.1:3000",
            "http://localhost:5173",
            "http://[::1]:80",
            "http://[fd00::1]",
            "http://[fe80::1]:2051",
            "http://[::ffff:192.168.1.1]",
        ] {
            assert!(allowed(origin), "{origin}");
        }
    }

    #[test]
    fn others_may_not() {
        for origin in [
            "null",
            "",
            "*",
            "http://",
            "http://8.8.8.8",
            "http://172.32.0.1",
            "https://example.org",
            "http://192.168.1.1.example.org",
            "http://192.168.1.1@example.org",
            "http://192.168.1.1/path",
            "http://192.168.1.1:http",
            "http://192.168.1.1:99999",
            "http://192.168.1.1:+80",
            "http://[fd00::1",
            "http://[fd00::1]x",
            "http://[2001:db8::1]",
            "http://[fe80::1%25eth0]",
            "http://localhost.example.org",
            "file://192.168.1.1",
            "chrome-extension://192.168.1.1",
            "192.168.1.1",
            "http://other.lan",
            "http://0x7f.1",
            "http://2130706433",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
    }

    #[test]
    fn the_same_host_on_another_port_may() {
        let same = |origin, host| is_allowed(origin, Some(host));
        assert!(same("http://tollgate.lan:2051", "tollgate.lan:2121"));
        assert!(same("http://TollGate.LAN", "tollgate.lan"));
        assert!(same("http://router:2051", "router:2121"));
        assert!(same("http://203.0.113.1:2051", "203.0.113.1:2121"));
        assert!(same("http://[2001:db8::1]:2051", "[2001:DB8:0::1]:2121"));
        // A public name can be made to lead here: DNS rebinding.
        assert!(!same("http://evil.example", "evil.example:2121"));
        assert!(!same("http://203.0.113.1", "203.0.113.2:2121"));
        assert!(!same("http://1:2051", "1:2121"));
        assert!(!is_allowed("http://router", None));
    }

    #[test]
    fn names_that_strangers_own_are_not_ours() {
        let is_ours = |hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            is_addressed_locally(&headers)
        };
        for host in [
            "192.168.1.1:2121",
            "203.0.113.1",
            "[fd00::1]:2121",
            "[fe80::1%25eth0]:2121",
            "tollgate.lan:2121",
            "OpenWrt",
            "router.local.",
            "localhost:2121",
        ] {
            assert!(is_ours(&[host]), "{host}");
        }
        for host in [
            "evil.example:2121",
            "evil.example.",
            "192.168.1.1.example.org",
            "lan.example",
            "a@192.168.1.1",
            "2130706433",
            "",
        ] {
            assert!(!is_ours(&[host]), "{host}");
        }
        assert!(is_ours(&[]));
        assert!(!is_ours(&["192.168.1.1", "evil.example"]));
    }

    proptest! {
        #[test]
        fn never_panics(origin in "(https?://)?[a-z0-9.:\\[\\]%@/é]{0,30}", host in any::<String>()) {
            is_allowed(&origin, Some(&host));
        }
    }
}
