//! POST and GET /ln-invoice, as the portal reads them.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::payments::Shop;
use crate::net::Mac;
use crate::payment::{InvoiceState, Refusal};

/// What is to be paid.
#[derive(Debug, Deserialize)]
pub struct Request {
    amount: u64,
    #[serde(alias = "mint")]
    mint_url: String,
}

/// Reads a body.
///
/// # Errors
/// What to tell the customer.
pub fn read(body: &[u8]) -> Result<Request, Refusal> {
    serde_json::from_slice(body).map_err(|_| {
        let text = r#"Send {"amount": 21, "mint_url": "https://…"}."#;
        Refusal::request("invalid-request", text)
    })
}

impl Shop {
    /// Has an invoice made; gives status and body of the answer.
    pub async fn invoice(
        &self,
        request: Result<Request, Refusal>,
        mac: Option<Mac>,
    ) -> (StatusCode, String) {
        let made = async {
            let request = request?;
            let mac = mac.ok_or_else(unknown_device)?;
            let mint = request.mint_url.parse().map_err(|error| {
                let text = format!("{} is no mint's address: {error}", request.mint_url);
                Refusal::request("invalid-request", text)
            })?;
            self.till.invoice(&mint, request.amount, mac).await
        };
        match made.await {
            Ok(state) => (StatusCode::OK, describe(&state)),
            // The portal knows 400 here, and 429.
            Err(refusal) => {
                let status = match refusal.status {
                    429 => StatusCode::TOO_MANY_REQUESTS,
                    500 => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::BAD_REQUEST,
                };
                (status, failure(&refusal.text))
            }
        }
    }

    /// How an invoice stands.
    pub fn invoice_state(&self, query: Option<&str>, mac: Option<Mac>) -> (StatusCode, String) {
        let pairs = query.unwrap_or_default().split('&');
        let quote = pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == "quote");
        let Some((_, quote)) = quote else {
            return (StatusCode::BAD_REQUEST, failure("Which quote?"));
        };
        // A device that nobody knows has no invoice, either.
        let quote = decoded(quote);
        match mac.and_then(|mac| self.till.invoice_state(&quote, mac)) {
            Some(state) => (StatusCode::OK, describe(&state)),
            None => (StatusCode::NOT_FOUND, failure("There is no such quote.")),
        }
    }
}

/// A value of a query, with `%XX` as what it stands for. Quotes are plain text,
/// so that what is none of it is no quote, either.
fn decoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| value.get(at + 1..at + 3));
        let digits = digits.flatten().filter(|digits| !digits.starts_with('+'));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                text.push(byte);
                at += 3;
            }
            None => {
                text.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn unknown_device() -> Refusal {
    let text = "The router does not know your device (MAC address).";
    Refusal::request("mac-address-lookup-failed", text)
}

fn failure(text: &str) -> String {
    json!({"status": 0, "error": text}).to_string()
}

fn describe(state: &InvoiceState) -> String {
    let InvoiceState {
        name,
        mint,
        invoice,
        receipt,
    } = state;
    let mut json = json!({
        "status": 1,
        "quote": name,
        "invoice": invoice.request,
        "mint_url": mint,
        "amount": invoice.amount,
        "state": "UNPAID",
        "access_granted": false,
    });
    if let Some(expiry) = invoice.end() {
        json["expiry"] = Value::from(expiry);
    }
    if let Some(receipt) = receipt {
        json["state"] = "ISSUED".into();
        json["access_granted"] = true.into();
        json["allotment"] = receipt.allotment.into();
        json["metric"] = receipt.purchase.metric.as_str().into();
    }
    json.to_string()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn queries_are_decoded() {
        assert_eq!(decoded("a-b_c"), "a-b_c");
        assert_eq!(decoded("a%3D%3d+%2B"), "a==++");
        assert_eq!(decoded("%"), "%");
        assert_eq!(decoded("%4"), "%4");
        assert_eq!(decoded("%+1%zz"), "%+1%zz");
        assert_eq!(decoded("%é"), "%é");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
