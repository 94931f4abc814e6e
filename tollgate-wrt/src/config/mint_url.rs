//! Addresses of mints in the one form in which they are compared and stored.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The address of a mint: `https://host[:port][/path]`.
///
/// Made canonical when it is read, and never again: scheme and host in lower
/// case, no default port, no slash at the end. Two spellings of one mint are
/// then the same text, for the price list as for the wallet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MintUrl(String);

/// Why a text is no address of a mint; the message says what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError(&'static str);

impl MintUrl {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where to connect to.
    pub fn parts(&self) -> Parts<'_> {
        // The text was checked when it was read.
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("https", &self.0));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority).unwrap_or((authority, None));
        let is_tls = scheme == "https";
        Parts {
            is_tls,
            authority,
            host: host.trim_start_matches('[').trim_end_matches(']'),
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
            path,
        }
    }
}

/// The parts of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// Host and port as the address has them.
    pub authority: &'a str,
    /// A name or an address, without brackets.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// What each path of the mint begins with, without a slash at its end.
    pub path: &'a str,
}

impl FromStr for MintUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .ok_or(ParseError("it has to begin with https://"))?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(ParseError("it has to begin with https:// (or http://)")),
        };
        if rest.contains(['?', '#']) {
            return Err(ParseError("a mint's address has no `?` and no `#`"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(ParseError("a mint's address has no user name"));
        }
        let (host, port) = split_port(authority)?;
        let host = canonical_host(host)?;
        let path = path.trim_end_matches('/');
        if !path.bytes().all(is_path_byte) {
            return Err(ParseError(
                "its path has a character that has to be written as %XX",
            ));
        }
        Ok(Self(match port {
            Some(port) if port != default_port => format!("{scheme}://{host}:{port}{path}"),
            _ => format!("{scheme}://{host}{path}"),
        }))
    }
}

/// Splits `host:port`; the colons of an IPv6 address stand in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), ParseError> {
    let after_host = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None if authority.starts_with('[') => return Ok((authority, None)),
        None => 0,
    };
    match authority[after_host..].find(':') {
        None => Ok((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at(after_host + colon);
            match port[1..].parse() {
                // `parse` also takes a sign.
                Ok(port @ 1..) if !authority.contains('+') => Ok((host, Some(port))),
                _ => Err(ParseError("its port is not a number from 1 to 65535")),
            }
        }
    }
}

fn canonical_host(host: &str) -> Result<String, ParseError> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner
            .strip_suffix(']')
            .and_then(|inner| inner.parse().ok())
            .ok_or(ParseError("its IPv6 address is wrong"))?;
        return Ok(format!("[{address}]"));
    }
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match host {
        "" => Err(ParseError("it names no host")),
        _ if host.bytes().all(is_host_byte) => Ok(host.to_ascii_lowercase()),
        _ => Err(ParseError(
            "its host has a character that host names do not have (write an international name as xn--…)",
        )),
    }
}

/// The characters of a path in RFC 3986, sections 3.3 and 2.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte)
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for MintUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for MintUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MintUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The text is not shown: it may hold a password.
        text.parse()
            .map_err(|error| de::Error::custom(format_args!("no mint's address: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> Result<String, String> {
        text.parse()
            .map(|url: MintUrl| url.0)
            .map_err(|error: ParseError| error.to_string())
    }

    #[test]
    fn one_mint_has_one_spelling() {
        for text in [
            "https://mint.example",
            "https://mint.example/",
            "HTTPS://Mint.Example",
            "https://mint.example:443",
            " https://mint.example// ",
        ] {
            assert_eq!(canonical(text).unwrap(), "https://mint.example", "{text}");
        }
        let kept = [
            "https://mint.minibits.cash/Bitcoin",
            "http://127.0.0.1:3338",
            "http://[fd00::1]:3338/a",
            "https://mint.example:80",
        ];
        for text in kept {
            assert_eq!(canonical(text).unwrap(), text);
        }
        assert_eq!(canonical("http://[FD00:0::1]").unwrap(), "http://[fd00::1]");
    }

    #[test]
    fn parts_are_what_to_connect_to() {
        let parts = |text: &str| {
            let url: MintUrl = text.parse().unwrap();
            let parts = url.parts();
            let Parts {
                is_tls,
                authority,
                host,
                port,
                path,
            } = parts;
            format!("{is_tls} {authority} {host} {port} {path}")
        };
        assert_eq!(
            parts("https://Mint.example/Bitcoin/"),
            "true mint.example mint.example 443 /Bitcoin"
        );
        assert_eq!(
            parts("http://[fd00::1]:3338"),
            "false [fd00::1]:3338 fd00::1 3338 "
        );
        assert_eq!(parts("http://10.0.0.1"), "false 10.0.0.1 10.0.0.1 80 ");
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = |text| canonical(text).unwrap_err();
        assert_eq!(error(""), "it has to begin with https://");
        assert_eq!(error("mint.example"), "it has to begin with https://");
        assert!(error("ftp://mint.example").starts_with("it has to begin"));
        assert_eq!(error("https://"), "it names no host");
        assert_eq!(error("https:///path"), "it names no host");
        assert_eq!(error("https://:80"), "it names no host");
        assert!(error("https://a:0").starts_with("its port"));
        assert!(error("https://a:+1").starts_with("its port"));
        assert!(error("https://a:70000").starts_with("its port"));
        assert!(error("https://a:b").starts_with("its port"));
        assert!(error("https://[::1").starts_with("its IPv6"));
        assert!(error("https://u@a").contains("user name"));
        assert!(error("https://a/?b").contains("no `?`"));
        assert!(error("https://a b").starts_with("its host"));
        assert!(error("https://mïnt.example").starts_with("its host"));
        assert!(error("https://a/b c").starts_with("its path"));
        assert!(error("https://a/\"").starts_with("its path"));
        assert!(error("https://a/\u{1}").starts_with("its path"));
    }

    proptest! {
        #[test]
        fn canonical_stays_canonical(text in "(https?://)?[a-zA-Z0-9.:\\[\\]/@%é -]{0,24}") {
            if let Ok(once) = canonical(&text) {
                prop_assert_eq!(canonical(&once), Ok(once.clone()));
            }
        }
    }
}
