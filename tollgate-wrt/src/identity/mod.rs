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

mod guard;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::json::{self, shape};
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
    #[serde(deserialize_with = "shape::objects")]
    owned_identities: Vec<Owned>,
    #[serde(default, deserialize_with = "shape::objects")]
    public_identities: Vec<Public>,
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

/// Where those are paid who have a share of the profit: names, and Lightning
/// addresses.
pub type Addresses = BTreeMap<String, String>;

/// The key, and what there is to say about its file.
#[derive(Debug)]
pub struct Identity {
    /// The key that events are signed with.
    pub key: SigningKey,
    /// Who can be paid, and where.
    pub addresses: Addresses,
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
            addresses: Addresses::new(),
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

/// Reads the key from `path`; `None` where there is no file. Makes none.
///
/// # Errors
/// A file that cannot be read, is broken or has no key.
pub fn read(path: &Path) -> Result<Option<Identity>, Error> {
    load(path).map_err(|message| Error {
        file: path.to_owned(),
        message,
    })
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
        public_identities: vec![Public {
            name: "owner".to_owned(),
            pubkey: None,
            lightning_address: None,
        }],
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

    let field = |index, name| {
        let owned = json::Path::default().key("owned_identities");
        owned.index(index).key(name)
    };
    let complain = |field: &json::Path, what: &str| {
        let at = json::locate(&text, field);
        format!("{}:{}: {field}: {what}", at.line, at.column)
    };
    let mut merchants = file
        .owned_identities
        .iter()
        .enumerate()
        .filter(|(_, identity)| identity.name == MERCHANT);
    let (first, merchant) = merchants.next().ok_or_else(|| {
        format!("owned_identities has no `{MERCHANT}`; restore the file from a backup")
    })?;
    // Which of them customers know, nobody here can tell.
    if let Some((second, _)) = merchants.next() {
        let what = format!("owned_identities[{first}] is `{MERCHANT}`, too; leave one of them out");
        return Err(complain(&field(second, "name"), &what));
    }
    let key = SigningKey::from_hex(&merchant.privatekey).ok_or_else(|| {
        let what = "not a private key; expected 64 hexadecimal digits";
        complain(&field(first, "privatekey"), what)
    })?;

    let mut warnings = Vec::new();
    if file.config_version != VERSION {
        warnings.push(format!(
            "{}: config_version is not {VERSION}; read as {VERSION}",
            path.display()
        ));
    }
    warnings.extend(guard::warnings(path));
    let named = file.public_identities.into_iter();
    let addresses = named.filter_map(|public| Some((public.name, public.lightning_address?)));
    let addresses = addresses.filter(|(_, address)| !address.trim().is_empty());
    Ok(Some(Identity {
        key,
        addresses: addresses.collect(),
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

#[cfg(test)]
mod tests;
