use std::fs;

use super::*;

/// A system root that holds the given files.
struct Root(tempfile::TempDir);

impl Root {
    fn new(config: Option<&str>, uci: Option<&str>) -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        let paths = root.paths();
        for (path, text) in [(paths.config(), config), (paths.uci(), uci)] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if let Some(text) = text {
                fs::write(path, text).unwrap();
            }
        }
        root
    }

    fn paths(&self) -> Paths {
        Paths::new(self.0.path())
    }

    /// Findings as text, without the name of the temporary directory.
    fn lines(&self, findings: &[Finding]) -> Vec<String> {
        let root = self.0.path().to_str().unwrap();
        let lines = findings
            .iter()
            .map(|found| found.to_string().replace(root, ""));
        lines.collect()
    }

    fn settings(&self) -> Settings {
        load(&self.paths()).unwrap().settings
    }

    fn warnings(&self) -> Vec<String> {
        self.lines(&load(&self.paths()).unwrap().warnings)
    }

    fn errors(&self) -> Vec<String> {
        self.lines(&load(&self.paths()).unwrap_err().0)
    }
}

fn json(text: &str) -> Root {
    Root::new(Some(text), None)
}

fn uci(options: &str) -> Root {
    Root::new(None, Some(&format!("config tollgate 'main'\n{options}")))
}

/// The one error of a `config.json`, without the name of the file.
fn error(text: &str) -> String {
    let errors = json(text).errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0]
        .strip_prefix("/etc/tollgate/config.json:")
        .unwrap()
        .to_owned()
}

fn uci_error(options: &str) -> String {
    let errors = uci(options).errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0]
        .strip_prefix("/etc/config/tollgate:")
        .unwrap()
        .to_owned()
}

#[test]
fn no_file_is_no_mint_and_all_to_the_owner() {
    let loaded = load(&Root::new(None, None).paths()).unwrap();
    assert!(!loaded.has_file && loaded.warnings.is_empty());
    let Settings {
        enabled,
        interfaces,
        port,
        file,
    } = loaded.settings;
    assert!(enabled);
    assert_eq!((interfaces, port), (vec!["br-lan".to_owned()], 2121));
    assert!(file.accepted_mints.is_empty());
    assert_eq!(file.profit_share.len(), 1);
    assert_eq!(file, File::default());
}

#[test]
fn an_empty_object_is_the_defaults() {
    assert_eq!(json("{}").settings().file, File::default());
}

/// The file that is in the package.
#[test]
fn shipped_files_are_the_defaults() {
    let config = include_str!("../../../openwrt/tollgate-wrt/files/config.json");
    let uci = include_str!("../../../openwrt/tollgate-wrt/files/tollgate.config");
    let root = Root::new(Some(config), Some(uci));
    assert_eq!(root.warnings(), [""; 0]);
    assert_eq!(root.settings(), Root::new(None, None).settings());
}

#[test]
fn a_file_of_the_go_daemon() {
    let text = include_str!("testdata/go-v0.0.8.json");
    let root = json(text);
    assert_eq!(root.warnings(), [""; 0]);
    let file = root.settings().file;
    assert_eq!(file.accepted_mints.len(), 2);
    assert_eq!(
        file.accepted_mints[1].url.as_str(),
        "https://mint.minibits.cash/Bitcoin"
    );
    assert_eq!(file.profit_share.len(), 4);
    assert_eq!(
        file.upstream_detector.probe_timeout,
        Duration::from_millis(10_000)
    );
    assert_eq!(file.upstream_detector.only_interfaces, [""; 0]);
    assert_eq!(file.upstream_wifi.signal_floor, -85);
}

/// Durations are texts, and options that are not set are null.
#[test]
fn a_file_of_the_rust_port() {
    let text = include_str!("testdata/rust-port-v0.0.8.json");
    let root = json(text);
    assert_eq!(root.warnings(), [""; 0]);
    let file = root.settings().file;
    let defaults = File::default();
    assert_eq!(file.margin, defaults.margin);
    assert_eq!(file.redirect_url, "");
    assert_eq!(file.auth_delay_seconds, 0);
    assert_eq!(file.accepted_mints[0].price_unit, "sat");
    assert_eq!(
        file.upstream_detector.discovery_timeout,
        Duration::from_millis(300_000)
    );
}

#[test]
fn null_is_the_default_and_an_empty_list() {
    // Every key of the schema that is neither a list nor in one.
    let mut tree = serde_json::to_value(File::default()).unwrap();
    fn empty(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => members.values_mut().for_each(empty),
            serde_json::Value::Array(_) => {}
            other => *other = serde_json::Value::Null,
        }
    }
    empty(&mut tree);
    assert!(tree["upstream_wifi"]["signal_floor"].is_null());
    let root = json(&tree.to_string());
    assert_eq!(root.warnings(), [""; 0]);
    assert_eq!(root.settings().file, File::default());

    let text = r#"{"upstream_wifi": null, "accepted_mints": null,
        "upstream_detector": {"ignore_interfaces": null}}"#;
    let file = json(text).settings().file;
    assert_eq!(file.upstream_wifi, File::default().upstream_wifi);
    assert_eq!(file.upstream_detector.ignore_interfaces, [""; 0]);

    // What has no default is missing.
    assert_eq!(
        error(r#"{"accepted_mints": [{"url": null, "price_per_step": 1}]}"#),
        "1:29: accepted_mints[0].url: missing; expected an address such as \"https://mint.example\""
    );
    let text = r#"{"accepted_mints": [{"url": "https://a", "price_per_step": 1,
        "price_unit": null, "purchase_min_steps": null, "min_balance": null}]}"#;
    let mint = &json(text).settings().file.accepted_mints[0];
    assert_eq!((mint.price_unit.as_str(), mint.min_balance), ("sat", 64));
}

#[test]
fn words_that_are_empty_or_in_capitals() {
    let text =
        r#"{"log_level": "", "upstream_session_manager": {"trust": {"default_policy": ""}}}"#;
    assert_eq!(json(text).settings().file, File::default());
    for (word, level) in [
        ("DEBUG", schema::LogLevel::Debug),
        ("Warning", schema::LogLevel::Warn),
        ("FATAL", schema::LogLevel::Error),
    ] {
        let file = json(&format!("{{\"log_level\": \"{word}\"}}"))
            .settings()
            .file;
        assert_eq!(file.log_level, level);
        let file = uci(&format!("option log_level '{word}'")).settings().file;
        assert_eq!(file.log_level, level);
    }
}

#[test]
fn a_key_in_other_capitals_is_an_error() {
    assert_eq!(
        error("{\n \"Metric\": \"milliseconds\"}"),
        "2:2: Metric is not known; write it `metric`"
    );
    assert_eq!(
        error(
            r#"{"accepted_mints": [{"url": "https://a", "price_per_step": 1, "Price_Unit": "usd"}]}"#
        ),
        "1:63: accepted_mints[0].Price_Unit is not known; write it `price_unit`"
    );
    // However many others there are.
    let many: String = (0..60).map(|n| format!("\"unknown{n}\": 1, ")).collect();
    let text = format!("{{{many}\"METRIC\": 1}}");
    assert!(error(&text).contains("write it `metric`"));
    let warnings = json(&text.replace("METRIC", "zzz")).warnings();
    assert_eq!(warnings.len(), MAX_UNKNOWN);
}

#[test]
fn both_forms_of_durations() {
    let text =
        r#"{"upstream_detector": {"probe_timeout": "1m30s", "probe_retry_delay": 2000000000}}"#;
    let detector = json(text).settings().file.upstream_detector;
    assert_eq!(detector.probe_timeout, Duration::from_millis(90_000));
    assert_eq!(detector.probe_retry_delay, Duration::from_millis(2_000));
}

#[test]
fn mints_are_made_canonical() {
    let text = r#"{"accepted_mints": [{"url": "HTTPS://Mint.Example:443/",
        "price_per_step": 1, "price_unit": "sats", "purchase_min_steps": 0}]}"#;
    let mint = &json(text).settings().file.accepted_mints[0];
    assert_eq!(mint.url.as_str(), "https://mint.example");
    assert_eq!(mint.price_unit, "sat");
    assert_eq!(mint.purchase_min_steps.get(), 1);
    assert_eq!(mint.min_payout_amount, 128);

    let text = r#"{"accepted_mints": [{"url": "https://a", "price_per_step": 1, "min_purchase_steps": 3}]}"#;
    let mint = &json(text).settings().file.accepted_mints[0];
    assert_eq!(mint.purchase_min_steps.get(), 3);
}

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

#[test]
fn uci_overrides_in_memory() {
    let config = r#"{"log_level": "error", "step_size": 5, "accepted_mints": [
        {"url": "https://a.example", "price_per_step": 7, "min_balance": 1},
        {"url": "https://b.example", "price_per_step": 7}]}"#;
    let options = "
config tollgate 'main'
    option enabled 'no'
    list interface 'br-lan'
    list interface 'br-guest'
    option port '8121'
    option log_level 'debug'
    option metric 'milliseconds'
    option step_size '60000'
    list mint 'https://A.example/'
    list mint 'https://c.example'
";
    let root = Root::new(Some(config), Some(options));
    let Settings {
        enabled,
        interfaces,
        port,
        file,
    } = root.settings();
    assert!(!enabled);
    assert_eq!(
        (interfaces.join(" ").as_str(), port),
        ("br-lan br-guest", 8121)
    );
    assert_eq!(file.log_level, schema::LogLevel::Debug);
    assert_eq!(
        (file.metric, file.step_size.get()),
        (schema::Metric::Milliseconds, 60_000)
    );
    let mints: Vec<_> = file
        .accepted_mints
        .iter()
        .map(|mint| {
            (
                mint.url.as_str(),
                mint.price_per_step.get(),
                mint.min_balance,
            )
        })
        .collect();
    // A mint that only UCI names has the price of the others.
    assert_eq!(
        mints,
        [("https://a.example", 7, 1), ("https://c.example", 7, 64)]
    );
    assert_eq!(fs::read_to_string(root.paths().config()).unwrap(), config);

    let priced = Root::new(
        Some(config),
        Some("config tollgate\n option price_per_step 9"),
    );
    let mints = priced.settings().file.accepted_mints;
    assert!(mints.iter().all(|mint| mint.price_per_step.get() == 9) && mints.len() == 2);

    let new = uci("list mint 'https://c.example'")
        .settings()
        .file
        .accepted_mints;
    assert_eq!((new.len(), new[0].price_per_step.get()), (1, 1));
    let old = uci("option interface 'eth1 wlan0'").settings().interfaces;
    assert_eq!(old, ["eth1", "wlan0"]);
}

#[test]
fn uci_errors_name_line_and_remedy() {
    assert_eq!(
        uci_error("option port '70000'"),
        "2: port `70000`; expected a port from 1 to 65535"
    );
    assert_eq!(
        uci_error("option enabled 'maybe'"),
        "2: enabled `maybe`; expected 1 or 0"
    );
    assert_eq!(
        uci_error("\noption metric 'hours'"),
        "3: metric `hours`; expected milliseconds or bytes"
    );
    assert_eq!(
        uci_error("option log_level 'loud'"),
        "2: log_level `loud`; expected error, warn, info, debug or trace"
    );
    assert_eq!(
        uci_error("option step_size '-1'"),
        "2: step_size `-1`; expected a whole number of bytes or milliseconds, 1 or more"
    );
    assert_eq!(
        uci_error("list interface 'a/b'"),
        "2: interface `a/b`; expected the name of a network device, such as br-lan"
    );
    assert_eq!(
        uci_error("list mint 'mint.example'"),
        "2: mint: it has to begin with https://; expected an address such as https://mint.example"
    );
    assert_eq!(
        uci_error("list mint 'https://a'\nlist mint 'https://A/'"),
        "3: mint `https://a` is named twice; leave one of them out"
    );
    assert_eq!(
        uci_error("list port '1'"),
        "2: `port` is not a list; expected `option port 'VALUE'`"
    );
    assert_eq!(
        uci_error("option port"),
        "2: expected `option NAME 'VALUE'`"
    );
}

#[test]
fn uci_and_json_are_checked_together() {
    let config = r#"{"accepted_mints": [{"url": "https://a", "price_per_step": 1, "purchase_min_steps": 3}]}"#;
    let options = "config tollgate\n\n option step_size 9223372036854775807";
    assert_eq!(
        Root::new(Some(config), Some(options)).errors(),
        [
            "/etc/config/tollgate:3: step_size does not go with config.json: accepted_mints[0].purchase_min_steps: 3 steps of 9223372036854775807 bytes or milliseconds are too much"
        ]
    );
}

#[test]
fn unknown_uci_is_a_warning() {
    let root = uci("option prt '1'\noption zzz '1'\nconfig other");
    let at = |rest| format!("/etc/config/tollgate:{rest}");
    assert_eq!(
        root.warnings(),
        [
            at("2: `prt` is not known and ignored; did you mean `port`?"),
            at("3: `zzz` is not known and ignored"),
            at("4: section type `other` is not known and ignored; expected `tollgate`"),
        ]
    );
}
