//! The bill of materials as CycloneDX 1.6 (ECMA-424) has it. The same package
//! has the same bill: its serial number comes from its content.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bill::{Component, Origin};
use crate::fingerprint::hex;

/// The package that a bill is of.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its file's name.
    pub file: &'a str,
    /// Package name.
    pub name: &'a str,
    /// Version with release number.
    pub version: &'a str,
    /// OpenWrt architecture.
    pub arch: &'a str,
    /// OpenWrt release.
    pub release: &'a str,
    /// Rust's target triple.
    pub target: &'a str,
    /// SHA-256 in hex.
    pub sha256: &'a str,
    /// The time that its files have.
    pub epoch: u64,
}

/// The bill's text; `own` is the purl of the crate that the binaries are of.
pub fn text(
    subject: &Subject<'_>,
    components: &[Component],
    own: &str,
) -> serde_json::Result<String> {
    let reference = format!("package:{}", subject.file);
    let mut dependencies = vec![json!({ "ref": reference, "dependsOn": root(components, own) })];
    dependencies.extend(
        components
            .iter()
            .map(|one| json!({ "ref": one.purl, "dependsOn": one.depends })),
    );
    let property =
        |name: &str, value: &str| json!({ "name": format!("openwrt:{name}"), "value": value });
    let mut bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(subject.epoch),
            "tools": { "components": [
                { "type": "application", "name": "xtask", "version": env!("CARGO_PKG_VERSION") }
            ] },
            "component": {
                "type": "application",
                "bom-ref": reference,
                "name": subject.name,
                "version": subject.version,
                "hashes": [{ "alg": "SHA-256", "content": subject.sha256 }],
                "properties": [
                    property("arch", subject.arch),
                    property("file", subject.file),
                    property("release", subject.release),
                    property("target", subject.target),
                ],
            },
        },
        "components": components.iter().map(|one| component(one, own)).collect::<Vec<_>>(),
        "dependencies": dependencies,
    });
    bill["serialNumber"] = serial(&serde_json::to_vec(&bill)?).into();
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

/// What the package's programs are linked from directly.
fn root(components: &[Component], own: &str) -> Vec<String> {
    let direct = |one: &&Component| match one.origin {
        Origin::Own | Origin::Crate => one.purl == own,
        Origin::Std => one.name == "std",
        Origin::Runtime => true,
    };
    let direct = components.iter().filter(direct);
    direct.map(|one| one.purl.clone()).collect()
}

fn component(one: &Component, own: &str) -> Value {
    let mut object = json!({
        "type": if one.purl == own { "application" } else { "library" },
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "scope": if one.optional { "optional" } else { "required" },
    });
    if let Some(expression) = &one.license {
        object["licenses"] = json!([{ "expression": expression }]);
    }
    if let Some(hash) = &one.sha256 {
        object["hashes"] = json!([{ "alg": "SHA-256", "content": hash }]);
    }
    if let Some(description) = &one.description {
        object["description"] = description.as_str().into();
    }
    if !one.authors.is_empty() {
        let authors = one.authors.iter().map(|author| person(author));
        object["authors"] = authors.collect();
    }
    if let Some(url) = one
        .repository
        .as_deref()
        .filter(|url| url.starts_with("https://"))
    {
        object["externalReferences"] = json!([{ "type": "vcs", "url": url }]);
    }
    if !one.features.is_empty() {
        object["properties"] =
            json!([{ "name": "cargo:features", "value": one.features.join(" ") }]);
    }
    object
}

/// `Name <mail>` in its parts.
fn person(author: &str) -> Value {
    match author
        .strip_suffix('>')
        .and_then(|text| text.split_once('<'))
    {
        Some((name, mail))
            if mail.contains('@') && !mail.contains(' ') && !name.trim().is_empty() =>
        {
            json!({ "name": name.trim(), "email": mail })
        }
        _ => json!({ "name": author }),
    }
}

/// A UUID of the content: version 8 of RFC 9562, whose bits are the maker's.
fn serial(content: &[u8]) -> String {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&Sha256::digest(content)[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..]
    )
}

/// Seconds since 1970 as RFC 3339 has them, in UTC.
pub fn timestamp(epoch: u64) -> String {
    // The proleptic Gregorian calendar from 1 March of the year 0 on, so that
    // the leap day is a year's last: 400 years have 146,097 days.
    let (days, rest) = (epoch / 86_400 + 719_468, epoch % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month <= 2);
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{date:02}T{hours:02}:{minutes:02}:{seconds:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_date_prints_them() {
        for (epoch, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(epoch), text);
        }
    }

    #[test]
    fn people() {
        assert_eq!(
            person("A B <a@example.org>"),
            json!({ "name": "A B", "email": "a@example.org" })
        );
        assert_eq!(person("The A Project"), json!({ "name": "The A Project" }));
    }
}
