//! The forms of the page, and the mints that can be paid with.

use super::html::{escape, fill, filled};
use super::page::{price, unit_name};
use super::units::amount;
use super::{Portal, Visitor};
use crate::config::schema::Mint;

const TOKEN: &str = include_str!("page/token.html");
const LIGHTNING: &str = include_str!("page/lightning.html");
const MINTS: &str = include_str!("page/mints.html");

/// Longest amount that is shown again, in bytes: pages stay small.
const MOST_TYPED: usize = 64;

impl Portal {
    pub(super) fn token_form(&self, page: &mut String, visitor: &Visitor<'_>, token: &str) {
        let language = visitor.language;
        let step = amount(self.offer.metric, self.offer.step, language);
        let values = [
            ("lang", &*language.tag),
            ("token", token),
            ("whole", &language.say("whole-steps", &[("amount", &step)])),
        ];
        fill(page, TOKEN, language, &values);
    }

    pub(super) fn lightning_form(&self, page: &mut String, visitor: &Visitor<'_>) {
        let language = visitor.language;
        let open = visitor.mac.and_then(|mac| self.till.open_invoice(mac));
        let open = open.map_or_else(String::new, |name| {
            let html = "<p class=\"open\">{=open-invoice} <a href=\"invoice?quote={quote}&amp;lang={lang}\">{=open-invoice-show}</a></p>";
            let values = [("quote", &*name), ("lang", &language.tag)];
            filled(html, language, &values)
        });
        // An amount that was typed in goes before those to choose from.
        let typed = visitor.order.get("amount");
        let typed = if typed.len() > MOST_TYPED { "" } else { typed };
        let choices = self.choices(visitor, typed.is_empty());
        let mints = match self.offer.mints.len() {
            ..2 => String::new(),
            _ => self.mint_choices(visitor),
        };
        let units = self.offer.mints.iter();
        let mut units: Vec<&str> = units.map(|mint| unit_name(&mint.price_unit)).collect();
        units.dedup();
        let other = language.say("other-amount", &[("unit", &units.join(" / "))]);
        let values = [
            ("lang", &*language.tag),
            ("open", &open),
            ("choices", &choices),
            ("other", &other),
            ("typed", typed),
            ("mints", &mints),
        ];
        fill(page, LIGHTNING, language, &values);
    }

    /// Amounts to choose from, one of them chosen unless another was typed in.
    fn choices(&self, visitor: &Visitor<'_>, is_one_chosen: bool) -> String {
        let language = visitor.language;
        let (of_step, unit) = self.offer.price().unwrap_or_default();
        let steps = self.offer.choices();
        let ordered = visitor.order.number("steps");
        let ordered = ordered.filter(|ordered| steps.contains(ordered));
        let chosen = ordered.or(steps.first().copied());
        let mut html = String::new();
        for steps in steps {
            let choice = "<label class=\"choice\"><input type=\"radio\" name=\"steps\" value=\"{steps}\"{+checked}><span>{amount}</span><small><bdi>{price}</bdi></small></label>";
            let cost = match unit {
                "" => String::new(),
                unit => price(steps.saturating_mul(of_step), unit),
            };
            let values = [
                ("steps", &*steps.to_string()),
                ("checked", checked(is_one_chosen && chosen == Some(steps))),
                (
                    "amount",
                    &amount(self.offer.metric, self.offer.amount(steps), language),
                ),
                ("price", &cost),
            ];
            fill(&mut html, choice, language, &values);
        }
        html
    }

    /// Mints to choose from. Chosen is the one that was, or the first that answers.
    fn mint_choices(&self, visitor: &Visitor<'_>) -> String {
        let language = visitor.language;
        let is_down = self.down();
        let mints = &self.offer.mints;
        let ordered = visitor.order.get("mint");
        let chosen = mints.iter().position(|mint| mint.url.as_str() == ordered);
        let chosen = chosen.or_else(|| mints.iter().position(|mint| !is_down(mint)));
        let mut html = "<fieldset><legend>".to_owned();
        escape(&mut html, language.text("mint"));
        html += "</legend>\n<div class=\"choices wide\">";
        for (index, mint) in mints.iter().enumerate() {
            let choice = "<label class=\"choice\"><input type=\"radio\" name=\"mint\" value=\"{url}\" data-price=\"{of_step}\" data-unit=\"{unit}\"{+checked}><span><bdi dir=\"ltr\">{name}</bdi></span><small>{facts}</small></label>";
            let mut facts = self.mint_price(visitor, mint);
            if is_down(mint) {
                facts = facts + " · " + language.text("mint-down");
            }
            let values = [
                ("url", mint.url.as_str()),
                ("of_step", &mint.price_per_step.to_string()),
                ("unit", unit_name(&mint.price_unit)),
                ("checked", checked(index == chosen.unwrap_or_default())),
                ("name", short(mint)),
                ("facts", &facts),
            ];
            fill(&mut html, choice, language, &values);
        }
        html + "</div></fieldset>\n"
    }

    /// Tells which mints do not answer.
    fn down(&self) -> impl Fn(&Mint) -> bool + use<> {
        let health = self.till.mint_health();
        move |mint| {
            let mut own = health.iter().filter(|(url, _)| *url == mint.url);
            own.any(|(_, health)| health.down.is_some())
        }
    }

    fn mint_price(&self, visitor: &Visitor<'_>, mint: &Mint) -> String {
        let language = visitor.language;
        let step = amount(self.offer.metric, self.offer.step, language);
        let price = price(mint.price_per_step.get(), &mint.price_unit);
        language.say("mint-price", &[("price", &price), ("amount", &step)])
    }

    pub(super) fn mints(&self, page: &mut String, visitor: &Visitor<'_>) {
        let language = visitor.language;
        let is_down = self.down();
        let mut list = String::new();
        for mint in &self.offer.mints {
            let mut facts = vec![self.mint_price(visitor, mint)];
            let least = mint.purchase_min_steps.get();
            if least > 1 {
                let least = least.saturating_mul(mint.price_per_step.get());
                let least = price(least, &mint.price_unit);
                facts.push(language.say("mint-least", &[("price", &least)]));
            }
            if is_down(mint) {
                facts.push(language.text("mint-down").to_owned());
            }
            let html = "<li><bdi dir=\"ltr\">{name}</bdi><small>{facts}</small></li>";
            let values = [("name", short(mint)), ("facts", &facts.join(" · "))];
            fill(&mut list, html, language, &values);
        }
        fill(page, MINTS, language, &[("list", &list)]);
    }
}

fn checked(is_checked: bool) -> &'static str {
    if is_checked { " checked" } else { "" }
}

/// A mint's address as people read it.
fn short(mint: &Mint) -> &str {
    let url = mint.url.as_str();
    url.strip_prefix("https://").unwrap_or(url)
}
