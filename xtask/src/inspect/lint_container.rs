//! Rules about the container: its members, how the archives were written, what
//! stands behind them.

use super::archive::{Dialect, MEMBERS, plain_name};
use super::finding::Findings;
use super::limits::{End, Trailing};

/// Names in one message; an archive may have many.
const MAX_NAMED: usize = 8;

pub(super) fn debian_binary(findings: &mut Findings, text: &[u8]) {
    if text != b"2.0\n" {
        let text = String::from_utf8_lossy(&text[..text.len().min(40)]);
        let message = format!("is {text:?}, not \"2.0\\n\"");
        findings.warning("debian-binary", Some("debian-binary"), message);
    }
}

pub(super) fn end(findings: &mut Findings, end: End, what: &str) {
    match end.trailing {
        Some(Trailing::Gzip) => findings.warning(
            "gzip-trailing",
            Some(what),
            "has a second gzip stream behind the first: some programs unpack it, some do not",
        ),
        Some(Trailing::Bytes) => findings.warning(
            "gzip-trailing",
            Some(what),
            "has bytes behind the end of its gzip stream, which nothing reads",
        ),
        None => {}
    }
    if end.garbage {
        findings.warning(
            "tar-trailing",
            Some(what),
            "has bytes behind the end of its tar archive, which no installer reads",
        );
    }
}

pub(super) fn dialect(findings: &mut Findings, dialect: Dialect, what: &str) {
    if dialect.pax {
        let message = "has PAX headers, which opkg does not read (\"Unknown typeflag\"): make it with --format=gnu";
        findings.error("tar-pax", Some(what), message);
    }
    if dialect.binary_numbers {
        let message = "has numbers in base 256: opkg reads octal only";
        findings.error("tar-numbers", Some(what), message);
    }
    if dialect.not_gnu && !dialect.pax {
        let message = "is not in GNU tar's format; opkg reads it";
        findings.info("tar-dialect", Some(what), message);
    }
    if dialect.owner_names {
        let message =
            "names users and groups beside their numbers: they come from the building machine";
        findings.info("tar-owner-names", Some(what), message);
    }
}

/// Which members there are: `order` has their names as they stand.
pub(super) fn order(findings: &mut Findings, order: &[String]) {
    let plain = || {
        order
            .iter()
            .map(|name| plain_name(name.as_bytes()))
            .filter(|name| !name.is_empty())
    };
    for member in MEMBERS {
        match plain().filter(|name| name == member).count() {
            0 => findings.error("member-missing", Some(member), "is not in the package"),
            1 => {}
            count => findings.error(
                "member-twice",
                Some(member),
                format!("is in the package {count} times; only the first was read"),
            ),
        }
    }
    for name in order {
        let plain = plain_name(name.as_bytes());
        if !MEMBERS.contains(&plain.as_str()) && !plain.is_empty() {
            let message =
                "is no member that opkg knows (data.tar.gz and control.tar.gz must be gzip)";
            findings.warning("member-unknown", Some(name), message);
        } else if !name.starts_with("./") {
            let message =
                "has no `./` before its name: OpenWrt's ipkg-make-index.sh does not find it";
            findings.warning("member-name", Some(name), message);
        }
    }
    if plain().ne(MEMBERS) {
        let mut named: Vec<String> = plain().take(MAX_NAMED).collect();
        if plain().nth(MAX_NAMED).is_some() {
            named.push("…".to_owned());
        }
        let message = format!(
            "members are {}; OpenWrt writes {}",
            named.join(", "),
            MEMBERS.join(", ")
        );
        findings.info("member-order", None, message);
    }
}
