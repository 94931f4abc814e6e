//! The command line, the identity, the start and the end of the daemon.

mod common;

use std::fs;
use std::io;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Instant;

use common::{BINARY, Daemon, Root, verified_event};
use rustix::process::Signal;

#[test]
fn the_identity_is_made_once() {
    let root = Root::configured();
    let daemon = root.start();
    let first = verified_event(&daemon.get("/").body);
    let file = root.identity();
    let mode = fs::metadata(root.file("etc/tollgate/identities.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(daemon.stop().success());

    let daemon = root.start();
    let second = verified_event(&daemon.get("/").body);
    assert_eq!(first["pubkey"], second["pubkey"]);
    assert_eq!(root.identity(), file);

    // The key is in its file and nowhere else.
    let json: serde_json::Value = serde_json::from_str(&file).unwrap();
    let key = json["owned_identities"][0]["privatekey"].as_str().unwrap();
    assert_eq!(key.len(), 64);
    assert!(!daemon.log().text().contains(key));
    assert!(!daemon.get("/").body.contains(key));
}

#[test]
fn the_identity_has_its_mode_whatever_the_umask() {
    for umask in ["000", "277"] {
        let root = Root::configured();
        let mut command = Command::new("sh");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, BINARY, "run", "--listen", "127.0.0.1:0"]);
        command.arg("--root").arg(root.path());
        assert!(Daemon::start(command).stop().success());
        let file = fs::metadata(root.file("etc/tollgate/identities.json")).unwrap();
        assert_eq!(file.permissions().mode() & 0o7777, 0o600, "{umask}");
    }
}

#[test]
fn an_identity_that_is_there_is_used() {
    let root = Root::configured();
    // BIP-340, test vector 0.
    let file = r#"{"config_version":"v0.0.1","owned_identities":[{"name":"merchant",
        "privatekey":"0000000000000000000000000000000000000000000000000000000000000003"}],
        "public_identities":[]}"#;
    root.write("etc/tollgate/identities.json", file);
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(root.file("etc/tollgate/identities.json"), open).unwrap();
    let daemon = root.start();
    let event = verified_event(&daemon.get("/").body);
    assert_eq!(
        event["pubkey"],
        "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
    );
    assert_eq!(root.identity(), file);
    daemon.log().wait_for("chmod 600");
}

#[test]
fn many_daemons_that_start_at_once_make_one_identity() {
    let root = Root::configured();
    let command = || root.command(&["run", "--listen", "127.0.0.1:0"]);
    let daemons: Vec<Daemon> = (0..24).map(|_| Daemon::spawn(command())).collect();
    let keys = daemons.iter().map(|daemon| {
        let line = daemon.log().wait_for("pubkey=");
        line.split("pubkey=").nth(1).unwrap()[..64].to_owned()
    });
    let mut keys: Vec<String> = keys.collect();
    keys.dedup();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let made = daemons
        .iter()
        .filter(|daemon| daemon.log().text().contains("made a new identity"));
    assert_eq!(made.count(), 1);
    let mut names: Vec<_> = fs::read_dir(root.file("etc/tollgate"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["config.json", "identities.json", "money"]);
}

#[test]
fn a_broken_identity_stops_the_start_and_is_kept() {
    let root = Root::configured();
    root.write("etc/tollgate/identities.json", "{\"owned_identities\": [\n");
    let (code, _, errors) = root.output(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert_eq!(
        errors,
        "level=error msg=\"cannot start without the router's key\" error=\"/etc/tollgate/identities.json:2:1: owned_identities: not valid JSON; restore the file from a backup (without it this router gets a new key)\"\n"
    );
    assert_eq!(root.identity(), "{\"owned_identities\": [\n");
}

#[test]
fn log_levels() {
    let root = Root::configured();
    root.write(
        "etc/config/tollgate",
        "config tollgate 'main'\n\toption log_level 'debug'\n",
    );
    let daemon = root.start();
    daemon.get("/usage");
    let line = daemon.log().wait_for("path=/usage");
    assert!(
        line.starts_with("level=debug msg=request client=127.0.0.1 method=GET"),
        "{line}"
    );

    // The command line has the last word.
    let (code, _, errors) = {
        root.write(
            "etc/config/tollgate",
            "config tollgate 'main'\n\toption enabled '0'\n",
        );
        root.output(&["run", "--log-level", "error"])
    };
    assert_eq!((code, errors.as_str()), (0, ""));
}

#[test]
fn messages_can_go_to_syslog() {
    let root = Root::configured();
    fs::create_dir(root.file("dev")).unwrap();
    let syslog = UnixDatagram::bind(root.file("dev/log")).unwrap();
    syslog.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let daemon = Daemon::spawn({
        let mut command = root.command(&["run", "--listen", "127.0.0.1:0"]);
        command.args(["--log", "syslog"]);
        command
    });
    let mut seen = String::new();
    while !seen.contains("msg=listening addr=127.0.0.1:") {
        let mut buffer = [0; 2048];
        let length = match syslog.recv(&mut buffer) {
            // The process was stopped for a moment.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length.unwrap(),
        };
        seen = String::from_utf8(buffer[..length].to_vec()).unwrap();
        assert!(
            seen.starts_with('<')
                && seen.contains(&format!(" tollgate-wrt[{}]: level=", daemon.pid()))
        );
    }
    assert_eq!(daemon.log().text(), "");
    assert!(daemon.stop().success());
}

#[test]
fn without_a_system_log_messages_go_to_stderr() {
    let root = Root::configured();
    let daemon = root.start_with(&["--log", "syslog"]);
    daemon.log().wait_for("level=info msg=starting");
    assert_eq!(daemon.get("/").status, 200);

    // A log daemon that comes later gets what is said from then on.
    fs::create_dir(root.file("dev")).unwrap();
    let syslog = UnixDatagram::bind(root.file("dev/log")).unwrap();
    syslog.set_read_timeout(Some(common::PATIENCE)).unwrap();
    daemon.signal(Signal::TERM);
    // Its mint does not exist, which may be told in between.
    let mut buffer = [0; 2048];
    loop {
        let length = syslog.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        if text.ends_with("level=info msg=stopping") {
            break;
        }
        assert!(text.contains("the mint does not answer"), "{text}");
    }
}

#[test]
fn signals_end_it_gracefully() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut daemon = Root::configured().start();
        // One connection that waits after an answer, one that never asked,
        // one in the middle of a request.
        let mut kept = daemon.connect();
        kept.write_all(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        common::Response::read(&mut kept, true).unwrap();
        let _unused = daemon.connect();
        let mut partial = daemon.connect();
        partial.write_all(b"GET / HTTP/1.1\r\n").unwrap();

        let start = Instant::now();
        daemon.signal(signal);
        assert_eq!(daemon.wait().code(), Some(0));
        // procd kills after five seconds.
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        assert!(daemon.log().text().contains("msg=stopping"));
        assert_eq!(kept.read(&mut [0]).unwrap(), 0);
        assert!(std::net::TcpStream::connect(daemon.address).is_err());
    }
}

#[test]
fn a_taken_address_is_a_failure() {
    let root = Root::configured();
    let daemon = root.start();
    let address = daemon.address.to_string();
    let (code, _, errors) = Root::configured().output(&["run", "--listen", &address]);
    assert_eq!(code, 1);
    let expected = format!(
        "level=error msg=\"cannot listen on {address}\" error=\"Address already in use (os error 98)\"\n"
    );
    assert!(errors.ends_with(&expected), "{errors}");
}

#[test]
fn two_daemons_never_write_one_journal() {
    let root = Root::configured();
    let daemon = root.start();
    let (code, _, errors) = root.output(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(
        errors.ends_with("another tollgate-wrt is using it\"\n"),
        "{errors}"
    );
    assert_eq!(daemon.get("/").status, 200);
    drop(daemon);
    // Killed, the first one leaves nothing that keeps the next one out.
    root.start();
}

#[test]
fn usage_and_help() {
    let run = |arguments: &[&str]| {
        let output = Command::new(BINARY).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, output, errors) = run(&["--help"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(output.contains("Usage: tollgate-wrt COMMAND"), "{output}");

    let (code, output, _) = run(&["run", "--help"]);
    assert_eq!(code, 0);
    assert!(
        output.contains("Example") && output.contains("--listen 127.0.0.1:8121"),
        "{output}"
    );

    let version = format!("tollgate-wrt {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (0, version, String::new()));

    let (code, output, errors) = run(&["run", "--port", "80"]);
    assert_eq!((code, output.as_str()), (2, ""));
    assert_eq!(
        errors,
        "tollgate-wrt: --port is no option of `run`\nTry `tollgate-wrt run --help`.\n"
    );
    assert_eq!(run(&[]).0, 2);
}
