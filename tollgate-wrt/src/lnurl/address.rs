//! Who is paid over Lightning, as people write it.

use std::fmt;
use std::str::FromStr;

use bech32::Bech32;
use bech32::primitives::decode::CheckedHrpstring;

use crate::config::MintUrl;
use crate::wallet::bolt11::Bolt11;

/// Somebody who can be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payee {
    /// As it was written.
    pub text: String,
    /// How to pay.
    pub way: Way,
}

/// How somebody is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By asking a server for an invoice (LUD-06).
    Ask(WebUrl),
    /// By an invoice that is there.
    Invoice(Bolt11),
}

/// Why a text is nobody who can be paid: what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Payee {
    type Err = ParseError;

    /// A Lightning address (LUD-16), an LNURL (LUD-01, LUD-17), or an invoice.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("lightning:").unwrap_or(&lower);
        let way = if let Some((user, domain)) = bare.split_once('@') {
            Way::Ask(address(user, domain)?)
        } else if bare.starts_with("lnurl1") {
            Way::Ask(lnurl(bare)?)
        } else if bare.starts_with("lnurlp://") {
            Way::Ask(format!("https://{}", &text[text.len() - bare.len() + 9..]).parse()?)
        } else if bare.starts_with("ln") {
            let invoice = Bolt11::parse(bare).map_err(|fault| ParseError(fault.to_string()))?;
            Way::Invoice(invoice)
        } else {
            let what = "it is no Lightning address (name@domain), LNURL or invoice";
            return Err(ParseError(what.to_owned()));
        };
        let text = match way {
            Way::Ask(_) => text.to_owned(),
            // The whole of it says nothing to people.
            Way::Invoice(_) => format!("{}…", bare.chars().take(20).collect::<String>()),
        };
        Ok(Self { text, way })
    }
}

fn address(user: &str, domain: &str) -> Result<WebUrl, ParseError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    if user.is_empty() || !user.bytes().all(is_name) {
        let what = format!("{user:?} is no name of a Lightning address");
        return Err(ParseError(what));
    }
    if domain.is_empty() || domain.contains(['/', '?', '@']) {
        let what = format!("{domain:?} is no domain of a Lightning address");
        return Err(ParseError(what));
    }
    format!("https://{domain}/.well-known/lnurlp/{user}").parse()
}

fn lnurl(text: &str) -> Result<WebUrl, ParseError> {
    let wrong = || ParseError("the LNURL is incomplete or has a wrong letter".to_owned());
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| wrong())?;
    let url = String::from_utf8(checked.byte_iter().collect()).map_err(|_| wrong())?;
    url.parse()
}

/// The address of a page: `https://host[:port]/path?query`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl {
    /// The server.
    pub server: MintUrl,
    /// Path and query.
    pub target: String,
}

impl FromStr for WebUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = |why: &str| ParseError(format!("{text:?} is no address of a server: {why}"));
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            _ => return Err(wrong("it has to begin with https://")),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("it has characters that have to be written as %XX"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let server: MintUrl = format!("https://{authority}")
            .parse()
            .map_err(|error| wrong(&format!("{error}")))?;
        if server.parts().host.ends_with(".onion") {
            return Err(wrong("names in Tor cannot be reached from here"));
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        Ok(Self { server, target })
    }
}

impl WebUrl {
    /// The address with one more parameter.
    pub fn with(&self, name: &str, value: u64) -> Self {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        Self {
            server: self.server.clone(),
            target: format!("{}{mark}{name}={value}", self.target),
        }
    }

    /// Where a redirect from here leads.
    ///
    /// # Errors
    /// If that is no address that may be asked.
    pub fn follow(&self, location: &str) -> Result<Self, ParseError> {
        match location.starts_with('/') && !location.starts_with("//") {
            true => format!("{}{location}", self.server).parse(),
            false => location.parse(),
        }
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.server, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> Result<String, String> {
        match text
            .parse::<Payee>()
            .map_err(|error| error.to_string())?
            .way
        {
            Way::Ask(url) => Ok(url.to_string()),
            Way::Invoice(_) => Err("an invoice".to_owned()),
        }
    }

    #[test]
    fn addresses() {
        let url = |text: &str| Ok(text.to_owned());
        assert_eq!(
            asks(" Owner+tips@Pay.Example "),
            url("https://pay.example/.well-known/lnurlp/owner+tips")
        );
        assert_eq!(
            asks("lightning:owner@pay.example:8443"),
            url("https://pay.example:8443/.well-known/lnurlp/owner")
        );
        // The example of LUD-01.
        let example = "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNXSCRVWFNV9NXZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS";
        assert_eq!(
            asks(example),
            url(
                "https://service.com/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df"
            )
        );
        assert_eq!(
            asks("lnurlp://pay.example/Owner?x=1"),
            url("https://pay.example/Owner?x=1")
        );
        let wrong = example.to_lowercase().replace("dp68", "dp69");
        for wrong in [
            "",
            "owner",
            "@pay.example",
            "owner@",
            "ow ner@pay.example",
            "owner@pay.example/x",
            "owner@a@b",
            "owner@hidden.onion",
            "https://pay.example",
            "lnbc1",
            &wrong,
        ] {
            assert!(wrong.parse::<Payee>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pages() {
        let url: WebUrl = "https://pay.example?a=b#c".parse().unwrap();
        assert_eq!(url.to_string(), "https://pay.example/?a=b");
        assert_eq!(url.with("amount", 7).target, "/?a=b&amount=7");
        let url: WebUrl = "HTTPS://Pay.Example/cb".parse().unwrap();
        assert_eq!(
            url.with("amount", 7).to_string(),
            "https://pay.example/cb?amount=7"
        );
        let follow = |to: &str| url.follow(to).map(|url| url.to_string());
        assert_eq!(follow("/x?y"), Ok("https://pay.example/x?y".to_owned()));
        assert_eq!(
            follow("https://b.example"),
            Ok("https://b.example/".to_owned())
        );
        for wrong in [
            "http://b.example",
            "//b.example",
            "x",
            "https://u:p@b.example",
        ] {
            assert!(follow(wrong).is_err(), "{wrong}");
        }
        assert!("https://pay.example/\r\nX: y".parse::<WebUrl>().is_err());
    }
}
