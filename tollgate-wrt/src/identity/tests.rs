use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000003";

fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    // Whatever the umask.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().join("identities.json");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (dir, path)
}

fn error(text: &str) -> String {
    let (dir, path) = write(text);
    let error = load_or_create(&path).unwrap_err().to_string();
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "was rewritten");
    error.replace(dir.path().to_str().unwrap(), "")
}

#[test]
fn made_once_then_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etc/tollgate/identities.json");
    let first = load_or_create(&path).unwrap();
    assert!(first.is_new);
    let text = fs::read_to_string(&path).unwrap();
    let second = load_or_create(&path).unwrap();
    assert!(!second.is_new && second.warnings.is_empty(), "{second:?}");
    assert_eq!(first.key.public_hex(), second.key.public_hex());
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected = serde_json::json!({
        "config_version": "v0.0.1",
        "owned_identities": [{"name": "merchant", "privatekey": first.key.secret_hex()}],
        "public_identities": [{"name": "owner"}],
    });
    assert_eq!(json, expected);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_of_the_go_daemon() {
    let (_dir, path) = write(&format!(
        r#"{{"config_version": "v0.0.1",
            "owned_identities": [{{"name": "other", "privatekey": ""}},
                                 {{"name": "merchant", "privatekey": "{KEY}"}}],
            "public_identities": [{{"name": "owner", "pubkey": "not currently used",
                                    "lightning_address": "a@b.example"}}]}}"#
    ));
    let identity = load_or_create(&path).unwrap();
    assert_eq!(identity.key.secret_hex(), KEY);
    assert!(identity.warnings.is_empty());
}

#[test]
fn another_version_and_open_permissions_are_warnings() {
    let (_dir, path) = write(&format!(
        r#"{{"owned_identities": [{{"name": "merchant", "privatekey": "{KEY}"}}], "public_identities": null}}"#
    ));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = load_or_create(&path).unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn broken_files_stop_the_start_and_are_kept() {
    let backup = "restore the file from a backup (without it this router gets a new key)";
    assert_eq!(
        error(""),
        format!("/identities.json:1:1: not valid JSON; {backup}")
    );
    assert_eq!(
        error("{\n \"owned_identities\": [{\"name\": \"merchant\", \"privatekey\": 5}]}"),
        format!(
            "/identities.json:2:58: owned_identities[0].privatekey: wrong or missing value; {backup}"
        )
    );
    assert_eq!(
        error("{\"owned_identities\": []}"),
        "/identities.json: owned_identities has no `merchant`; restore the file from a backup"
    );
    assert_eq!(
        error("{\"owned_identities\": [\n{\"name\": \"merchant\", \"privatekey\": \"secret\"}]}"),
        "/identities.json:2:36: owned_identities[0].privatekey: not a private key; expected 64 hexadecimal digits"
    );
}

#[test]
fn two_merchants_or_lists_for_objects_are_errors() {
    let merchant = format!(r#"{{"name": "merchant", "privatekey": "{KEY}"}}"#);
    assert_eq!(
        error(&format!(
            "{{\"owned_identities\": [{merchant},\n{merchant}]}}"
        )),
        "/identities.json:2:10: owned_identities[1].name: owned_identities[0] is `merchant`, too; leave one of them out"
    );
    for text in [
        format!(r#"{{"owned_identities": [["merchant", "{KEY}"]]}}"#),
        format!(r#"{{"owned_identities": [{merchant}], "public_identities": [["owner"]]}}"#),
        format!(r#"["v0.0.1", [{merchant}]]"#),
        r#"{"owned_identities": null}"#.to_owned(),
    ] {
        let error = error(&text);
        assert!(error.contains("wrong or missing value"), "{error}");
    }
}

#[test]
fn errors_never_show_the_key() {
    for text in [
        format!(r#"{{"owned_identities": "{KEY}"}}"#),
        format!(r#"{{"owned_identities": [{{"name": "merchant", "privatekey": "{KEY}0"}}]}}"#),
        format!(r#"{{"owned_identities": [{{"name": "merchant", "privatekey": ["{KEY}"]}}]}}"#),
        format!(r#"{{"owned_identities": [{{"name": "merchant", "privatekey": {KEY}}}]}}"#),
    ] {
        let error = error(&text);
        assert!(!error.contains("00000000"), "{error}");
    }
}

#[test]
fn a_link_to_nowhere_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identities.json");
    std::os::unix::fs::symlink(dir.path().join("none"), &path).unwrap();
    let error = load_or_create(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("identities.json: exists, but leads nowhere"),
        "{error}"
    );
}
