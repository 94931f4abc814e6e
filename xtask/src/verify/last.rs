//! The record of the last build, and whether it is believed.

use super::check::{Check, Evidence};
use super::subject::Place;
use crate::buildlog::Outcome;
use crate::fingerprint::{Reason, hash_file, join};
use crate::record::{self, Backend, Built, Record, list};

/// Crates that a sentence names.
const NAMED: usize = 3;

/// What is known of the last build.
#[derive(Debug)]
pub enum Last {
    /// It finished, and this is what it told.
    Finished(Box<Built>),
    /// Nothing that is believed; why, and what to do.
    Doubt(String, String),
}

impl Last {
    /// Reads the record; its package must be the one that is there.
    pub fn read(place: &Place) -> Self {
        let path = record::path(&place.dist, &place.release, &place.arch, place.backend);
        let build = place.build();
        let doubt = |why: String| Self::Doubt(why, build.clone());
        let record = match Record::read(&path) {
            Ok(Some(record)) => record,
            Ok(None) => {
                return doubt(format!("there is no record of a build ({})", shown(&path)));
            }
            Err(error) => return doubt(format!("{error:#}")),
        };
        if (record.backend, &record.release, &record.arch)
            != (place.backend, &place.release, &place.arch)
        {
            return doubt(format!(
                "{} is the record of another build ({} for {} {})",
                shown(&path),
                record.backend.name(),
                record.release,
                record.arch
            ));
        }
        let Some(built) = record.result else {
            return doubt("the last build did not finish, or is under way".to_owned());
        };
        if let Some(wanted) = &place.crate_name {
            if wanted != &built.package.crate_name {
                return doubt(format!(
                    "the last build was of {}, not of {wanted}",
                    built.package.crate_name
                ));
            }
        }
        let package = &built.package;
        let file = path.with_file_name(&package.file);
        match hash_file(&file) {
            Ok(sha256) if sha256 == package.sha256 => Self::Finished(Box::new(built)),
            Ok(_) => doubt(format!(
                "{} is not the package that the last build wrote",
                shown(&file)
            )),
            Err(error) => doubt(format!(
                "the last build's package cannot be read: {}: {error}",
                shown(&file)
            )),
        }
    }

    /// What the last build told, if it is believed.
    pub fn built(&self) -> Option<&Built> {
        match self {
            Self::Finished(built) => Some(built),
            Self::Doubt(..) => None,
        }
    }

    /// What the record says of the toolchain.
    pub fn answer(&self, place: &Place) -> Evidence {
        let check = Check::LastBuild;
        let built = match self {
            Self::Doubt(why, mend) => return Evidence::unknown(check, why).mend(mend),
            Self::Finished(built) => built,
        };
        if let Some(bad) = made(check, built) {
            return bad.mend(format!(
                "build again, what was made is kept: {}",
                place.build()
            ));
        }
        if built.verdict != Outcome::Cached {
            let why = format!("the record's verdict is {}", built.verdict.name());
            return Evidence::unknown(check, why).mend(place.build());
        }
        let package = &built.package;
        let says = match place.backend {
            Backend::Native => "says its record (native builds write no OpenWrt log)",
            Backend::Sdk => "says its record",
        };
        Evidence::ok(
            check,
            format!(
                "the build of {} {} made nothing of the toolchain, {says}",
                package.name, package.version
            ),
        )
    }
}

/// What of the toolchain a build made, if it did.
pub fn made(check: Check, built: &Built) -> Option<Evidence> {
    let mut sentences = Vec::new();
    for part in &built.made {
        sentences.push(format!("{} was made: {}", part.name, join(&part.reasons)));
    }
    if !built.compiled.std.is_empty() {
        sentences.push(format!(
            "cargo compiled crates of the standard library: {}",
            list(&built.compiled.std, NAMED)
        ));
    }
    // What was only fetched is not why the library was compiled.
    let parts = built.made.iter();
    let part = parts
        .clone()
        .find(|part| part.name == "std")
        .or(parts.clone().next());
    let reason = part.and_then(|part| part.reasons.first());
    let cause = reason.map_or("not-determined", Reason::kind);
    let mut sentences = sentences.into_iter();
    let first = sentences.next()?;
    let evidence = Evidence::recompiled(check, first).because(cause);
    Some(sentences.fold(evidence, Evidence::and))
}

fn shown(path: &std::path::Path) -> std::path::Display<'_> {
    crate::util::fs::shown(path).display()
}
