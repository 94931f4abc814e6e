//! What the daemon makes of its two configuration files.

mod common;

use std::fs;

use common::Root;
use rustix::fs::{CWD, Mode, mkfifoat};

#[test]
fn a_wrong_configuration_stops_the_start_and_is_kept() {
    let root = Root::new();
    let config = "{\n  \"step_size\": \"21 MiB\"\n}\n";
    root.write("etc/tollgate/config.json", config);
    let (code, output, errors) = root.output(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!((code, output.as_str()), (1, ""));
    assert_eq!(
        errors,
        "level=error msg=\"cannot start with this configuration\" error=\"/etc/tollgate/config.json:2:16: step_size: invalid type: string \\\"21 MiB\\\"; expected the size of one step in bytes or milliseconds: a whole number, 1 or more\"\n"
    );
    assert_eq!(
        fs::read_to_string(root.file("etc/tollgate/config.json")).unwrap(),
        config
    );
    // Nothing was made either.
    assert!(!root.file("etc/tollgate/identities.json").exists());

    let (code, output, errors) = root.output(&["config", "check"]);
    assert_eq!((code, output.as_str()), (1, ""));
    assert_eq!(
        errors,
        "tollgate-wrt: /etc/tollgate/config.json:2:16: step_size: invalid type: string \"21 MiB\"; expected the size of one step in bytes or milliseconds: a whole number, 1 or more\n"
    );
}

#[test]
fn a_wrong_uci_file_stops_the_start() {
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\toption port 'http'\n",
    );
    let (code, _, errors) = root.output(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert_eq!(
        errors,
        "level=error msg=\"cannot start with this configuration\" error=\"/etc/config/tollgate:2: port `http`; expected a port from 1 to 65535\"\n"
    );
}

#[test]
fn unknown_keys_are_said_and_ignored() {
    let root = Root::new();
    root.write("etc/tollgate/config.json", "{\"step_siez\": 1}");
    let daemon = root.start();
    let line = daemon.log().wait_for("step_siez");
    assert!(line.starts_with("level=warn "), "{line}");
    assert!(line.contains(
        "config.json:1:2: step_siez is not known and ignored; did you mean `step_size`?"
    ));

    let (code, output, _) = root.output(&["config", "check"]);
    assert_eq!(code, 0);
    assert_eq!(
        output,
        "warning: /etc/tollgate/config.json:1:2: step_siez is not known and ignored; did you mean `step_size`?\n\
         The configuration can be read, but names no mint: nothing is sold.\n"
    );
}

#[test]
fn findings_for_programs() {
    let root = Root::configured();
    let check = || {
        let (code, output, errors) = root.output(&["config", "check", "--json"]);
        assert_eq!(errors, "");
        (
            code,
            serde_json::from_str::<serde_json::Value>(&output).unwrap(),
        )
    };
    let expected = serde_json::json!({"ok": true, "mints": 1, "findings": []});
    assert_eq!(check(), (0, expected));

    root.write("etc/config/tollgate", "config tollgate\n");
    let (code, report) = check();
    assert_eq!((code, &report["ok"]), (0, &true.into()));
    assert_eq!(
        report["findings"],
        serde_json::json!([{
            "severity": "warning",
            "file": "/etc/config/tollgate",
            "line": 1,
            "message": "a section without a name is ignored; write `config tollgate 'main'`",
        }])
    );

    root.write("etc/tollgate/config.json", "{\n \"metric\": 5}");
    let expected = serde_json::json!({"ok": false, "findings": [{
        "severity": "error",
        "file": "/etc/tollgate/config.json",
        "line": 2,
        "column": 12,
        "message": "metric: invalid type: integer `5`; expected \"milliseconds\" or \"bytes\"",
    }]});
    assert_eq!(check(), (1, expected));
}

/// As Windows editors write it.
#[test]
fn a_byte_order_mark_is_no_mistake() {
    let root = Root::new();
    root.write("etc/tollgate/config.json", "\u{feff}{\"metric\": 5}");
    let (_, _, errors) = root.output(&["config", "check"]);
    assert!(
        errors.contains("config.json:1:12: metric: invalid type"),
        "{errors}"
    );
    root.write("etc/tollgate/config.json", "\u{feff}{}");
    assert_eq!(root.output(&["config", "check"]).0, 0);
}

#[test]
fn a_pipe_in_a_files_place_stops_the_start() {
    for file in [
        "etc/tollgate/config.json",
        "etc/tollgate/identities.json",
        "etc/config/tollgate",
    ] {
        let root = Root::new();
        fs::create_dir_all(root.file("etc/tollgate")).unwrap();
        fs::create_dir_all(root.file("etc/config")).unwrap();
        mkfifoat(CWD, root.file(file), Mode::RUSR | Mode::WUSR).unwrap();
        let (code, _, errors) = root.output(&["run", "--listen", "127.0.0.1:0"]);
        assert_eq!(code, 1);
        let expected = format!("/{file}: a named pipe, not a regular file");
        assert!(errors.contains(&expected), "{errors}");
    }
}

#[test]
fn both_forms_of_durations_start() {
    let root = Root::new();
    for duration in ["\"1m30s\"", "90000000000"] {
        root.write(
            "etc/tollgate/config.json",
            &format!("{{\"upstream_detector\": {{\"probe_timeout\": {duration}}}}}"),
        );
        assert_eq!(root.output(&["config", "check"]).0, 0, "{duration}");
    }
}

#[test]
fn disabled_is_a_success_without_a_trace() {
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\toption enabled '0'\n",
    );
    let (code, _, errors) = root.output(&["run"]);
    assert_eq!(code, 0);
    assert!(errors.contains("msg=\"disabled by"), "{errors}");
    assert!(!root.file("etc/tollgate/identities.json").exists());
}
