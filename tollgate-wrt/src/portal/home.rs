//! The page: the state, what can be done, and the forms for it.

use super::html::{fill, filled};
use super::page::{Tone, price};
use super::units::amount;
use super::{Answer, MOST_SHOWN, Portal, Visitor, encoded, mark};
use crate::ledger::session::Session;
use crate::payment::Refusal;

const STATUS: &str = include_str!("page/status.html");

/// How a customer's matters stand.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing is sold.
    Closed,
    /// Nothing was bought yet, or long ago.
    Offline,
    /// What was bought is used up.
    Over,
    /// The mint is asked.
    Running,
    /// What was bought waits for the gate.
    Opening,
    /// Has so much left.
    Online(Session, u64),
}

impl State {
    /// Whether there is little left.
    fn is_low(&self) -> bool {
        matches!(self, Self::Online(session, left) if *left < session.allotment / 10)
    }

    /// The class of its box, and the names of its texts.
    fn words(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Closed => ("off", "closed", "closed-note"),
            Self::Offline => ("off", "offline", ""),
            Self::Over => ("over", "over", "over-note"),
            Self::Running => ("wait", "running", "running-note"),
            Self::Opening => ("wait", "opening", "opening-note"),
            Self::Online(..) if self.is_low() => ("low", "low", "low-note"),
            Self::Online(..) => ("on", "online", ""),
        }
    }

    /// Whether the page only waits for something.
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Running | Self::Opening)
    }
}

impl Portal {
    /// The page, with why what was asked for was refused, and the token that it
    /// was about: it is not lost.
    pub(super) fn home(&self, visitor: &Visitor<'_>, refused: Option<(&Refusal, &str)>) -> Answer {
        let state = self.state(visitor);
        let token = refused.map_or("", |(_, token)| token);
        // Who has pasted a longer one has it still.
        let token = if token.len() > MOST_SHOWN { "" } else { token };
        let language = visitor.language;
        let mut main = String::new();
        match refused {
            Some((refusal, _)) => main += &visitor.refusal(refusal),
            None => main += &self.outcome(visitor, &state),
        }
        main += &self.status(visitor, &state);
        let is_known = visitor.mac.is_some();
        if !is_known {
            main += &visitor.warning(language.text("refusal-device"));
        }
        if !state.is_waiting() && !self.offer.mints.is_empty() {
            if self.is_paying(visitor) {
                main += &visitor.warning(language.text("running-before"));
            }
            main += &self.warnings(visitor);
            if is_known {
                if matches!(state, State::Online(..)) {
                    fill(
                        &mut main,
                        "<h2 class=\"part\">{=top-up}</h2>",
                        language,
                        &[],
                    );
                }
                main += "<div class=\"ways\">\n";
                self.token_form(&mut main, visitor, token);
                self.lightning_form(&mut main, visitor);
                main += "</div>\n";
            }
            self.mints(&mut main, visitor);
        }
        let status = refused.map_or(200, |(refusal, _)| refusal.status);
        let mut head = String::new();
        if state.is_waiting() {
            // Whoever has no script sees what comes of it, too.
            let of = |name| match visitor.query.get(name) {
                "" => String::new(),
                value => format!("{name}={}&", encoded(value)),
            };
            let kept = of("wait") + &of("paid");
            let lang = &language.tag;
            // What was refused has to be read first.
            let pause = if refused.is_some() { "20" } else { "3" };
            let refresh =
                "<meta http-equiv=\"refresh\" content=\"{pause};url=./?{kept}lang={lang}\">";
            let values = [("pause", pause), ("kept", &*kept), ("lang", lang)];
            head = filled(refresh, language, &values);
        }
        let title = language.text(state.words().1);
        self.page(visitor, status, (title, "./?", &head), &main)
    }

    fn is_paying(&self, visitor: &Visitor<'_>) -> bool {
        visitor.mac.is_some_and(|mac| self.till.is_paying(mac))
    }

    /// Who asks what became of a payment waits for it. A mint may take hours to
    /// answer: everybody else can pay meanwhile.
    fn state(&self, visitor: &Visitor<'_>) -> State {
        let session = visitor.mac.and_then(|mac| self.keeper.session(mac));
        let waits = !visitor.query.get("wait").is_empty();
        match session {
            _ if waits && self.is_paying(visitor) => State::Running,
            Some((session, _)) if session.running.is_none() => State::Opening,
            Some((session, used)) => {
                let left = session.allotment.saturating_sub(used);
                State::Online(session, left)
            }
            None if self.offer.mints.is_empty() => State::Closed,
            None if !visitor.query.get("was").is_empty() => State::Over,
            None => State::Offline,
        }
    }

    /// What came of the payment that the address speaks of.
    fn outcome(&self, visitor: &Visitor<'_>, state: &State) -> String {
        let now = match state {
            State::Online(session, _) => Some(mark(session)),
            State::Running | State::Opening => return String::new(),
            _ => None,
        };
        let before = visitor.query.number("wait");
        let is_paid = match before {
            Some(before) => now.is_some_and(|now| now != before),
            None if visitor.query.get("paid").is_empty() => return String::new(),
            None if now.is_none() => return String::new(),
            None => true,
        };
        let language = visitor.language;
        match is_paid {
            true => {
                let heading = language.text("paid");
                visitor.result(Tone::Good, heading, "")
            }
            false => {
                let heading = language.text("refused");
                visitor.result(Tone::Warning, heading, language.text("not-paid"))
            }
        }
    }

    /// In one sentence what matters now.
    fn price_line(&self, visitor: &Visitor<'_>, state: &State) -> String {
        let language = visitor.language;
        match (state, self.offer.price()) {
            (State::Online(session, left), _) => {
                let left = amount(session.metric, *left, language);
                language.say("left", &[("amount", &left)])
            }
            (State::Offline | State::Over, Some((of_step, unit))) => {
                let amount = amount(self.offer.metric, self.offer.step, language);
                language.say(
                    "price",
                    &[("price", &price(of_step, unit)), ("amount", &amount)],
                )
            }
            (State::Offline | State::Over, None) => language.text("price-depends").to_owned(),
            _ => String::new(),
        }
    }

    fn status(&self, visitor: &Visitor<'_>, state: &State) -> String {
        let language = visitor.language;
        let (class, heading, note) = state.words();
        let (mut left, mut used, mut bar) = (String::new(), String::new(), 0);
        if let State::Online(session, rest) = state {
            let show = |number| amount(session.metric, number, language);
            left = language.say("left", &[("amount", &show(*rest))]);
            let gone = show(session.allotment - rest);
            let values = [("used", &*gone), ("total", &show(session.allotment))];
            used = language.say("used", &values);
            bar = u128::from(*rest) * 1_000 / u128::from(session.allotment.max(1));
        }
        let mut lines: Vec<String> = Vec::new();
        lines.extend((!note.is_empty()).then(|| language.text(note).to_owned()));
        let is_online = matches!(state, State::Online(..));
        if !is_online {
            lines.push(self.price_line(visitor, state));
        }
        let lines = lines.join(" ");
        let live = !state.is_waiting() && *state != State::Closed;
        let values = [
            ("class", class),
            ("live", if live { " data-live" } else { "" }),
            ("hidden", if is_online { "" } else { " hidden" }),
            ("heading", language.text(heading)),
            ("left", &left),
            ("used", &used),
            ("bar", &bar.to_string()),
            ("note", &lines),
            ("more", &self.links(visitor, state)),
        ];
        filled(STATUS, language, &values)
    }

    /// What a customer may want to go on with.
    fn links(&self, visitor: &Visitor<'_>, state: &State) -> String {
        let lang = [("lang", &*visitor.language.tag)];
        match state {
            State::Online(..) => {}
            State::Running => {
                let link = "<p class=\"buttons\"><a class=\"button\" href=\"./?lang={lang}\">{=pay-otherwise}</a></p>";
                return filled(link, visitor.language, &lang);
            }
            _ => return String::new(),
        }
        let mut html = String::new();
        if let Some(site) = &self.offer.site {
            let name = site.split("//").nth(1).unwrap_or(site);
            let name = name.split('/').next().unwrap_or(name);
            let text = visitor.language.say("continue", &[("site", name)]);
            let link =
                "<p class=\"buttons\"><a class=\"button main\" href=\"{site}\">{text}</a></p>";
            fill(
                &mut html,
                link,
                visitor.language,
                &[("site", site), ("text", &text)],
            );
        }
        let link = "<p class=\"buttons\" id=\"refresh\"><a class=\"button\" href=\"./?was=1&amp;lang={lang}\">{=refresh}</a></p>";
        fill(&mut html, link, visitor.language, &lang);
        html
    }

    /// What stands in the way of a payment.
    fn warnings(&self, visitor: &Visitor<'_>) -> String {
        let language = visitor.language;
        let mut html = String::new();
        if self.till.is_cut_off() {
            let name = match self.till.is_clock_right() {
                true => "no-mint",
                false => "no-clock",
            };
            html += &visitor.warning(language.text(name));
        }
        if self.keeper.gate_trouble().is_some() {
            html += &visitor.warning(language.text("gate-trouble"));
        }
        html
    }
}
