//! `identity`: the router's public key.

use std::process::ExitCode;

use serde_json::json;

use super::output::{complain, exit_code, print};
use super::table::Parsed;
use super::table::options::SECRET;
use crate::identity;
use crate::paths::Paths;

/// Shows the key.
///
/// # Errors
/// What is wrong with the options.
pub fn run(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let file = Paths::new(parsed.root()?).identities();
    let found = match identity::read(&file) {
        Ok(Some(found)) => found,
        Ok(None) => {
            complain(&format!(
                "{}: there is no key yet; the daemon makes one when it is first started",
                file.display()
            ));
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => {
            complain(&error.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    let secret = parsed.has(&SECRET).then(|| found.key.secret_hex());
    if parsed.json() {
        let mut report = json!({
            "npub": found.key.npub(),
            "pubkey": found.key.public_hex(),
            "file": file,
            "warnings": found.warnings,
        });
        if let Some(secret) = secret {
            report["secret"] = secret.into();
        }
        return Ok(exit_code(print(&format!("{report}\n"))));
    }
    for warning in &found.warnings {
        complain(&format!("warning: {warning}"));
    }
    let mut text = format!(
        "{}\n{}\nfrom {}\n",
        found.key.npub(),
        found.key.public_hex(),
        file.display()
    );
    if let Some(secret) = secret {
        text.push_str(&format!("secret {secret}\n"));
    }
    Ok(exit_code(print(&text)))
}
