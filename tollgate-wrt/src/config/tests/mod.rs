mod faults;
mod gate;
mod uci;

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

/// The one error of a `config.json`, without the name of the file.
fn error(text: &str) -> String {
    let errors = json(text).errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0]
        .strip_prefix("/etc/tollgate/config.json:")
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
        gate,
        captive_api,
        file,
    } = loaded.settings;
    assert!(enabled);
    assert_eq!((gate, captive_api), (GateChoice::Missing, None));
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
    let config = include_str!("../../../../openwrt/tollgate-wrt/files/config.json");
    let uci = include_str!("../../../../openwrt/tollgate-wrt/files/tollgate.config");
    let root = Root::new(Some(config), Some(uci));
    assert_eq!(root.warnings(), [""; 0]);
    let mut defaults = Root::new(None, None).settings();
    defaults.file.step_size = Some(defaults.file.step());
    // Who has an older file has chosen a gate there, or none.
    assert_eq!(defaults.gate, GateChoice::Missing);
    defaults.gate = GateChoice::Nftables(vec![22, 80, 443]);
    assert_eq!(root.settings(), defaults);
}

#[test]
fn a_file_of_the_go_daemon() {
    let text = include_str!("../testdata/go-v0.0.8.json");
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
    let text = include_str!("../testdata/rust-port-v0.0.8.json");
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
        let file = uci::main(&format!("option log_level '{word}'"))
            .settings()
            .file;
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
