//! What differs between two packages: which file, which field.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::inspect::{self, Container, FileInfo, MAX_UNPACKED, Report};
use crate::package::adb::block::{BlockKind, Header};
use crate::package::adb::container;
use crate::util::fs;

/// Most differences that are listed.
const MAX_LISTED: usize = 200;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `field Version`, `file /usr/bin/x`, `script postinst`, `container`.
    pub place: String,
    /// What of it: `content`, `mode`, `value` …
    pub what: &'static str,
    /// In the published package; null where it is not there.
    pub published: Option<String>,
    /// In the rebuilt one.
    pub rebuilt: Option<String>,
}

/// A comparison.
#[derive(Debug, Default)]
pub struct Compared {
    /// None: the same.
    pub differences: Vec<Difference>,
    /// They are the same but for the published one's signature.
    pub signature_aside: bool,
}

/// Compares two packages.
///
/// # Errors
/// One that cannot be read as a package.
pub fn compare(published: &Path, rebuilt: &Path) -> Result<Compared> {
    let (old, new) = (fs::read(published)?, fs::read(rebuilt)?);
    if old == new {
        return Ok(Compared::default());
    }
    let (old_report, new_report) = (inspect::inspect(published)?, inspect::inspect(rebuilt)?);
    let mut differences = reports(&old_report, &new_report);
    if differences.is_empty() {
        if old_report.container == Container::Apk && unsigned(&old)? == unsigned(&new)? {
            return Ok(Compared {
                differences,
                signature_aside: true,
            });
        }
        let first = old.iter().zip(&new).position(|(old, new)| old != new);
        let first = first.unwrap_or(old.len().min(new.len()));
        let side =
            |bytes: &[u8]| Some(format!("{} bytes, other from byte {first} on", bytes.len()));
        differences.push(Difference {
            place: "container".to_owned(),
            what: "compression, order or times: what is in it is the same",
            published: side(&old),
            rebuilt: side(&new),
        });
    }
    differences.truncate(MAX_LISTED);
    Ok(Compared {
        differences,
        signature_aside: false,
    })
}

/// The blocks of an apk without its signatures.
fn unsigned(file: &[u8]) -> Result<Vec<u8>> {
    let stream = container::decompress(file, MAX_UNPACKED)?;
    // Behind the magic and the schema.
    let (mut at, mut rest) = (8, Vec::new());
    while let Some(head) = stream.get(at..at + 4).and_then(<[u8]>::first_chunk) {
        let header = Header::read(*head)?;
        let end = at + 4 + header.length + header.padding();
        let block = stream.get(at..end).context("a block is cut off")?;
        if header.kind != BlockKind::Signature {
            rest.extend_from_slice(block);
        }
        at = end;
    }
    Ok(rest)
}

/// One thing to compare of a file.
type Aspect = fn(&FileInfo) -> Option<String>;

fn reports(old: &Report, new: &Report) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |place: &str, what, published: Option<String>, rebuilt: Option<String>| {
        if published != rebuilt {
            found.push(Difference {
                place: place.to_owned(),
                what,
                published,
                rebuilt,
            });
        }
    };
    let kind = |report: &Report| Some(format!("{:?}", report.container).to_lowercase());
    compare("container", "kind", kind(old), kind(new));
    let fields = |report: &Report| -> BTreeMap<String, String> {
        let fields = report.control.iter();
        fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let (a, b) = (fields(old), fields(new));
    for name in keys(&a, &b) {
        compare(
            &format!("field {name}"),
            "value",
            a.get(name).cloned(),
            b.get(name).cloned(),
        );
    }
    let members = |report: &Report| -> BTreeMap<String, (String, String)> {
        let members = report.members.iter();
        members
            .map(|one| (one.name.clone(), (one.mode.clone(), one.text.clone())))
            .collect()
    };
    let (a, b) = (members(old), members(new));
    for name in keys(&a, &b) {
        let place = format!("script {name}");
        let part = |of: &BTreeMap<String, (String, String)>, text: bool| {
            of.get(name)
                .map(|(mode, content)| if text { content.clone() } else { mode.clone() })
        };
        compare(&place, "text", part(&a, true), part(&b, true));
        compare(&place, "mode", part(&a, false), part(&b, false));
    }
    let files = |report: &Report| -> BTreeMap<String, FileInfo> {
        let files = report.files.iter();
        files
            .map(|file| (file.path.clone(), file.clone()))
            .collect()
    };
    let (a, b) = (files(old), files(new));
    for name in keys(&a, &b) {
        let place = format!("file {name}");
        let (Some(old), Some(new)) = (a.get(name), b.get(name)) else {
            let is = |file: Option<&FileInfo>| file.map(|file| format!("a {}", file.kind));
            compare(&place, "only in one", is(a.get(name)), is(b.get(name)));
            continue;
        };
        let aspects: [(&str, Aspect); 5] = [
            ("kind", |file| Some(file.kind.to_owned())),
            ("mode", |file| Some(file.mode.clone())),
            ("owner", |file| Some(format!("{}:{}", file.uid, file.gid))),
            ("target", |file| file.target.clone()),
            ("content", |file| {
                let hash = file.sha256.as_ref()?;
                Some(format!("{} bytes, sha256 {hash}", file.size))
            }),
        ];
        for (what, aspect) in aspects {
            compare(&place, what, aspect(old), aspect(new));
        }
    }
    found
}

fn keys<'a, T>(a: &'a BTreeMap<String, T>, b: &'a BTreeMap<String, T>) -> Vec<&'a String> {
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    keys
}
