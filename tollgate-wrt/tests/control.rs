//! Commands to the running daemon, and what is said when there is none.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use common::Root;
use serde_json::Value;

/// One line to the socket, one line back.
fn ask(root: &Root, line: &str) -> Value {
    let mut stream = UnixStream::connect(root.file("var/run/tollgate.sock")).unwrap();
    writeln!(stream, "{line}").unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn without_a_daemon_it_is_said() {
    let root = Root::configured();
    for command in [["status"].as_slice(), &["sessions"], &["wallet", "balance"]] {
        let (code, output, errors) = root.output(command);
        assert_eq!((code, output.as_str()), (1, ""));
        assert_eq!(
            errors,
            "tollgate-wrt: the daemon is not running (nobody listens at /var/run/tollgate.sock); start it with /etc/init.d/tollgate-wrt start; `tollgate-wrt config check` says whether it can\n"
        );
    }
    let (code, output, _) = root.output(&["status", "--json"]);
    let answer: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &answer["success"]), (1, &false.into()));
    // What a killed daemon has left is no daemon.
    drop(root.start());
    assert!(root.file("var/run/tollgate.sock").exists());
    let (code, _, errors) = root.output(&["status"]);
    assert!(code == 1 && errors.contains("is not running"), "{errors}");
}

#[test]
fn status_for_people_and_programs() {
    let root = Root::configured();
    let daemon = root.start_with(&["--log-level", "debug"]);
    let mode = fs::metadata(root.file("var/run/tollgate.sock")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);

    let (code, text, errors) = root.output(&["status"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    for words in [
        concat!("tollgate-wrt ", env!("CARGO_PKG_VERSION"), ", running for "),
        "identity   npub1",
        &format!("listening  {}\n", daemon.address),
        "sells      22020096 bytes for 1 sat\n",
        "gate       none is configured: payments are refused\n",
        "mints      https://mint.example: ",
        "wallet     empty\n",
        "sessions   0\n",
        ", undamaged\n",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }

    let (code, output, _) = root.output(&["status", "--json"]);
    let answer: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &answer["success"]), (0, &true.into()));
    let data = &answer["data"];
    let event: Value = serde_json::from_str(&daemon.get("/").body).unwrap();
    assert_eq!(data["pubkey"], event["pubkey"]);
    assert_eq!(data["listening"][0]["address"], daemon.address.to_string());
    assert_eq!(data["gate"]["kind"], "missing");
    assert_eq!(data["command_line"]["log_level"][0], "debug");
    assert_eq!(data["clock"]["ok"], true);
    assert_eq!(data["journal"]["damaged_places"], 0);

    // Another configuration than that of the start.
    root.write("etc/tollgate/config.json", "{}");
    let text = root.output(&["status"]).1;
    assert!(text.contains("changed since the start"), "{text}");
}

#[test]
fn a_kernel_that_cannot_have_the_gate_is_told() {
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n option gate 'nftables'\n",
    );
    root.write("proc/sys/kernel/osrelease", "5.15.150\n");
    let daemon = root.start();
    let what = "the nftables gate needs Linux 6.3 or newer, and this is 5.15.150";
    let line = daemon.log().wait_for(what);
    assert!(line.contains("payments are refused"), "{line}");
    let text = root.output(&["status"]).1;
    assert!(
        text.contains(&format!("gate       nftables does not work: {what}")),
        "{text}"
    );
    assert!(text.contains("`option gate 'ndsctl'`"), "{text}");
    let output = root.output(&["status", "--json"]).1;
    let answer: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(answer["data"]["gate"]["ok"], false);
}

#[test]
fn the_go_daemons_client_is_understood() {
    let root = Root::configured();
    let _daemon = root.start();
    let status = ask(
        &root,
        r#"{"command":"status","args":null,"flags":null,"timestamp":"2026-01-01T00:00:00Z"}"#,
    );
    assert_eq!(status["success"], true);
    let data = &status["data"];
    assert_eq!(
        (&data["running"], &data["config_ok"], &data["wallet_ok"]),
        (&true.into(), &true.into(), &true.into())
    );
    assert!(data["version"].is_string() && data["uptime"].is_string());
    let info = ask(&root, r#"{"command":"wallet","args":["info"],"flags":{}}"#);
    assert_eq!(info["data"]["balance_sats"], 0);
    let drained = ask(&root, r#"{"command":"wallet","args":["drain","cashu"]}"#);
    assert_eq!(drained["success"], true);
    let version = ask(&root, r#"{"command":"version"}"#);
    assert_eq!(version["data"]["version"], env!("CARGO_PKG_VERSION"));
    let unknown = ask(&root, r#"{"command":"ssl","args":["apply"]}"#);
    assert_eq!(unknown["success"], false);
    assert!(unknown["error"].as_str().unwrap().contains("ssl apply"));
    let nonsense = ask(&root, "nonsense");
    assert_eq!(nonsense["success"], false);
}
