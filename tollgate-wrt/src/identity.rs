//! The router's key, in the file that the TollGate daemons share.
//!
//! `/etc/tollgate/identities.json`, version v0.0.1:
//!
//! ```json
//! {
//!   "config_version": "v0.0.1",
//!   "owned_identities": [{ "name": "merchant", "privatekey": "<64 hexadecimal digits>" }],
//!   "public_identities": [{ "name": "owner" }]
//! }
//! ```
//!
//! The file is made once and then only read: customers, resellers and wallets
//! know a TollGate by this key. A file that cannot be read stops the start,
//! because a new key would be another router.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::json;
use crate::nostr::SigningKey;

/// The name of the key that signs events.
const MERCHANT: &str = "merchant";

const VERSION: &str = "v0.0.1";

/// Only the owner reads and writes the file: it holds the key.
const MODE: u32 = 0o600;

/// What the file holds.
#[derive(Deserialize, Serialize)]
struct File {
    #[serde(default)]
    config_version: String,
    owned_identities: Vec<Owned>,
    #[serde(default)]
    public_identities: Option<Vec<Public>>,
}

/// An identity whose key is here.
#[derive(Deserialize, Serialize)]
struct Owned {
    name: String,
    privatekey: String,
}

/// Somebody who gets a share of the profit.
#[derive(Deserialize, Serialize)]
struct Public {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pubkey: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lightning_address: Option<String>,
}

/// The key, and what there is to say about its file.
#[derive(Debug)]
pub struct Identity {
    /// The key that events are signed with.
    pub key: SigningKey,
    /// Whether the file was made just now.
    pub is_new: bool,
    /// What is odd about an existing file.
    pub warnings: Vec<String>,
}

/// Why there is no key. Never shows what stands in the file.
#[derive(Debug)]
pub struct Error {
    file: PathBuf,
    message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message begins with `LINE:COLUMN: ` where there is one.
        let space = match self.message.as_bytes().first() {
            Some(first) if first.is_ascii_digit() => "",
            _ => " ",
        };
        write!(f, "{}:{space}{}", self.file.display(), self.message)
    }
}

/// Reads the key from `path`; makes the file, with a new key, where there is none.
///
/// Any number of processes may do so at once: all get the same key.
///
/// # Errors
/// A file that cannot be read, is broken or has no key, or cannot be made.
pub fn load_or_create(path: &Path) -> Result<Identity, Error> {
    let error = |message: String| Error {
        file: path.to_owned(),
        message,
    };
    if let Some(identity) = load(path).map_err(error)? {
        return Ok(identity);
    }
    match create(path) {
        Ok(key) => Ok(Identity {
            key,
            is_new: true,
            warnings: Vec::new(),
        }),
        // Another process was faster.
        Err(found) if found.kind() == io::ErrorKind::AlreadyExists => load(path)
            .map_err(error)?
            .ok_or_else(|| error("exists, but leads nowhere".to_owned())),
        Err(failed) => Err(error(format!("cannot be made: {failed}"))),
    }
}

fn create(path: &Path) -> io::Result<SigningKey> {
    let key = SigningKey::generate()?;
    let file = File {
        config_version: VERSION.to_owned(),
        owned_identities: vec![Owned {
            name: MERCHANT.to_owned(),
            privatekey: key.secret_hex(),
        }],
        // The name that the default profit share goes to.
        public_identities: Some(vec![Public {
            name: "owner".to_owned(),
            pubkey: None,
            lightning_address: None,
        }]),
    };
    let mut text = serde_json::to_string_pretty(&file)?;
    text.push('\n');
    files::create_new(path, text.as_bytes(), MODE)?;
    Ok(key)
}

fn load(path: &Path) -> Result<Option<Identity>, String> {
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let (file, _) =
        json::parse::<File>(&text, |_, value| value.is_null()).map_err(|error| describe(&error))?;

    let position = file
        .owned_identities
        .iter()
        .position(|identity| identity.name == MERCHANT)
        .ok_or_else(|| {
            format!("owned_identities has no `{MERCHANT}`; restore the file from a backup")
        })?;
    let key =
        SigningKey::from_hex(&file.owned_identities[position].privatekey).ok_or_else(|| {
            let field = json::Path::default()
                .key("owned_identities")
                .index(position)
                .key("privatekey");
            let at = json::locate(&text, &field);
            format!(
                "{}:{}: {field}: not a private key; expected 64 hexadecimal digits",
                at.line, at.column
            )
        })?;

    let mut warnings = Vec::new();
    if file.config_version != VERSION {
        warnings.push(format!(
            "{}: config_version is not {VERSION}; read as {VERSION}",
            path.display()
        ));
    }
    if is_open_to_others(path) {
        warnings.push(format!(
            "{path}: other users can read the private key; run: chmod 600 {path}",
            path = path.display()
        ));
    }
    Ok(Some(Identity {
        key,
        is_new: false,
        warnings,
    }))
}

/// Says where and which field, but nothing of the text: it holds the key.
fn describe(error: &json::Error) -> String {
    let what = match error.is_json {
        true => "wrong or missing value",
        false => "not valid JSON",
    };
    let mut place = error.path.to_string();
    if !place.is_empty() {
        place.push_str(": ");
    }
    format!(
        "{}:{}: {place}{what}; restore the file from a backup (without it this router gets a new key)",
        error.position.line, error.position.column
    )
}

fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000003";

    fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
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
            error(
                "{\"owned_identities\": [\n{\"name\": \"merchant\", \"privatekey\": \"secret\"}]}"
            ),
            "/identities.json:2:36: owned_identities[0].privatekey: not a private key; expected 64 hexadecimal digits"
        );
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
}
