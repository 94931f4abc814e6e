//! What UCI overrides, and is refused or warned for.

use super::*;

/// A root with these options and no `config.json`.
pub fn main(options: &str) -> Root {
    Root::new(None, Some(&format!("config tollgate 'main'\n{options}")))
}

fn uci_error(options: &str) -> String {
    let errors = main(options).errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0]
        .strip_prefix("/etc/config/tollgate:")
        .unwrap()
        .to_owned()
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
    option gate 'command'
    option gate_command '/usr/bin/gate'
    option captive_api 'https://portal.example/captive-api'
";
    let root = Root::new(Some(config), Some(options));
    let Settings {
        enabled,
        interfaces,
        port,
        gate,
        captive_api,
        file,
    } = root.settings();
    assert!(!enabled);
    assert_eq!(
        captive_api.unwrap().as_str(),
        "https://portal.example/captive-api"
    );
    assert_eq!(gate, GateChoice::Command("/usr/bin/gate".into()));
    assert_eq!(
        (interfaces.join(" ").as_str(), port),
        ("br-lan br-guest", 8121)
    );
    assert_eq!(file.log_level, schema::LogLevel::Debug);
    assert_eq!(
        (file.metric, file.step().get()),
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
        Some("config tollgate 'main'\n option price_per_step 9"),
    );
    let mints = priced.settings().file.accepted_mints;
    assert!(mints.iter().all(|mint| mint.price_per_step.get() == 9) && mints.len() == 2);

    let new = main("list mint 'https://c.example'\noption price_per_step 3");
    let new = new.settings().file.accepted_mints;
    assert_eq!((new.len(), new[0].price_per_step.get()), (1, 3));
    let old = main("option interface 'eth1 wlan0'").settings().interfaces;
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
    let options = "config tollgate 'main'\n\n option step_size 9223372036854775807";
    assert_eq!(
        Root::new(Some(config), Some(options)).errors(),
        [
            "/etc/config/tollgate:3: step_size does not go with config.json: accepted_mints[0].purchase_min_steps: 3 steps of 9223372036854775807 bytes or milliseconds are too much"
        ]
    );
}

#[test]
fn time_is_not_sold_by_the_size_of_bytes() {
    const MILLISECONDS: &str = "config tollgate 'main'\n option metric milliseconds";
    assert_eq!(
        error("{\n\"metric\": \"milliseconds\", \"step_size\": null}"),
        "2:11: metric: \"milliseconds\" without step_size, whose default of 22020096 is for bytes; expected a step_size such as 60000 (a minute)"
    );
    assert_eq!(
        Root::new(None, Some(MILLISECONDS)).errors(),
        [
            "/etc/config/tollgate:2: metric `milliseconds` without step_size, whose default of 22020096 is for bytes; expected a step_size such as 60000 (a minute)"
        ]
    );
    // The size in the packaged file is for bytes.
    let config = include_str!("../../../../openwrt/tollgate-wrt/files/config.json");
    assert_eq!(
        Root::new(Some(config), Some(MILLISECONDS)).errors(),
        [
            "/etc/config/tollgate:2: metric `milliseconds`, but the step_size in config.json, 22020096, is for bytes; expected a step_size such as 60000 (a minute)"
        ]
    );
    let config = r#"{"metric": "milliseconds", "step_size": 60000}"#;
    let errors = Root::new(
        Some(config),
        Some("config tollgate 'main'\n option metric bytes"),
    );
    assert!(
        errors.errors()[0]
            .ends_with("is for milliseconds; expected a step_size such as 22020096 (21 MiB)")
    );

    for (config, options) in [
        (r#"{"metric": "milliseconds"}"#, "option step_size 60000"),
        (r#"{"metric": "milliseconds"}"#, "option metric bytes"),
        (r#"{"step_size": 5}"#, "option metric bytes"),
        ("{}", "option metric milliseconds; option step_size 60000"),
    ] {
        let options = format!("config tollgate 'main'\n{options}");
        Root::new(Some(config), Some(&options)).settings();
    }
}

#[test]
fn no_price_is_made_up() {
    const USD: &str = r#"{"accepted_mints": [
        {"url": "https://usd.example", "price_per_step": 1, "price_unit": "usd"}]}"#;
    let no_price = "2: mint `https://c.example` has no price, for config.json has none in sat; expected a price_per_step too, such as `option price_per_step '1'`";
    assert_eq!(uci_error("list mint 'https://c.example'"), no_price);
    let errors = |options: &str| {
        let options = format!("config tollgate 'main'\n{options}");
        Root::new(Some(USD), Some(&options)).errors()
    };
    assert_eq!(
        errors("list mint 'https://c.example'"),
        [format!("/etc/config/tollgate:{no_price}")]
    );
    assert_eq!(
        errors(
            "list mint 'https://c.example'\noption price_per_step 2\nlist mint 'https://usd.example'"
        ),
        [
            "/etc/config/tollgate:3: price_per_step is a price in sat, but https://usd.example is paid in usd; expected only mints that are paid in sat, or all prices in config.json"
        ]
    );
    let options = "config tollgate 'main'\nlist mint 'https://usd.example'";
    let mints = Root::new(Some(USD), Some(options))
        .settings()
        .file
        .accepted_mints;
    assert_eq!((mints.len(), mints[0].price_unit.as_str()), (1, "usd"));
}

#[test]
fn only_the_section_main_is_read() {
    let read = |text: &str| Root::new(None, Some(text));
    let at = |rest| vec![format!("/etc/config/tollgate:{rest}")];
    let nameless = read("config tollgate\n option enabled 0");
    assert!(nameless.settings().enabled);
    assert_eq!(
        nameless.warnings(),
        at("1: a section without a name is ignored; write `config tollgate 'main'`")
    );
    let second = read("config tollgate main\nconfig tollgate second\n option port nonsense");
    assert_eq!(
        second.warnings(),
        at("2: section `second` is ignored; the settings are in `config tollgate 'main'`")
    );
    assert_eq!(
        read("config other 'main'").errors(),
        at("1: section `main` is of type `other`; expected `config tollgate 'main'`")
    );
}

/// The words of get_bool in OpenWrt's /lib/functions.sh; the init script knows
/// no others.
#[test]
fn enabled_has_the_words_of_the_init_script() {
    let enabled = |word: &str| main(&format!("option enabled '{word}'")).settings().enabled;
    assert!(
        ["1", "on", "true", "yes", "enabled", ""]
            .into_iter()
            .all(enabled)
    );
    assert!(
        !["0", "off", "false", "no", "disabled"]
            .into_iter()
            .any(enabled)
    );
    for word in ["False", "OFF", "2", " 0"] {
        assert_eq!(
            uci_error(&format!("option enabled '{word}'")),
            format!("2: enabled `{word}`; expected 1 or 0")
        );
    }
}

#[test]
fn a_captive_api_has_an_https_address() {
    assert_eq!(
        uci_error("option captive_api 'http://10.0.0.1:2121/captive-api'"),
        "2: captive_api `http://10.0.0.1:2121/captive-api`; expected an https address, such as https://portal.example/captive-api"
    );
}

#[test]
fn unknown_uci_is_a_warning() {
    let root = main("option prt '1'\noption zzz '1'\nconfig other");
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
