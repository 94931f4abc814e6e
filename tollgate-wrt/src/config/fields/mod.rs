//! Every key of `config.json`, and what belongs there.

mod nearest;

use serde_json::Value;

use crate::json::Path;
pub use nearest::{closest, nearest, same_but_case};

const INTEGER: &str = "a whole number, 0 or more";
const POSITIVE: &str = "a whole number, 1 or more";
const SIGNED: &str = "a whole number";
const NUMBER: &str = "a number, 0 or more";
const SWITCH: &str = "true or false";
const TEXT: &str = "a text in double quotes";
const TEXTS: &str = "a list of texts, such as [] or [\"a\", \"b\"]";
const OBJECT: &str = "an object in { }";
const DURATION: &str = super::duration::EXPECTED;

/// Keys by path (`[]` stands for every element) with what is expected there.
const FIELDS: &[(&str, &str)] = &[
    ("", OBJECT),
    ("config_version", "the version of this file, \"v0.0.8\""),
    (
        "log_level",
        "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    ),
    ("accepted_mints", "a list of mints in [ ]"),
    (
        "accepted_mints[]",
        "a mint: { \"url\": \"https://…\", \"price_per_step\": 1 }",
    ),
    (
        "accepted_mints[].url",
        "an address such as \"https://mint.example\"",
    ),
    ("accepted_mints[].min_balance", INTEGER),
    ("accepted_mints[].balance_tolerance_percent", INTEGER),
    ("accepted_mints[].payout_interval_seconds", INTEGER),
    ("accepted_mints[].min_payout_amount", INTEGER),
    (
        "accepted_mints[].price_per_step",
        "the price of one step: a whole number, 1 or more",
    ),
    (
        "accepted_mints[].price_unit",
        "the unit of the price, \"sat\"",
    ),
    ("accepted_mints[].purchase_min_steps", POSITIVE),
    ("profit_share", "a list of shares in [ ]"),
    (
        "profit_share[]",
        "a share: { \"factor\": 1.0, \"identity\": \"owner\" }",
    ),
    (
        "profit_share[].factor",
        "a share from 0 to 1; all shares together are 1",
    ),
    (
        "profit_share[].identity",
        "a name from identities.json, such as \"owner\"",
    ),
    (
        "step_size",
        "the size of one step in bytes or milliseconds: a whole number, 1 or more",
    ),
    ("margin", NUMBER),
    ("metric", "\"milliseconds\" or \"bytes\""),
    ("show_setup", SWITCH),
    ("reseller_mode", SWITCH),
    (
        "redirect_url",
        "an address such as \"https://example.org\", or \"\"",
    ),
    ("auth_delay_seconds", "a whole number of seconds, 0 to 60"),
    ("upstream_detector", OBJECT),
    ("upstream_detector.probe_timeout", DURATION),
    ("upstream_detector.probe_retry_count", INTEGER),
    ("upstream_detector.probe_retry_delay", DURATION),
    ("upstream_detector.require_valid_signature", SWITCH),
    ("upstream_detector.ignore_interfaces", TEXTS),
    ("upstream_detector.ignore_interfaces[]", TEXT),
    ("upstream_detector.only_interfaces", TEXTS),
    ("upstream_detector.only_interfaces[]", TEXT),
    ("upstream_detector.discovery_timeout", DURATION),
    ("upstream_session_manager", OBJECT),
    ("upstream_session_manager.max_price_per_millisecond", NUMBER),
    ("upstream_session_manager.max_price_per_byte", NUMBER),
    ("upstream_session_manager.trust", OBJECT),
    (
        "upstream_session_manager.trust.default_policy",
        "\"trust_all\" or \"trust_none\"",
    ),
    ("upstream_session_manager.trust.allowlist", TEXTS),
    ("upstream_session_manager.trust.allowlist[]", TEXT),
    ("upstream_session_manager.trust.blocklist", TEXTS),
    ("upstream_session_manager.trust.blocklist[]", TEXT),
    ("upstream_session_manager.sessions", OBJECT),
    (
        "upstream_session_manager.sessions.preferred_session_increments_milliseconds",
        INTEGER,
    ),
    (
        "upstream_session_manager.sessions.preferred_session_increments_bytes",
        INTEGER,
    ),
    (
        "upstream_session_manager.sessions.millisecond_renewal_offset",
        INTEGER,
    ),
    (
        "upstream_session_manager.sessions.bytes_renewal_offset",
        INTEGER,
    ),
    ("upstream_session_manager.usage_tracking", OBJECT),
    (
        "upstream_session_manager.usage_tracking.data_monitoring_interval",
        DURATION,
    ),
    ("upstream_wifi", OBJECT),
    ("upstream_wifi.scan_interval_seconds", INTEGER),
    ("upstream_wifi.fast_check_seconds", INTEGER),
    ("upstream_wifi.lost_threshold", INTEGER),
    ("upstream_wifi.hysteresis_db", SIGNED),
    ("upstream_wifi.signal_floor", SIGNED),
    ("upstream_wifi.blacklist_ttl_minutes", INTEGER),
    ("upstream_wifi.emergency_penalty", SIGNED),
    ("upstream_wifi.max_consecutive_failures", INTEGER),
    ("upstream_wifi.switch_cooldown_minutes", INTEGER),
    ("upstream_wifi.startup_grace_seconds", INTEGER),
    ("upstream_wifi.post_switch_wait_seconds", INTEGER),
    ("upstream_wifi.dhcp_timeout_seconds", INTEGER),
    ("upstream_wifi.manual_pause_seconds", INTEGER),
    ("upstream_wifi.vendor_ie_discovery", SWITCH),
];

/// Keys that other TollGate daemons have a use for, and this one has none, each
/// with what it does not do.
const UNUSED: [(&str, &str); 6] = [
    ("margin", "it does not resell"),
    ("show_setup", "it has no setup page"),
    ("reseller_mode", "it does not buy from other TollGates"),
    ("upstream_detector", "it does not buy from other TollGates"),
    (
        "upstream_session_manager",
        "it does not buy from other TollGates",
    ),
    ("upstream_wifi", "it does not join other networks"),
];

/// What this daemon does not do, for a key that it has no use for.
pub fn unused(pattern: &str) -> Option<&'static str> {
    let top = pattern.split(['.', '[']).next().unwrap_or_default();
    let (_, why) = UNUSED.iter().find(|(key, _)| *key == top)?;
    Some(why)
}

/// Every key by its pattern, with what belongs there, but the whole document.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS
        .iter()
        .copied()
        .filter(|(pattern, _)| !pattern.is_empty())
}

/// What belongs at `path`; `None` for a key that the schema does not have.
pub fn expected(path: &Path) -> Option<&'static str> {
    let pattern = path.pattern();
    let (_, expected) = FIELDS.iter().find(|(field, _)| *field == pattern)?;
    Some(expected)
}

/// Keys whose empty text is no value: the other TollGate daemons write it for
/// an option that was never set.
const UNSET_IF_EMPTY: [&str; 2] = ["log_level", "upstream_session_manager.trust.default_policy"];

/// Whether the member at `path` is as good as absent, so that its default
/// counts. The other TollGate daemons write `null` for options that are not
/// set; of a list it means that the list is empty.
pub fn is_unset(path: &Path, value: &Value) -> bool {
    match value {
        Value::Null => {
            let elements = path.index(0);
            expected(path).is_some() && expected(&elements).is_none()
        }
        Value::String(text) => text.is_empty() && UNSET_IF_EMPTY.contains(&path.pattern().as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::config::schema::{File, Mint};

    /// The table has exactly the keys that the type has.
    #[test]
    fn table_equals_schema() {
        let mut file = File::default();
        let url = "https://mint.example".parse().unwrap();
        file.accepted_mints = vec![Mint::new(url, std::num::NonZeroU64::MIN, "sat".into())];
        file.upstream_detector.only_interfaces = vec!["x".into()];
        file.upstream_session_manager.trust.allowlist = vec!["x".into()];
        file.upstream_session_manager.trust.blocklist = vec!["x".into()];

        let mut found = BTreeSet::new();
        collect(
            &serde_json::to_value(&file).unwrap(),
            &Path::default(),
            &mut found,
        );
        let table: BTreeSet<String> = FIELDS.iter().map(|(field, _)| (*field).into()).collect();
        assert_eq!(found, table);
        assert_eq!(table.len(), FIELDS.len(), "a key stands twice");
    }

    fn collect(value: &Value, path: &Path, found: &mut BTreeSet<String>) {
        found.insert(path.pattern());
        match value {
            Value::Object(members) => members
                .iter()
                .for_each(|(key, member)| collect(member, &path.key(key), found)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| collect(item, &path.index(index), found)),
            _ => {}
        }
    }
}
