//! The portal: the page that customers pay on.
//!
//! The server makes whole pages, in the customer's language. A form is posted,
//! its answer is a page, and nothing needs a script: the windows in which
//! phones show portals forbid much. script.js only adds what is live.
//!
//! | request, below `/portal/` | answer |
//! |---|---|
//! | `GET` | the state, the price, the forms; `?lang=xx` chooses the language |
//! | `POST pay` | `token`: pays; then the page again, or why not |
//! | `POST invoice` | `steps` or `amount`, and `mint`: makes a Lightning invoice |
//! | `GET invoice?quote=…` | the invoice with its QR code; when it is paid, the page |
//! | `GET style.css`, `GET script.js` | what the pages load; all there is |
//!
//! A token stands in bodies of requests and in the page that refuses it, never
//! in an address or a log.

mod form;
mod forms;
mod home;
mod html;
mod invoice;
mod languages;
mod offer;
mod page;
mod qr;
mod units;

use std::sync::Arc;

use crate::config::Settings;
use crate::files;
use crate::ledger::session::Session;
use crate::net::Mac;
use crate::paths::Paths;
use crate::payment::{Refusal, Till};
use crate::sessions::Keeper;
use form::{Form, encoded};
use languages::{Language, Languages};
use offer::Offer;
pub use page::{SCRIPT, STYLE};

/// Longest token that is shown again in the page that refuses it: a hundred pieces.
/// Pages wait in memory for their readers, however slow, and what is no token may be
/// six times as long in HTML.
const MOST_SHOWN: usize = 16 * 1024;

/// Makes the pages.
#[derive(Debug)]
pub struct Portal {
    offer: Offer,
    languages: Languages,
    /// The router's name, if it has one of its own.
    place: String,
    till: Arc<Till>,
    keeper: Arc<Keeper>,
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// The customer's device, if it is known.
    pub mac: Option<Mac>,
    /// What stands behind `?`.
    pub query: Option<&'a str>,
    /// `Accept-Language`.
    pub languages: Option<&'a str>,
}

/// What a browser is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A page, with HTTP's word for what it says.
    Page(u16, String),
    /// Another address, below `/portal/`, to be asked with GET.
    Elsewhere(String),
}

/// A visit, understood.
#[derive(Debug)]
struct Visitor<'a> {
    mac: Option<Mac>,
    language: &'a Language,
    query: Form,
    /// The order that came to nothing: what was chosen is chosen still.
    order: Form,
}

impl Portal {
    /// A portal for what the settings sell. Also gives what is wrong with the
    /// translations.
    pub fn new(
        paths: &Paths,
        settings: &Settings,
        till: Arc<Till>,
        keeper: Arc<Keeper>,
    ) -> (Self, Vec<String>) {
        let (languages, warnings) = Languages::load(paths);
        let name = files::read_text(&paths.host_name()).unwrap_or_default();
        // OpenWrt's own is the name of no place.
        let is_own = |name: &&str| !matches!(*name, "OpenWrt" | "localhost" | "(none)");
        let place = Some(name.trim()).filter(is_own).unwrap_or_default();
        let portal = Self {
            offer: Offer::new(&settings.file),
            languages,
            place: place.to_owned(),
            till,
            keeper,
        };
        (portal, warnings)
    }

    fn visitor(&self, visit: &Visit<'_>) -> Visitor<'_> {
        let query = Form::parse(visit.query.unwrap_or_default().as_bytes());
        let asked = Some(query.get("lang")).filter(|tag| !tag.is_empty());
        Visitor {
            mac: visit.mac,
            language: self.languages.choose(asked, visit.languages),
            query,
            order: Form::default(),
        }
    }

    /// The page.
    pub fn show(&self, visit: &Visit<'_>) -> Answer {
        self.home(&self.visitor(visit), None)
    }

    /// Takes the token in a form's body.
    pub async fn pay(&self, visit: &Visit<'_>, body: Vec<u8>) -> Answer {
        let visitor = self.visitor(visit);
        let token = form::token(Form::parse(&body).get("token"));
        drop(body);
        let Some(mac) = visitor.mac else {
            return self.home(&visitor, Some((&unknown_device(), &token)));
        };
        let before = self.keeper.session(mac);
        let before = before.map_or(0, |(session, _)| mark(&session));
        match self.till.pay(&token, mac).await {
            Ok(_) => visitor.elsewhere("./?paid=1", "#result"),
            Err(refusal) if refusal.is_pending() => {
                visitor.elsewhere(&format!("./?wait={before}"), "#status")
            }
            // What is spent is of no use any more.
            Err(refusal) if refusal == Refusal::spent() => {
                self.home(&visitor, Some((&refusal, "")))
            }
            Err(refusal) => self.home(&visitor, Some((&refusal, &token))),
        }
    }

    /// Has a mint make an invoice, as a form's body says.
    pub async fn make_invoice(&self, visit: &Visit<'_>, body: Vec<u8>) -> Answer {
        let mut visitor = self.visitor(visit);
        let form = Form::parse(&body);
        let made = async {
            let mac = visitor.mac.ok_or_else(unknown_device)?;
            let (mint, amount) = self.offer.order(&form)?;
            if let Some(name) = self.till.same_invoice(mint, amount, mac) {
                return Ok(name);
            }
            let made = self.till.invoice(mint, amount, mac).await;
            made.map(|state| state.name)
        };
        match made.await {
            Ok(name) => visitor.elsewhere(&format!("invoice?quote={name}"), ""),
            Err(refusal) => {
                visitor.order = form;
                self.home(&visitor, Some((&refusal, "")))
            }
        }
    }

    /// The page that says why a request came to nothing before it was read.
    pub fn refuse(&self, visit: &Visit<'_>, refusal: &Refusal) -> Answer {
        self.home(&self.visitor(visit), Some((refusal, "")))
    }
}

impl Visitor<'_> {
    /// Another address, in the same language.
    fn elsewhere(&self, address: &str, fragment: &str) -> Answer {
        let lang = &self.language.tag;
        Answer::Elsewhere(format!("{address}&lang={lang}{fragment}"))
    }
}

/// Tells a session from what a payment makes of it: more of it, or, where it has ended
/// meanwhile, another that may be as large.
fn mark(session: &Session) -> u64 {
    session.allotment.wrapping_add(session.started)
}

fn unknown_device() -> Refusal {
    let text = "The router does not know your device (MAC address).";
    Refusal::request("mac-address-lookup-failed", text).named("device")
}

#[cfg(test)]
mod tests;
