//! Payments and sessions over HTTP: POST /, GET /usage, GET /balance.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use log::warn;
use serde::Deserialize;
use serde_json::json;

use crate::config::schema::Metric;
use crate::net::Mac;
use crate::nostr::tollgate::{self, PAYMENT, notice};
use crate::nostr::{Draft, SigningKey};
use crate::payment::{Refusal, Till};
use crate::sessions::Keeper;

/// What takes money and knows what was bought.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Takes payments.
    pub till: Arc<Till>,
    /// Knows the sessions.
    pub keeper: Arc<Keeper>,
    /// Signs what the customer is told.
    pub key: SigningKey,
}

/// The payment in a request's body.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    token: String,
    customer: Option<String>,
}

/// An event of kind 21000, as far as it is looked at. Its signature is not: a
/// token pays, whoever brings it.
#[derive(Debug, Deserialize)]
struct Event {
    kind: u64,
    #[serde(default)]
    pubkey: String,
    #[serde(default)]
    tags: Vec<Vec<String>>,
}

/// Reads a body: a token, or an event with one. What the request says about its
/// type is of no interest; `curl -d` calls everything a form.
///
/// # Errors
/// What to tell the customer.
pub fn read(body: &[u8]) -> Result<Request, Refusal> {
    let invalid = |text: &str| Refusal::request("invalid-request", text);
    let text = std::str::from_utf8(body).map_err(|_| invalid("This is no text."))?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(invalid("Send a Cashu token."));
    }
    if !text.starts_with('{') {
        let token = text.to_owned();
        let customer = None;
        return Ok(Request { token, customer });
    }
    let invalid = |text: &str| Refusal::request("invalid-event", text);
    let event: Event = serde_json::from_str(text).map_err(|_| invalid("This is no event."))?;
    if event.kind != u64::from(PAYMENT) {
        return Err(invalid("This event is no payment (kind 21000)."));
    }
    let mut tags = event.tags.into_iter();
    let payment = tags.find(|tag| tag.first().is_some_and(|name| name == "payment"));
    let token = payment.and_then(|tag| tag.into_iter().nth(1));
    let is_key = event.pubkey.len() == 64 && event.pubkey.bytes().all(|b| b.is_ascii_hexdigit());
    Ok(Request {
        token: token.ok_or_else(|| invalid("This payment has no tag `payment`."))?,
        customer: is_key.then_some(event.pubkey),
    })
}

impl Shop {
    /// Takes a payment; gives status and body of the answer.
    pub async fn pay(
        &self,
        request: Result<Request, Refusal>,
        mac: Option<Mac>,
    ) -> (StatusCode, String) {
        let paid = async {
            let request = request?;
            let mac = mac.ok_or_else(|| {
                let text = "The router does not know your device (MAC address). Reconnect to its Wi-Fi, and try again.";
                Refusal::request("mac-address-lookup-failed", text)
            })?;
            let receipt = self.till.pay(&request.token, mac).await?;
            Ok(tollgate::session(&tollgate::Session {
                customer: request.customer.as_deref(),
                mac: &mac.to_string(),
                allotment: receipt.allotment,
                metric: receipt.purchase.metric,
                started: receipt.started,
            }))
        };
        match paid.await {
            Ok(session) => (StatusCode::OK, self.sign(session)),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// A refusal as an answer.
    pub fn refuse(&self, refusal: &Refusal) -> (StatusCode, String) {
        let status = StatusCode::from_u16(refusal.status);
        let draft = notice(refusal.level, refusal.code, &refusal.text);
        (
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            self.sign(draft),
        )
    }

    fn sign(&self, draft: Draft) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        match draft.sign(&self.key, now.map_or(0, |now| now.as_secs())) {
            Ok(event) => event.to_json(),
            Err(error) => {
                warn!(error:%; "cannot sign an answer");
                String::new()
            }
        }
    }

    /// `<used>/<allotment>`.
    pub fn usage(&self, mac: Option<Mac>) -> String {
        match mac.and_then(|mac| self.keeper.session(mac)) {
            Some((session, used)) => format!("{used}/{}", session.allotment),
            None => "-1/-1".to_owned(),
        }
    }

    /// The session as the portal reads it.
    pub fn balance(&self, mac: Option<Mac>) -> String {
        let json = match mac.and_then(|mac| self.keeper.session(mac)) {
            None => json!({
                "status": 1,
                "session_active": false,
                "usage": 0,
                "allotment": 0,
                "remaining": 0,
            }),
            Some((session, used)) => json!({
                "status": 1,
                "session_active": true,
                "waiting": session.running.is_none(),
                "metric": Metric::as_str(session.metric),
                "usage": used,
                "allotment": session.allotment,
                "remaining": session.allotment.saturating_sub(used),
                "start_time": session.started,
            }),
        };
        json.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(body: &str) -> Result<String, &'static str> {
        let request = read(body.as_bytes()).map_err(|refusal| refusal.code)?;
        Ok(request.token)
    }

    #[test]
    fn a_token_or_an_event() {
        assert_eq!(token(" cashuBx\r\n"), Ok("cashuBx".into()));
        assert_eq!(token("\u{feff}cashuAx"), Ok("cashuAx".into()));
        let event = r#"{"kind":21000,"pubkey":"PK","tags":[["p","x"],["payment","cashuBx"],["payment","y"]],"sig":7}"#;
        let key = "ab".repeat(32);
        let request = read(event.replace("PK", &key).as_bytes()).unwrap();
        assert_eq!(
            (request.token.as_str(), request.customer),
            ("cashuBx", Some(key))
        );
        // What is no key is not passed on.
        assert_eq!(read(event.as_bytes()).unwrap().customer, None);
        assert_eq!(token(r#"{"kind":1,"tags":[]}"#), Err("invalid-event"));
        assert_eq!(
            token(r#"{"kind":21000,"tags":[["payment"],[]]}"#),
            Err("invalid-event")
        );
        assert_eq!(token("{"), Err("invalid-event"));
        assert_eq!(token(" \n"), Err("invalid-request"));
        assert_eq!(read(b"\xff").unwrap_err().code, "invalid-request");
    }

    proptest! {
        #[test]
        fn never_panics(body: Vec<u8>, tags in "[\\[\\]\"a-z,:{}0-9]{0,40}") {
            let _ = read(&body);
            let _ = read(format!(r#"{{"kind":21000,"tags":{tags}}}"#).as_bytes());
        }
    }
}
