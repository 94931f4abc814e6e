//! The certificates of a company's network: they reach builds and runs as a
//! secret file, and are never part of an image.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The id of the build secret.
pub const SECRET: &str = "ca";

/// Where containers find it.
pub const INSIDE: &str = "/run/xtask/ca.pem";

/// Variables by which programs in a container are told of it.
pub const VARIABLES: [&str; 6] = [
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
];

/// `--ca-bundle`, else SSL_CERT_FILE.
///
/// # Errors
/// The file that is named is no certificate file.
pub fn bundle(flag: Option<&Path>) -> Result<Option<PathBuf>> {
    let (path, from) = match flag {
        Some(path) => (path.to_owned(), "--ca-bundle"),
        None => match std::env::var_os("SSL_CERT_FILE").filter(|value| !value.is_empty()) {
            Some(path) => (PathBuf::from(path), "SSL_CERT_FILE"),
            None => return Ok(None),
        },
    };
    let text = std::fs::read(&path)
        .with_context(|| format!("read the certificates of {from}, {}", path.display()))?;
    ensure!(
        memchr::memmem::find(&text, b"-----BEGIN ").is_some(),
        "{from} names {}, which holds no certificate in PEM form",
        path.display()
    );
    let path = std::path::absolute(&path).with_context(|| format!("find {}", path.display()))?;
    Ok(Some(path))
}
