//! What the record of a build in the SDK says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::build::{Built, Request};
use crate::buildlog::Outcome as Verdict;
use crate::fingerprint::hash_file;
use crate::image::ensure::{Ensured, How};
use crate::record::{self, LogFile, Part, Work};

/// What the record says.
///
/// # Errors
/// The log cannot be read.
pub fn told(request: &Request<'_>, ensured: &Ensured, built: &Built) -> Result<record::Built> {
    let made: Vec<Part> = match ensured.how {
        How::Built => vec![Part {
            name: "image".to_owned(),
            reasons: ensured.reasons.clone(),
        }],
        How::Ready | How::Pulled => Vec::new(),
    };
    let dir = built.path.parent().unwrap_or(Path::new("."));
    let log = built.log.as_deref().context("a build without a log")?;
    let text = std::fs::read(log).with_context(|| format!("read {}", log.display()))?;
    let compiled = Work::of_log(&String::from_utf8_lossy(&text));
    let verdict = match record::Built::judge(&made, &compiled) {
        Verdict::Cached => built.verdict.unwrap_or(Verdict::Unknown),
        other => other,
    };
    let absolute = || std::path::absolute(log).context("find the log");
    Ok(record::Built {
        verdict,
        choice: request.toolchain.name().to_owned(),
        profile: request.profile.name().to_owned(),
        inputs: BTreeMap::from([("image".to_owned(), ensured.ready.labels.inputs.clone())]),
        made,
        compiled,
        package: built.package(&request.member.cargo_name),
        log: Some(LogFile {
            file: match log.strip_prefix(dir) {
                Ok(name) => name.to_owned(),
                Err(_) => absolute()?,
            },
            sha256: hash_file(log).with_context(|| format!("read {}", log.display()))?,
        }),
    })
}
