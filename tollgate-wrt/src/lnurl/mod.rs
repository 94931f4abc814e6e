//! Invoices of people who are paid: LNURL-pay (LUD-06) and Lightning addresses
//! (LUD-16).

mod address;
pub mod guard;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use log::debug;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

pub use address::{ParseError, Payee, Way, WebUrl};

use crate::wallet::Client;
use crate::wallet::bolt11::Bolt11;

/// For the name, the connection and the answer together, redirects included.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Most redirects of one request. Some domains have their addresses elsewhere.
const MAX_REDIRECTS: usize = 3;

/// Longest text of a server that is passed on.
const MAX_REASON: usize = 200;

/// Why there is no invoice, as a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The server cannot be reached, or says nothing that can be used.
    Unreachable(String),
    /// It takes no such amount: the least and the most, in thousandths of a sat.
    Amount(u64, u64),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => f.write_str(why),
            Self::Amount(least, most) => write!(
                f,
                "it takes {} to {} sat at once",
                least.div_ceil(1_000),
                most / 1_000
            ),
        }
    }
}

impl From<String> for Error {
    fn from(why: String) -> Self {
        Self::Unreachable(why)
    }
}

/// What a server says first (LUD-06). All amounts are thousandths of a sat.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    tag: String,
    callback: String,
    min_sendable: u64,
    max_sendable: u64,
    metadata: String,
}

/// Its invoice.
#[derive(Debug, Deserialize)]
struct Invoice {
    pr: String,
}

/// Asks for invoices.
#[derive(Debug, Clone)]
pub struct Lnurl {
    client: Arc<Client>,
}

impl Lnurl {
    /// Asks with this client's idea of whom to trust.
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// Gets an invoice of exactly `millisats`.
    ///
    /// # Errors
    /// Why there is none, or none that is right.
    pub async fn invoice(&self, url: &WebUrl, millisats: u64) -> Result<Bolt11, Error> {
        let offer: Offer = self.get(url).await?;
        if offer.tag != "payRequest" {
            return Err(format!("{} is not for payments", url.server).into());
        }
        let (least, most) = (offer.min_sendable, offer.max_sendable);
        if !(least..=most).contains(&millisats) {
            return Err(Error::Amount(least, most));
        }
        let callback: WebUrl = offer
            .callback
            .parse()
            .map_err(|error: ParseError| error.to_string())?;
        let invoice: Invoice = self.get(&callback.with("amount", millisats)).await?;
        judge(&invoice.pr, millisats, &offer.metadata)
            .map_err(|why| format!("{} gave a wrong invoice: {why}", callback.server).into())
    }

    /// Reads a page of the public internet.
    async fn get<T: for<'a> Deserialize<'a>>(&self, url: &WebUrl) -> Result<T, Error> {
        let found = timeout(TIMEOUT, self.fetch(url)).await;
        let value = found.map_err(|_| {
            let seconds = TIMEOUT.as_secs();
            format!("{} does not answer within {seconds} seconds", url.server)
        })??;
        if value["status"] == "ERROR" {
            let reason = value["reason"].as_str().unwrap_or("no reason given");
            let reason: String = reason.chars().take(MAX_REASON).collect();
            return Err(format!("{} refuses: {reason}", url.server).into());
        }
        serde_json::from_value(value).map_err(|error| {
            format!("{} does not answer as LNURL asks for: {error}", url.server).into()
        })
    }

    async fn fetch(&self, url: &WebUrl) -> Result<Value, Error> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let failed = |why: String| format!("{}: {why}", url.server);
            let parts = url.server.parts();
            let stream = guard::connect(parts.host, parts.port)
                .await
                .map_err(|error| failed(error.to_string()))?;
            let connection = self.client.speak(stream, parts).await;
            let connection = connection.map_err(|error| failed(error.to_string()))?;
            let answer = connection.request(&url.target, None).await;
            let answer = answer.map_err(|lost| failed(lost.0))?;
            match (answer.status, answer.location) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    debug!(from:% = url, to = location.as_str(); "a redirect");
                    url = url.follow(&location).map_err(|error| {
                        failed(format!("redirects to what is refused: {error}"))
                    })?;
                }
                (200..=299, _) => {
                    let value = serde_json::from_slice(&answer.body);
                    return value.map_err(|error| failed(format!("no JSON: {error}")).into());
                }
                // Some tell the reason all the same.
                (status, _) => {
                    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                    return match value["status"] == "ERROR" {
                        true => Ok(value),
                        false => Err(failed(format!("status {status}")).into()),
                    };
                }
            }
        }
        Err(format!("{} redirects too often", url.server).into())
    }
}

/// Whether an invoice is what was asked for.
fn judge(text: &str, millisats: u64, metadata: &str) -> Result<Bolt11, String> {
    let invoice = Bolt11::parse(text).map_err(|fault| fault.to_string())?;
    match invoice.millisats {
        Some(amount) if amount == millisats => {}
        Some(amount) => {
            return Err(format!(
                "{amount} thousandths of a sat were asked back for {millisats}"
            ));
        }
        None => return Err("it leaves the amount open".to_owned()),
    }
    if !invoice.is_for(metadata) {
        return Err("it is for something else (description hash)".to_owned());
    }
    Ok(invoice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::bolt11::examples::{COFFEE, DONATION, HASHED, LIST};

    #[test]
    fn invoices_are_what_was_asked_for() {
        let wrong =
            |text: &str, millisats, metadata: &str| judge(text, millisats, metadata).unwrap_err();
        assert!(judge(HASHED, 2_000_000_000, LIST).is_ok());
        assert!(wrong(HASHED, 2_000_000_000, "1 coffee").contains("something else"));
        assert!(judge(COFFEE, 250_000_000, LIST).is_ok());
        assert!(wrong(COFFEE, 249_999_999, LIST).contains("250000000"));
        assert!(wrong(DONATION, 1, LIST).contains("open"));
        assert!(wrong("lnbc1", 1, LIST).contains("no Lightning invoice"));
    }
}
