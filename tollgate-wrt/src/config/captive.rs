//! Addresses that customers are sent to.

use super::schema::File;
use std::time::Duration;

/// Longest address that a DHCP option holds, in bytes.
const MAX_ADDRESS: usize = 255;

/// How long a payment's gate stays shut where the owner names a page for
/// afterwards, and no time: that of the other TollGate daemons.
const AUTH_DELAY: u32 = 8;

/// The longest that a customer who has paid is made to wait, in seconds.
pub const MAX_AUTH_DELAY: u32 = 60;

/// The https address under which customers reach the daemon's Captive Portal
/// API (RFC 8908), through a web server of the owner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptiveApi(String);

impl CaptiveApi {
    /// Reads one. It stands as it is in the DHCP server's configuration, so that
    /// nothing is taken that means something there.
    pub fn from_word(word: &str) -> Option<Self> {
        let host = word
            .strip_prefix("https://")?
            .split(['/', '?', '#'])
            .next()?;
        let is_safe =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&()*+;=%".contains(&byte);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let is_address = word.len() <= MAX_ADDRESS
            && word.bytes().all(is_safe)
            && host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
            && host.bytes().all(is_host);
        is_address.then(|| Self(word.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address up to its path: the same web server passes on the portal, too.
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        match self.0[host..].find(['/', '?', '#']) {
            Some(length) => &self.0[..host + length],
            None => &self.0,
        }
    }
}

impl File {
    /// How long the gate stays shut after a payment, so that the window of a
    /// phone, which closes as soon as there is internet, can show what comes
    /// next.
    pub fn auth_delay(&self) -> Duration {
        let seconds = match self.auth_delay_seconds {
            0 if !self.redirect_url.is_empty() => AUTH_DELAY,
            seconds => seconds.min(MAX_AUTH_DELAY),
        };
        Duration::from_secs(seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_addresses_that_mean_nothing_to_a_dhcp_server() {
        for (word, origin) in [
            (
                "https://portal.example/captive-api",
                "https://portal.example",
            ),
            ("https://portal.example", "https://portal.example"),
            (
                "https://[2001:db8::1]:8443/x?y=1",
                "https://[2001:db8::1]:8443",
            ),
        ] {
            assert_eq!(CaptiveApi::from_word(word).unwrap().origin(), origin);
        }
        let long = format!("https://portal.example/{}", "x".repeat(233));
        for word in [
            "",
            "portal.example",
            "http://portal.example",
            "https://",
            "https:///path",
            "https://user@portal.example",
            "https://portal.example/a,b",
            "https://portal.example/ b",
            "https://portal.example/\"",
            "https://portal.example/'",
            "https://portal.example/\\",
            "https://portal.example/\nport=0",
            "https://portal.example/#x",
            "https://pörtal.example/",
            "https://-x.example/",
            &long,
        ] {
            assert_eq!(CaptiveApi::from_word(word), None, "{word}");
        }
        assert!(CaptiveApi::from_word(&long[..255]).is_some());
    }

    #[test]
    fn a_page_for_afterwards_has_time_to_be_seen() {
        let delay = |url: &str, seconds| {
            let file = File {
                redirect_url: url.to_owned(),
                auth_delay_seconds: seconds,
                ..File::default()
            };
            file.auth_delay().as_secs()
        };
        assert_eq!(delay("", 0), 0);
        assert_eq!(delay("https://x.example", 0), 8);
        assert_eq!(delay("https://x.example", 3), 3);
        assert_eq!(delay("", 3), 3);
        assert_eq!(delay("", 4_000), 60);
    }
}
