//! What `config.json` is refused or warned for.

use super::*;

#[test]
fn what_is_no_json() {
    assert_eq!(error(""), "1:1: not valid JSON: EOF while parsing a value");
    assert_eq!(
        error("{\n  \"metric\": \"bytes\"\n  \"step_size\": 1\n}"),
        "3:3: not valid JSON: expected `,` or `}`"
    );
    assert_eq!(
        error("{\"accepted_mints\": [\n {\"url\": nonsense}]}"),
        "2:11: accepted_mints[0].url: not valid JSON: expected ident"
    );
    assert_eq!(error("{} {}"), "1:4: not valid JSON: trailing characters");
}

#[test]
fn values_of_the_wrong_type() {
    assert_eq!(
        error("{\n  \"step_size\": \"many\"\n}"),
        "2:16: step_size: invalid type: string \"many\"; expected the size of one step in bytes or milliseconds: a whole number, 1 or more"
    );
    assert_eq!(
        error("{\"metric\":\n\"minutes\"}"),
        "2:1: metric: invalid value: string \"minutes\"; expected \"milliseconds\" or \"bytes\""
    );
    assert_eq!(
        error("{\"upstream_detector\": {\"probe_timeout\": \"soon\"}}"),
        "1:41: upstream_detector.probe_timeout: invalid value: string \"soon\"; expected a duration such as \"10s\", \"1m30s\" or \"500ms\", or a count of nanoseconds"
    );
    for (wrong, expected) in [
        ("5", "invalid type: integer `5`"),
        ("true", "invalid type: boolean `true`"),
        ("{\"bytes\": null}", "invalid type: map"),
        ("[\"bytes\"]", "invalid type: sequence"),
        ("\"Bytes\"", "invalid value: string \"Bytes\""),
        ("\"\"", "invalid value: string \"\""),
    ] {
        assert_eq!(
            error(&format!("{{\"metric\": {wrong}}}")),
            format!("1:12: metric: {expected}; expected \"milliseconds\" or \"bytes\"")
        );
    }
    assert_eq!(
        error("{\"log_level\": true}"),
        "1:15: log_level: invalid type: boolean `true`; expected \"error\", \"warn\", \"info\", \"debug\" or \"trace\""
    );
    assert_eq!(
        error("{\"upstream_session_manager\": {\"trust\": {\"default_policy\": 1}}}"),
        "1:59: upstream_session_manager.trust.default_policy: invalid type: integer `1`; expected \"trust_all\" or \"trust_none\""
    );
    assert_eq!(
        error("[]"),
        "1:1: invalid type: sequence; expected an object in { }"
    );
    for list in [
        r#"{"upstream_wifi": [300]}"#,
        r#"{"upstream_session_manager": {"trust": ["trust_all", [], []]}}"#,
        r#"{"accepted_mints": [["https://a", 1]]}"#,
        r#"{"profit_share": [[1.0, "owner"]]}"#,
    ] {
        let error = error(list);
        assert!(error.contains("invalid type: sequence"), "{list}: {error}");
    }
    assert_eq!(
        error("{\"accepted_mints\": [\n\n  {\"price_per_step\": 1}]}"),
        "3:3: accepted_mints[0].url: missing; expected an address such as \"https://mint.example\""
    );
    assert_eq!(
        error("{\"accepted_mints\": [{\"url\": \"https://a\"}]}"),
        "1:21: accepted_mints[0].price_per_step: missing; expected the price of one step: a whole number, 1 or more"
    );
    assert_eq!(
        error("{\"accepted_mints\": [{\"url\": \"mint.example\", \"price_per_step\": 1}]}"),
        "1:29: accepted_mints[0].url: no mint's address: it has to begin with https://; expected an address such as \"https://mint.example\""
    );
    assert_eq!(
        error("{\"step_size\": 0}"),
        "1:15: step_size: invalid value: integer `0`; expected the size of one step in bytes or milliseconds: a whole number, 1 or more"
    );
    assert_eq!(
        error("{\"metric\": \"bytes\",\n \"metric\": \"bytes\"}"),
        "2:9: metric: stands twice; expected \"milliseconds\" or \"bytes\""
    );
}

#[test]
fn values_that_do_not_go_together() {
    let two = |a: &str, b: &str| format!("{{\"accepted_mints\": [\n {{{a}}},\n {{{b}}}\n]}}");
    assert_eq!(
        error(&two(
            r#""url": "https://Mint.example/", "price_per_step": 1"#,
            r#""url": "https://mint.example", "price_per_step": 1"#,
        )),
        "3:10: accepted_mints[1].url: accepted_mints[0] is the same mint, https://mint.example; leave one of them out; expected an address such as \"https://mint.example\""
    );
    assert_eq!(
        error(&two(
            r#""url": "https://a", "price_per_step": 1, "price_unit": "sats""#,
            r#""url": "https://b", "price_per_step": 2"#,
        )),
        "3:41: accepted_mints[1].price_per_step: 2 sat, but accepted_mints[0] asks 1 sat; all mints of a unit have the same price; expected the price of one step: a whole number, 1 or more"
    );
    // Another unit has a price of its own.
    json(&two(
        r#""url": "https://a", "price_per_step": 1"#,
        r#""url": "https://b", "price_per_step": 2, "price_unit": "usd""#,
    ))
    .settings();
    assert_eq!(
        error(
            r#"{"accepted_mints": [{"url": "https://a", "price_per_step": 1, "purchase_min_steps": 18446744073709551615}]}"#
        ),
        "1:85: accepted_mints[0].purchase_min_steps: 18446744073709551615 steps of 22020096 bytes or milliseconds are too much; expected a whole number, 1 or more"
    );
    assert_eq!(
        error("{\"profit_share\": [\n{\"factor\": 0.7, \"identity\": \"owner\"}]}"),
        "1:18: profit_share: the factors sum to 0.700000, not to 1; expected a list of shares in [ ]"
    );
    assert_eq!(
        error("{\"profit_share\": [\n{\"factor\": 79, \"identity\": \"owner\"}]}"),
        "2:12: profit_share[0].factor: 79 is no part of 1; expected a share from 0 to 1; all shares together are 1"
    );
    assert_eq!(
        error("{\"profit_share\": null}"),
        "1:18: profit_share: nobody gets the profit; expected a list of shares in [ ]"
    );
    assert_eq!(
        error("{\"redirect_url\": \"javascript:alert(1)\"}"),
        "1:18: redirect_url: \"javascript:alert(1)\" is no address of a web page; expected an address such as \"https://example.org\", or \"\""
    );
}

#[test]
fn shares_may_be_rounded() {
    let third = r#"{"factor": 0.3333333, "identity": "a"}"#;
    json(&format!(
        "{{\"profit_share\": [{third}, {third}, {third}]}}"
    ))
    .settings();
}

#[test]
fn all_errors_are_reported_at_once() {
    let text = r#"{"margin": -1, "profit_share": [], "redirect_url": "x"}"#;
    assert_eq!(json(text).errors().len(), 3);
}

#[test]
fn unknown_keys_are_warnings() {
    let text = "{\n \"acepted_mints\": [],\n \"signal_floor\": 1,\n \"zzz\": {\"a\": 1},\n \"config_version\": \"v0.0.9\"}";
    let at = |rest| format!("/etc/tollgate/config.json:{rest}");
    assert_eq!(
        json(text).warnings(),
        [
            at("2:2: acepted_mints is not known and ignored; did you mean `accepted_mints`?"),
            at(
                "3:2: signal_floor is not known and ignored; did you mean `upstream_wifi.signal_floor`?"
            ),
            at("4:2: zzz is not known and ignored"),
            at(
                "5:20: config_version: \"v0.0.9\" is another version than v0.0.8, which this daemon knows; its keys are read as v0.0.8; expected the version of this file, \"v0.0.8\""
            ),
        ]
    );
}

#[test]
fn unreadable_files_are_errors() {
    let root = Root::new(None, None);
    fs::create_dir(root.paths().config()).unwrap();
    assert_eq!(
        root.errors(),
        ["/etc/tollgate/config.json: a directory, not a regular file"]
    );
}
