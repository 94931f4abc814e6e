//! The Captive Portal API (RFC 8908): what a customer's system asks instead of
//! trying out whether there is internet.

use serde_json::{Map, Value};

use crate::config::schema::Metric;
use crate::ledger::session::Session;

/// The path of the API. The RFC leaves it to the network.
pub const PATH: &str = "/captive-api";

/// The type of its answers.
pub const TYPE: &str = "application/captive+json";

/// What is the same for all customers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// Where the owner's web server has the portal, as `https://host`, if it is there.
    pub origin: Option<String>,
    /// Where customers are sent once they have paid; empty for nowhere.
    pub afterwards: String,
    /// Whether everybody has access, as long as nothing is sold.
    pub is_open: bool,
}

impl Places {
    /// The portal, which is at `here` if nobody serves it elsewhere.
    pub fn portal(&self, here: Option<String>) -> Option<String> {
        match &self.origin {
            Some(origin) => Some(format!("{origin}/portal/")),
            None => here,
        }
    }
}

/// What is said to a customer. `session` is what was bought, and how much of it
/// is used, in its metric.
///
/// A customer who has paid and whom the gate does not let through yet is still
/// captive: the portal then says what is missing.
pub fn state(session: Option<&(Session, u64)>, portal: Option<String>, places: &Places) -> String {
    let open = session.filter(|(session, _)| session.running.is_some());
    let mut state = Map::new();
    let is_captive = open.is_none() && !places.is_open;
    state.insert("captive".to_owned(), is_captive.into());
    if let Some(portal) = portal {
        state.insert("user-portal-url".to_owned(), portal.into());
    }
    if !places.afterwards.is_empty() {
        let afterwards = places.afterwards.as_str();
        state.insert("venue-info-url".to_owned(), afterwards.into());
    }
    state.insert("can-extend-session".to_owned(), true.into());
    if let Some((session, used)) = open {
        let remaining = session.allotment.saturating_sub(*used);
        let (key, remaining) = match session.metric {
            Metric::Milliseconds => ("seconds-remaining", remaining / 1_000),
            Metric::Bytes => ("bytes-remaining", remaining),
        };
        state.insert(key.to_owned(), remaining.into());
    }
    Value::Object(state).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Moment;
    use crate::ledger::session::Purchase;

    fn parsed(session: Option<(Session, u64)>, places: &Places) -> Value {
        let here = "http://10.0.0.1:2121/portal/".to_owned();
        let text = state(session.as_ref(), places.portal(Some(here)), places);
        serde_json::from_str(&text).unwrap()
    }

    fn session(metric: Metric, running: Option<Moment>) -> Session {
        let purchase = Purchase {
            metric,
            step: 60_000,
            steps: 2,
        };
        Session {
            running,
            ..Session::new(&purchase, 0)
        }
    }

    #[test]
    fn who_has_not_paid_is_captive() {
        let captive = json!({
            "captive": true,
            "user-portal-url": "http://10.0.0.1:2121/portal/",
            "can-extend-session": true,
        });
        let places = Places::default();
        assert_eq!(parsed(None, &places), captive);
        // Paid, and the gate is not open yet.
        let waiting = session(Metric::Bytes, None);
        assert_eq!(parsed(Some((waiting, 0)), &places), captive);
        // Nothing is sold, and nobody is kept out.
        let places = Places {
            is_open: true,
            ..Places::default()
        };
        assert_eq!(parsed(None, &places)["captive"], false);
    }

    #[test]
    fn who_has_is_told_what_is_left() {
        let places = Places {
            origin: Some("https://portal.example".to_owned()),
            afterwards: "https://cafe.example/".to_owned(),
            is_open: false,
        };
        let paid = |metric, used| {
            let session = session(metric, Some(Moment { boot: 1, millis: 0 }));
            parsed(Some((session, used)), &places)
        };
        assert_eq!(
            paid(Metric::Milliseconds, 20_500),
            json!({
                "captive": false,
                "user-portal-url": "https://portal.example/portal/",
                "venue-info-url": "https://cafe.example/",
                "can-extend-session": true,
                "seconds-remaining": 99,
            })
        );
        assert_eq!(paid(Metric::Bytes, 20_000)["bytes-remaining"], 100_000);
    }
}
