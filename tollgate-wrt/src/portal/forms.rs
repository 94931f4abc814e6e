//! The forms of the page, and the mints that can be paid with.

use super::html::{escape, fill, filled};
use super::page::{price, unit_name};
use super::units::amount;
use super::{Portal, Visitor, encoded};
use crate::config::schema::Mint;

const TOKEN: &str = include_str!("page/token.html");
const LIGHTNING: &str = include_str!("page/lightning.html");
const MINTS: &str = include_str!("page/mints.html");

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
        let open = open.map_or_else(String::new, |quote| {
            let html = "<p class=\"open\">{=open-invoice} <a href=\"invoice?quote={quote}&amp;lang={lang}\">{=open-invoice-show}</a></p>";
            let values = [("quote", &*encoded(&quote)), ("lang", &language.tag)];
            filled(html, language, &values)
        });
        let (of_step, unit) = self.offer.price().unwrap_or_default();
        let mut choices = String::new();
        for (index, steps) in self.offer.choices().into_iter().enumerate() {
            let html = "<label class=\"choice\"><input type=\"radio\" name=\"steps\" value=\"{steps}\"{+checked}><span>{amount}</span><small><bdi>{price}</bdi></small></label>";
            let cost = match unit {
                "" => String::new(),
                unit => price(steps.saturating_mul(of_step), unit),
            };
            let values = [
                ("steps", &*steps.to_string()),
                ("checked", if index == 0 { " checked" } else { "" }),
                (
                    "amount",
                    &amount(self.offer.metric, self.offer.amount(steps), language),
                ),
                ("price", &cost),
            ];
            fill(&mut choices, html, language, &values);
        }
        let mut mints = String::new();
        if self.offer.mints.len() > 1 {
            mints += "<fieldset><legend>";
            escape(&mut mints, language.text("mint"));
            mints += "</legend>\n<div class=\"choices wide\">";
            for (index, mint) in self.offer.mints.iter().enumerate() {
                let html = "<label class=\"choice\"><input type=\"radio\" name=\"mint\" value=\"{url}\" data-price=\"{of_step}\" data-unit=\"{unit}\"{+checked}><span><bdi dir=\"ltr\">{name}</bdi></span><small>{price}</small></label>";
                let values = [
                    ("url", mint.url.as_str()),
                    ("of_step", &mint.price_per_step.to_string()),
                    ("unit", unit_name(&mint.price_unit)),
                    ("checked", if index == 0 { " checked" } else { "" }),
                    ("name", short(mint)),
                    ("price", &self.mint_price(visitor, mint)),
                ];
                fill(&mut mints, html, language, &values);
            }
            mints += "</div></fieldset>\n";
        }
        let units = self.offer.mints.iter();
        let mut units: Vec<&str> = units.map(|mint| unit_name(&mint.price_unit)).collect();
        units.dedup();
        let other = language.say("other-amount", &[("unit", &units.join(" / "))]);
        let values = [
            ("lang", &*language.tag),
            ("open", &open),
            ("choices", &choices),
            ("other", &other),
            ("mints", &mints),
        ];
        fill(page, LIGHTNING, language, &values);
    }

    fn mint_price(&self, visitor: &Visitor<'_>, mint: &Mint) -> String {
        let language = visitor.language;
        let step = amount(self.offer.metric, self.offer.step, language);
        let price = price(mint.price_per_step.get(), &mint.price_unit);
        language.say("mint-price", &[("price", &price), ("amount", &step)])
    }

    pub(super) fn mints(&self, page: &mut String, visitor: &Visitor<'_>) {
        let language = visitor.language;
        let health = self.till.mint_health();
        let mut list = String::new();
        for mint in &self.offer.mints {
            let mut facts = vec![self.mint_price(visitor, mint)];
            let least = mint.purchase_min_steps.get();
            if least > 1 {
                let least = least.saturating_mul(mint.price_per_step.get());
                let least = price(least, &mint.price_unit);
                facts.push(language.say("mint-least", &[("price", &least)]));
            }
            let mut own = health.iter().filter(|(url, _)| *url == mint.url);
            if own.any(|(_, health)| health.down.is_some()) {
                facts.push(language.text("mint-down").to_owned());
            }
            let html = "<li><bdi dir=\"ltr\">{name}</bdi><small>{facts}</small></li>";
            let values = [("name", short(mint)), ("facts", &facts.join(" · "))];
            fill(&mut list, html, language, &values);
        }
        fill(page, MINTS, language, &[("list", &list)]);
    }
}

/// A mint's address as people read it.
fn short(mint: &Mint) -> &str {
    let url = mint.url.as_str();
    url.strip_prefix("https://").unwrap_or(url)
}
