//! The record of the last build, and whether it is believed.

use super::check::{Check, Evidence};
use super::subject::Place;
use crate::buildlog::{self, Baseline, Cause, Outcome, Verdict, show};
use crate::config::workspace::Workspace;
use crate::fingerprint::{Reason, hash_file, join_short};
use crate::record::{self, Backend, Built, Record, list};
use crate::sdk_run::follow::narrow;
use crate::sdk_run::log::told_autoremove;

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

    /// Doubts a build of a crate that the workspace does not package: the
    /// folder is another workspace's too.
    pub fn of_workspace(self, workspace: &Workspace, place: &Place) -> Self {
        let name = self.built().map(|built| built.package.crate_name.clone());
        match name.map(|name| workspace.select(Some(&name))) {
            Some(Err(error)) => Self::Doubt(
                format!("the last build was of what this workspace does not build: {error:#}"),
                place.build(),
            ),
            _ => self,
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

impl Last {
    /// What the log of the last build in the SDK says, and its record. A build
    /// that did not finish has a log too, which may say why.
    pub fn log(&self, place: &Place, baseline: Option<Baseline>) -> Evidence {
        let check = Check::LastBuild;
        let record = record::path(&place.dist, &place.release, &place.arch, place.backend);
        let built = match self {
            Self::Finished(built) => built,
            Self::Doubt(..) => {
                let told = self.answer(place);
                let log = record.with_file_name("build.log");
                return match log_of_unfinished(&record, &log, baseline) {
                    Some(verdict) => recompiled(&verdict, &log).with(told),
                    None => told,
                };
            }
        };
        let Some(log) = &built.log else {
            return Evidence::unknown(check, "the record names no log").mend(place.build());
        };
        let file = record.with_file_name(&log.file);
        match hash_file(&file) {
            Ok(sha256) if sha256 == log.sha256 => {}
            Ok(_) => {
                let why = format!("{} is not the log of the last build", shown(&file));
                return Evidence::unknown(check, why).mend(place.build());
            }
            Err(error) => {
                let why = format!("{} cannot be read: {error}", shown(&file));
                return Evidence::unknown(check, why).mend(place.build());
            }
        }
        let told = self.answer(place);
        match read(&file, baseline) {
            Some(verdict) if verdict.verdict == Outcome::Recompiled => {
                recompiled(&verdict, &file).with(told)
            }
            Some(verdict) if verdict.verdict == Outcome::Cached => told.and(format!(
                "{} says: {}",
                shown(&file),
                show::headline(&verdict)
            )),
            verdict => {
                let mend = verdict.and_then(|verdict| verdict.mend);
                let why = mend.as_deref().unwrap_or("it cannot be read");
                told.with(Evidence::unknown(
                    check,
                    format!("{} shows too little: {why}", shown(&file)),
                ))
            }
        }
    }
}

fn read(log: &std::path::Path, baseline: Option<Baseline>) -> Option<Verdict> {
    let file = std::fs::File::open(log).ok()?;
    buildlog::scan(file, baseline).ok()
}

/// The log of the build that the record is the begin of, where that made
/// something again.
fn log_of_unfinished(
    record: &std::path::Path,
    log: &std::path::Path,
    baseline: Option<Baseline>,
) -> Option<Verdict> {
    let written = |file| {
        std::fs::metadata(file)
            .and_then(|found| found.modified())
            .ok()
    };
    if written(log)? < written(record)? {
        return None;
    }
    let text = std::fs::read(log).ok()?;
    let baked = baseline
        .as_ref()
        .map(|baseline| baseline.autoremove.clone());
    let scanner = buildlog::read(&text[..], baseline).ok()?;
    // A build that was stopped in a stage is one that still runs, to the log.
    let why = scanner.why().map(|because| match &baked {
        Some(baked) => narrow(because, baked, told_autoremove(&text).as_deref()),
        None => because,
    });
    let verdict = scanner.finish();
    match (verdict.cause, why) {
        (Some(Cause::NotDetermined), Some(because)) => Some(Verdict {
            cause: Some(because.cause),
            mend: Some(because.cause.mend().to_owned()),
            candidates: because.candidates,
            ..verdict
        }),
        (Some(_), _) => Some(verdict),
        (None, _) => None,
    }
}

fn recompiled(verdict: &Verdict, log: &std::path::Path) -> Evidence {
    let text = format!("{} says: {}", shown(log), show::headline(verdict));
    let evidence = Evidence::recompiled(Check::LastBuild, text.replace('\n', ", "));
    let evidence = match verdict.cause {
        Some(cause) => evidence.because(cause.name()),
        None => evidence,
    };
    match &verdict.mend {
        Some(mend) => evidence.mend(mend),
        None => evidence,
    }
}

/// What of the toolchain a build made, if it did or may have.
pub fn made(check: Check, built: &Built) -> Option<Evidence> {
    let mut sentences = Vec::new();
    let of_log = built.made.is_empty() && built.compiled.std.is_empty();
    match built.verdict {
        Outcome::Recompiled if of_log => {
            sentences.push("a stage of the toolchain was made, says its record".to_owned());
        }
        Outcome::Unknown => {
            return Some(Evidence::unknown(
                check,
                "what of the toolchain was made is not known, says its record",
            ));
        }
        _ => {}
    }
    for part in &built.made {
        sentences.push(format!(
            "{} was made: {}",
            part.name,
            join_short(&part.reasons)
        ));
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
