//! The page of an invoice, which is left when it is paid.

use std::time::{SystemTime, UNIX_EPOCH};

use super::html::filled;
use super::page::{Tone, price};
use super::units::{amount, time};
use super::{Answer, Portal, Visit, Visitor, qr};
use crate::payment::InvoiceState;

const INVOICE: &str = include_str!("page/invoice.html");

impl Portal {
    /// The page of the invoice whose quote the query names.
    pub fn show_invoice(&self, visit: &Visit<'_>) -> Answer {
        let visitor = self.visitor(visit);
        let name = visitor.query.get("quote");
        if name.is_empty() {
            return visitor.elsewhere("./?", "");
        }
        let state = visitor
            .mac
            .and_then(|mac| self.till.invoice_state(name, mac));
        match state {
            Some(state) if state.receipt.is_some() => visitor.elsewhere("./?paid=1", "#result"),
            Some(state) => self.invoice_page(&visitor, &state),
            None => self.no_invoice(&visitor),
        }
    }

    fn invoice_page(&self, visitor: &Visitor<'_>, state: &InvoiceState) -> Answer {
        let language = visitor.language;
        let invoice = &state.invoice;
        let mint = self.offer.mints.iter().find(|mint| mint.url == state.mint);
        let (of_step, unit) = match mint {
            Some(mint) => (mint.price_per_step.get(), &*mint.price_unit),
            None => (u64::MAX, ""),
        };
        let steps = invoice.amount / of_step;
        let bought = amount(self.offer.metric, self.offer.amount(steps), language);
        let cost = price(invoice.amount, unit);
        let heading = language.say("invoice-title", &[("price", &cost), ("amount", &bought)]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let left = invoice.end().map(|end| end.saturating_sub(now));
        // An hour at most is usual; what is more comes of a clock that is wrong.
        let is_sure = self.till.is_clock_right();
        let address = format!("invoice?quote={}&", state.name);
        if is_sure && left == Some(0) {
            let text = language.text("invoice-over");
            let main = visitor.result(Tone::Bad, &heading, text) + &back(visitor);
            // It may have been paid in time: until the router gives it up, that shows.
            let head = refresh(visitor, &address, "20");
            return self.page(visitor, 200, (&heading, &address, &head), &main);
        }
        let mut seconds = String::new();
        let ends = match left {
            Some(left @ 1..604_800) if is_sure => {
                seconds = left.to_string();
                let ends = language.say("invoice-ends", &[("time", &time(left, language))]);
                filled("<p class=\"soft\">{ends}</p>", language, &[("ends", &ends)])
            }
            _ => String::new(),
        };
        let code = invoice.request.to_ascii_uppercase();
        let code = qr::svg(&code, language.text("invoice-qr")).unwrap_or_default();
        let values = [
            ("lang", &*language.tag),
            ("heading", &heading),
            ("qr", &code),
            ("quote", &state.name),
            ("ends", &ends),
            ("seconds", &seconds),
            ("invoice", &invoice.request),
        ];
        let main = filled(INVOICE, language, &values);
        let head = refresh(visitor, &address, "5");
        let head = format!("<noscript>{head}</noscript>");
        self.page(visitor, 200, (&heading, &address, &head), &main)
    }

    fn no_invoice(&self, visitor: &Visitor<'_>) -> Answer {
        let language = visitor.language;
        let heading = language.text("refused");
        let main = visitor.result(Tone::Bad, heading, language.text("invoice-unknown"));
        self.page(visitor, 404, (heading, "./?", ""), &(main + &back(visitor)))
    }
}

/// Has the page loaded again, by its address: to one with a fragment, as this may be,
/// a browser only scrolls.
fn refresh(visitor: &Visitor<'_>, address: &str, pause: &str) -> String {
    let head = "<meta http-equiv=\"refresh\" content=\"{pause};url={address}lang={lang}\">";
    let lang = &*visitor.language.tag;
    let values = [("pause", pause), ("address", address), ("lang", lang)];
    filled(head, visitor.language, &values)
}

fn back(visitor: &Visitor<'_>) -> String {
    let html =
        "<p class=\"buttons\"><a class=\"button main\" href=\"./?lang={lang}\">{=back}</a></p>";
    filled(html, visitor.language, &[("lang", &visitor.language.tag)])
}
