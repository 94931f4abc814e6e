//! `config get`, `set`, `check` and `schema`, `identity` and `logs`.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::Root;
use serde_json::Value;

const GO: &str = include_str!("../src/config/testdata/go-v0.0.8.json");
const RUST_PORT: &str = include_str!("../src/config/testdata/rust-port-v0.0.8.json");
const CONFIG: &str = "etc/tollgate/config.json";

fn config(root: &Root) -> String {
    fs::read_to_string(root.file(CONFIG)).unwrap()
}

fn origins(root: &Root) -> Value {
    let (code, output, errors) = root.output(&["config", "get", "--json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    serde_json::from_str(&output).unwrap()
}

fn origin<'a>(all: &'a Value, key: &str) -> (&'a Value, &'a str) {
    let mut all = all.as_array().unwrap().iter();
    let found = all.find(|one| one["key"] == key);
    let found = found.unwrap_or_else(|| panic!("no {key}"));
    (&found["value"], found["origin"].as_str().unwrap())
}

#[test]
fn where_a_value_came_from() {
    let root = Root::new();
    root.write(
        CONFIG,
        "{\n  \"step_size\": 1000,\n  \"accepted_mints\": [\n    {\"url\": \"https://one.example\", \"price_per_step\": 2},\n    {\"url\": \"https://two.example\", \"price_per_step\": 2, \"min_purchase_steps\": 3}\n  ]\n}\n",
    );
    let all = origins(&root);
    assert_eq!(origin(&all, "step_size"), (&1000.into(), "config.json"));
    assert_eq!(origin(&all, "metric"), (&"bytes".into(), "default"));
    assert_eq!(origin(&all, "port"), (&2121.into(), "default"));
    assert_eq!(origin(&all, "gate"), (&Value::Null, "default"));
    let steps = "accepted_mints[1].purchase_min_steps";
    assert_eq!(origin(&all, steps), (&3.into(), "config.json"));

    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\toption port '2122'\n\tlist mint 'https://two.example/'\n\tlist mint 'https://three.example'\n\toption log_level 'debug'\n",
    );
    let (code, output, _) = root.output(&["config", "get", "--origin"]);
    assert_eq!(code, 0);
    for line in [
        "port = 2122  (/etc/config/tollgate:2)\n",
        "log_level = debug  (/etc/config/tollgate:5)\n",
        "step_size = 1000  (/etc/tollgate/config.json:2:16)\n",
        // The second of the file is the first in force.
        "accepted_mints[0].url = https://two.example  (/etc/config/tollgate:3)\n",
        "accepted_mints[0].price_per_step = 2  (/etc/tollgate/config.json:5:54)\n",
        "accepted_mints[0].purchase_min_steps = 3  (/etc/tollgate/config.json:5:79)\n",
        "accepted_mints[1].url = https://three.example  (/etc/config/tollgate:4)\n",
        "accepted_mints[1].price_per_step = 2  (/etc/tollgate/config.json:4:54)\n",
        "accepted_mints[1].purchase_min_steps = 1  (default)\n",
        "interface = [\"br-lan\"]  (default)\n",
    ] {
        assert!(output.contains(line), "{line}{output}");
    }
    // What the running daemon was told instead.
    let daemon = root.start_with(&["--log-level", "trace"]);
    let all = origins(&root);
    assert_eq!(origin(&all, "log_level"), (&"trace".into(), "command-line"));
    let (value, from) = origin(&all, "listen");
    assert_eq!(
        (value[0].as_str(), from),
        (Some("127.0.0.1:0"), "command-line")
    );
    drop(daemon);

    assert_eq!(root.output(&["config", "get", "step_size"]).1, "1000\n");
    assert_eq!(root.output(&["config", "get", "metric"]).1, "bytes\n");
    let (_, output, _) = root.output(&["config", "get", "upstream_wifi"]);
    assert!(output.lines().count() == 14 && output.contains("signal_floor = -85\n"));
    let (code, _, errors) = root.output(&["config", "get", "metrik"]);
    assert!(code == 1 && errors.contains("config schema"), "{errors}");
}

#[test]
fn set_changes_one_value_and_nothing_else() {
    for original in [GO, RUST_PORT] {
        let root = Root::new();
        // Keys that nobody knows, and an odd order, are the owner's.
        let original = original.replacen('{', "{\n  \"my own\": [1,  2],", 1);
        root.write(CONFIG, &original);
        let old = origin(&origins(&root), "log_level").0.clone();
        let (code, output, errors) = root.output(&["config", "set", "log_level", "debug"]);
        assert_eq!(code, 0, "{errors}");
        assert!(
            output.contains("\"debug\"") && output.contains("reload"),
            "{output}"
        );
        let text = config(&root);
        assert_eq!(
            text,
            original.replacen(
                &format!("\"log_level\": {old}"),
                "\"log_level\": \"debug\"",
                1
            )
        );
        let mode = fs::metadata(root.file(CONFIG))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(root.file("etc/tollgate")).unwrap().count(), 1);
        // Said twice, written once.
        let before = fs::metadata(root.file(CONFIG)).unwrap().modified().unwrap();
        let (code, output, _) = root.output(&["config", "set", "log_level", "debug"]);
        assert!(code == 0 && output.contains("already"), "{output}");
        let after = fs::metadata(root.file(CONFIG)).unwrap().modified().unwrap();
        assert_eq!(before, after);
    }
}

#[test]
fn set_makes_what_is_missing() {
    let root = Root::new();
    let set = |words: &[&str]| {
        let (code, output, errors) = root.output(&[&["config", "set"], words].concat());
        (code, format!("{output}{errors}"))
    };
    let (code, text) = set(&["metric", "milliseconds", "step_size", "60000"]);
    assert_eq!(code, 0, "{text}");
    let mint = r#"{"url": "https://mint.example", "price_per_step": 1}"#;
    assert_eq!(set(&["accepted_mints[0]", mint]).0, 0);
    assert_eq!(set(&["upstream_detector.probe_timeout", "10s"]).0, 0);
    assert_eq!(
        set(&[
            "profit_share[0].factor",
            "1.0",
            "profit_share[0].identity",
            "owner"
        ])
        .0,
        0
    );
    assert_eq!(
        config(&root),
        "{\n  \"config_version\": \"v0.0.8\",\n  \"metric\": \"milliseconds\",\n  \"step_size\": 60000,\n  \"accepted_mints\": [{\"url\": \"https://mint.example\", \"price_per_step\": 1}],\n  \"upstream_detector\": {\"probe_timeout\": \"10s\"},\n  \"profit_share\": [{\"factor\": 1.0, \"identity\": \"owner\"}]\n}\n"
    );
    assert_eq!(root.output(&["config", "check"]).0, 0);
    let (code, text) = set(&["step_size", "5", "--dry-run"]);
    assert!(code == 0 && text.contains("was not changed"), "{text}");
    assert!(config(&root).contains("60000"));
    let (code, output, _) = root.output(&["config", "set", "step_size", "5", "--json"]);
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &report["changes"][0]["before"]), (0, &60000.into()));
}

#[test]
fn set_refuses_with_field_and_reason_and_changes_nothing() {
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\toption log_level 'info'\n",
    );
    let before = config(&root);
    for (words, expected) in [
        (
            ["step_size", "21 MiB"].as_slice(),
            "step_size: invalid type: string \"21 MiB\"; expected the size of one step",
        ),
        (&["step_size", "0"], "step_size: "),
        (
            &["accepted_mints[0].url", "mint"],
            "accepted_mints[0].url: ",
        ),
        (
            &["accepted_mints[2].url", "https://x.example"],
            "accepted_mints[2].url: there is no such place",
        ),
        (
            &["profit_share", "[]"],
            "profit_share: nobody gets the profit",
        ),
        (&["metric", "milliseconds"], "set both at once"),
        (
            &["metrik", "bytes"],
            "metrik is not known; did you mean `metric`?",
        ),
        (&["Metric", "bytes"], "did you mean `metric`?"),
        (&["port", "80"], "uci set tollgate.main.port='VALUE'"),
        (&["mint", "x"], "uci add_list tollgate.main.mint="),
        (
            &["open_port", "81"],
            "uci add_list tollgate.main.open_port=",
        ),
        (
            &["captive_api", "x"],
            "captive_api is a setting of /etc/config/tollgate: uci set",
        ),
        (
            &["log_level", "debug"],
            "log_level is set in /etc/config/tollgate:2, which overrides config.json: uci set tollgate.main.log_level='debug'; uci commit tollgate",
        ),
        // All or nothing.
        (&["margin", "0.5", "step_size", "x"], "step_size: "),
    ] {
        let (code, output, errors) = root.output(&[&["config", "set"], words].concat());
        assert_eq!((code, output.as_str()), (1, ""), "{words:?}");
        assert!(errors.contains(expected), "{words:?}: {errors}");
        assert!(errors.contains("Nothing was changed"), "{errors}");
        assert_eq!(config(&root), before);
    }
    let (code, _, errors) = root.output(&["config", "set", "margin"]);
    assert!(code == 2 && errors.contains("KEY VALUE"), "{errors}");
    // A file that is broken is the owner's to mend.
    root.write(CONFIG, "{\n");
    let (code, _, errors) = root.output(&["config", "set", "margin", "0.5"]);
    assert!(code == 1 && errors.contains("config.json:2:"), "{errors}");
    assert_eq!(config(&root), "{\n");
}

#[test]
fn nothing_else_ever_writes_the_configuration() {
    for original in [GO, RUST_PORT] {
        let root = Root::new();
        root.write(CONFIG, original);
        for command in [
            ["config", "check"].as_slice(),
            &["config", "get"],
            &["config", "schema"],
            &["config", "set", "margin", "0.2", "--dry-run"],
            &["backup", "-"],
        ] {
            assert_eq!(root.output(command).0, 0, "{command:?}");
        }
        let daemon = root.start();
        assert_eq!(daemon.get("/").status, 200);
        assert!(daemon.stop().success());
        assert_eq!(config(&root), original);
    }
}

#[test]
fn check_lists_what_has_no_counterpart() {
    let root = Root::new();
    root.write(CONFIG, GO);
    let (code, output, _) = root.output(&["config", "check"]);
    assert_eq!(code, 0);
    for key in [
        "margin",
        "reseller_mode",
        "upstream_wifi",
        "upstream_detector",
        "show_setup",
    ] {
        let note = format!(": {key} has no counterpart in this daemon: ");
        assert!(output.contains(&note), "{output}");
    }
    assert!(!output.contains("step_size has"), "{output}");
    let (_, output, _) = root.output(&["config", "check", "--json"]);
    let report: Value = serde_json::from_str(&output).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let notes = findings.iter().filter(|one| one["severity"] == "note");
    assert!(notes.count() >= 5, "{report}");

    let (code, output, _) = root.output(&["config", "schema", "--json"]);
    let schema: Value = serde_json::from_str(&output).unwrap();
    let keys = schema.as_array().unwrap();
    assert!(code == 0 && keys.len() > 60);
    let margin = keys.iter().find(|one| one["key"] == "margin").unwrap();
    assert_eq!(margin["unused"], "it does not resell");
    let (_, output, _) = root.output(&["config", "schema"]);
    assert!(output.contains("accepted_mints[].url\n    an address such as"));
}

#[test]
fn the_identity_without_its_secret() {
    const SECRET: &str = "0000000000000000000000000000000000000000000000000000000000000003";
    const PUBLIC: &str = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
    let root = Root::new();
    let (code, output, errors) = root.output(&["identity"]);
    assert_eq!((code, output.as_str()), (1, ""));
    assert!(errors.contains("no key yet"), "{errors}");
    assert!(!root.file("etc/tollgate").exists());

    // As an existing installation has it.
    root.write(
        "etc/tollgate/identities.json",
        &format!(r#"{{"config_version":"v0.0.1","owned_identities":[{{"name":"merchant","privatekey":"{SECRET}"}}],"public_identities":[{{"name":"owner","lightning_address":"a@b.example"}}]}}"#),
    );
    fs::set_permissions(
        root.file("etc/tollgate/identities.json"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    let before = root.identity();
    let (code, output, errors) = root.output(&["identity"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(output.starts_with("npub1lycg5q"), "{output}");
    assert!(output.contains(PUBLIC) && output.contains("/etc/tollgate/identities.json"));
    assert!(!output.contains(SECRET));
    let (_, output, _) = root.output(&["identity", "--json"]);
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(
        (report["pubkey"].as_str(), report.get("secret")),
        (Some(PUBLIC), None)
    );
    assert!(root.output(&["identity", "--secret"]).1.contains(SECRET));
    // The daemon is known by it.
    let daemon = root.start();
    let event: Value = serde_json::from_str(&daemon.get("/").body).unwrap();
    assert_eq!(event["pubkey"], PUBLIC);
    assert!(daemon.stop().success());
    assert_eq!(root.identity(), before);
}

#[test]
fn logs_are_those_of_logread() {
    // A double of OpenWrt's program, which knows the options that are used.
    const LOGREAD: &str = "#!/bin/sh
case \"$*\" in
'-e tollgate-wrt') for n in 1 2 3; do
    echo \"Mon Nov 23 08:00:0$n 2026 daemon.info tollgate-wrt[7]: level=info msg=m$n\"; done ;;
'-f -e tollgate-wrt') echo 'Mon Nov 23 08:00:09 2026 daemon.warn tollgate-wrt[7]: level=warn msg=new' ;;
*) echo \"no such option: $*\" >&2; exit 1 ;;
esac
";
    let root = Root::new();
    root.write_program("bin/logread", LOGREAD);
    let run = |path: &str, words: &[&str]| {
        let mut command = std::process::Command::new(common::BINARY);
        command.arg("logs").args(words).env("PATH", path);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let bin = format!("{}:/usr/bin:/bin", root.file("bin").display());
    let (code, output, _) = run(&bin, &[]);
    assert_eq!((code, output.lines().count()), (0, 3));
    let (code, output, _) = run(&bin, &["-n", "1", "-f"]);
    assert_eq!(code, 0);
    let messages: Vec<_> = output.lines().map(|line| &line[line.len() - 2..]).collect();
    assert_eq!(messages, ["m3", "ew"]);
    let (_, output, _) = run(&bin, &["--lines=1", "--json"]);
    let line: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(line["message"], "level=info msg=m3");
    assert_eq!(run(&bin, &["-n", "many"]).0, 2);

    let nowhere = root.file("none").display().to_string();
    let (code, _, errors) = run(&nowhere, &[]);
    assert!(
        code == 1 && errors.contains("there is no logread here"),
        "{errors}"
    );
}
