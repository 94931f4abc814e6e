//! The captive-portal site of the TollGate project against the daemon: its very
//! requests, as a browser sends them from the site's own place.
//!
//! The site (OpenTollGate/tollgate-captive-portal-site, src/helpers and
//! src/App.jsx, of July 2026) is served by a web server of the router's on port
//! 2051, and asks port 2121 of the host that it came from.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tollgate_wrt::nostr::{Draft, SigningKey};

use crate::common::{Daemon, Response, connect, tags, verified_event, wait_until};
use crate::net::network::{ALICE_MAC, Network, Who, portal};
use crate::shop::Shop;

const ORIGIN: &str = "http://10.77.0.1:2051";

/// One of the site's requests. A browser lets the site read the answer only if
/// the daemon says so.
fn fetch(network: &Network, method: &str, path: &str, body: Option<&Value>) -> Response {
    let body = body.map(Value::to_string).unwrap_or_default();
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let answer = send(network, &format!("{method} {path}"), &content, &body);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(ORIGIN),
        "{path}: {answer:?}"
    );
    answer
}

fn send(network: &Network, line: &str, headers: &str, body: &str) -> Response {
    network.alice.on(|| {
        let mut stream = connect(portal());
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: 10.77.0.1:2121\r\nConnection: keep-alive\r\nOrigin: {ORIGIN}\r\nReferer: {ORIGIN}/\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nSec-Fetch-Mode: cors\r\n{headers}\r\n{body}"
        )
        .unwrap();
        Response::read(&mut stream, true).unwrap()
    })
}

/// What the browser asks before a request with JSON.
fn preflight(network: &Network, path: &str) {
    let headers =
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
    let answer = send(network, &format!("OPTIONS {path}"), headers, "");
    assert!((200..300).contains(&answer.status), "{answer:?}");
    let allows = |name: &str, value: &str| {
        let allowed = answer.header(name).unwrap().to_ascii_lowercase();
        assert!(allowed.split(", ").any(|word| word == value), "{answer:?}");
    };
    allows("access-control-allow-origin", ORIGIN);
    allows("access-control-allow-methods", "post");
    allows("access-control-allow-headers", "content-type");
}

/// `submitToken`: an event of kind 21000, by a key of this moment.
fn submit(network: &Network, details: &Value, token: &str) -> Response {
    let key = SigningKey::generate().unwrap();
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let draft = Draft {
        kind: 21_000,
        tags: vec![
            text(&["p", details["pubkey"].as_str().unwrap()]),
            text(&["device-identifier", "mac", ALICE_MAC]),
            text(&["payment", token]),
        ],
        content: String::new(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let event = draft.sign(&key, now.as_secs()).unwrap();
    let event = serde_json::to_value(&event).unwrap();
    preflight(network, "/");
    let answer = fetch(network, "POST", "/", Some(&event));
    if answer.status == 200 {
        let session = verified_event(&answer.body);
        assert_eq!(tags(&session, "p"), [[key.public_hex()]]);
    }
    answer
}

fn sells(shop: &Shop) -> (Daemon, Value) {
    let daemon = shop.start();
    // `fetchTollgateData`
    let details = fetch(&shop.network, "GET", "/", None);
    assert_eq!(details.status, 200);
    let details = verified_event(&details.body);
    assert_eq!(details["kind"], 10021);
    let whoami = fetch(&shop.network, "GET", "/whoami", None);
    assert_eq!(whoami.body, format!("mac={ALICE_MAC}"));
    (daemon, details)
}

#[test]
fn the_captive_portal_site_takes_ecash() {
    let Some(mut shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let (daemon, details) = sells(&shop);
    // `getAccessOptions`: what it cannot read it does not offer.
    let option = &tags(&details, "price_per_step")[0];
    assert_eq!((option[0].as_str(), option[2].as_str()), ("cashu", "sat"));
    assert!(option[1].parse::<f64>().unwrap() > 0.0);
    assert!(option[3].starts_with("http"));
    assert_eq!(tags(&details, "step_size")[0], ["3600000"]);

    // What is no payment is an answer that the site shows.
    let refused = submit(&shop.network, &details, "cashuBx");
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert_eq!(fetch(&shop.network, "GET", "/usage", None).body, "-1/-1");
    assert_eq!(submit(&shop.network, &details, &shop.token(2)).status, 200);
    shop.spend(2);
    shop.network.assert_open(Who::Alice);
    // The heartbeat of `AccessGranted`.
    let usage = fetch(&shop.network, "GET", "/usage", None).body;
    assert!(usage.ends_with("/7200000"), "{usage}");
    // `fetchBalanceData`, where the router's web server passes it on.
    let balance = fetch(&shop.network, "GET", "/balance", None).body;
    let balance: Value = serde_json::from_str(&balance).unwrap();
    assert_eq!(balance["session_active"], true);
    assert_eq!(balance["metric"], "milliseconds");
    assert!(balance["remaining"].as_u64().unwrap() > 7_100_000);
    assert!(daemon.stop().success());
}

#[test]
fn the_captive_portal_site_takes_lightning() {
    let Some(shop) = Shop::new("milliseconds", 3_600_000) else {
        return;
    };
    let (daemon, details) = sells(&shop);
    let mint = &tags(&details, "price_per_step")[0][3];
    // `requestInvoice`
    preflight(&shop.network, "/ln-invoice");
    let order = json!({ "amount": 3, "mint_url": mint });
    let made = fetch(&shop.network, "POST", "/ln-invoice", Some(&order));
    assert_eq!(made.status, 200, "{made:?}");
    let made: Value = serde_json::from_str(&made.body).unwrap();
    assert_eq!((&made["status"], &made["amount"]), (&1.into(), &3.into()));
    assert!(made["invoice"].as_str().unwrap().starts_with("ln"));
    assert!(made["expiry"].is_u64() && made["state"].is_string());
    // `getInvoiceStatus`, every two seconds. The mint's Lightning pays at once.
    let path = format!("/ln-invoice?quote={}", made["quote"].as_str().unwrap());
    let mut state = Value::Null;
    wait_until("the invoice gives access", || {
        let answer = fetch(&shop.network, "GET", &path, None);
        assert_eq!(answer.status, 200, "{answer:?}");
        state = serde_json::from_str(&answer.body).unwrap();
        state["access_granted"] == true
    });
    assert_eq!(state["allotment"], 3 * 3_600_000);
    assert_eq!(state["metric"], "milliseconds");
    shop.network.assert_open(Who::Alice);
    // What is wrong is an answer that the site shows.
    let order = json!({ "amount": 0, "mint_url": mint });
    let refused = fetch(&shop.network, "POST", "/ln-invoice", Some(&order));
    let body: Value = serde_json::from_str(&refused.body).unwrap();
    assert!(refused.status >= 400 && body["status"] == 0 && body["error"].is_string());
    assert!(daemon.stop().success());
}
