//! What a run was worth. It fails closed: no package without evidence passes for
//! one that was built with nothing made again.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;

use super::follow::Stopped;
use super::log::Written;
use super::plan::Plan;
use super::results::Results;
use super::stamps;
use crate::buildlog::{Cause, Outcome, Verdict};
use crate::engine::container::Ended;
use crate::util::{fs, process};

/// What the script ends with where make succeeded and left no package.
const NO_PACKAGE: i64 = 99;

/// Everything that is known of a run.
#[derive(Debug)]
pub struct Facts {
    /// The stage of the toolchain that it was stopped for.
    pub stopped: Option<Stopped>,
    /// How the container ended.
    pub ended: Ended,
    /// The log's verdict.
    pub verdict: Verdict,
    /// What the container left.
    pub results: Results,
    /// The whole log.
    pub log: Written,
}

/// A package that may be written.
#[derive(Debug)]
pub struct Package {
    /// As OpenWrt wrote it.
    pub bytes: Vec<u8>,
    /// `name@version` of each crate that cargo compiled.
    pub compiled: Vec<String>,
    /// Was anything of the toolchain made again?
    pub verdict: Outcome,
    /// The log.
    pub log: PathBuf,
}

/// A run that gave no package, with what its log shows.
#[derive(Debug)]
pub struct NotBuilt {
    message: String,
    /// The verdict on the toolchain.
    pub verdict: Outcome,
    /// Why something of it was made again.
    pub cause: Option<Cause>,
    /// The log.
    pub log: PathBuf,
}

impl fmt::Display for NotBuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NotBuilt {}

/// Judges a run.
///
/// # Errors
/// [`NotBuilt`], with what happened, why, and what to do.
pub fn judge(facts: Facts, plan: &Plan, allow_rebuild: bool) -> Result<Package> {
    let log = fs::shown(&facts.log.path).display().to_string();
    let fail = |message: String, verdict: Outcome, cause: Option<Cause>| {
        let message = format!("{message}\n  log: {log}");
        let log = facts.log.path.clone();
        Err(NotBuilt {
            message,
            verdict,
            cause,
            log,
        }
        .into())
    };
    if let Some(stopped) = &facts.stopped {
        return fail(
            rebuilt(stopped),
            Outcome::Recompiled,
            Some(stopped.because.cause),
        );
    }
    let verdict = facts.verdict.verdict;
    if facts.ended.code != 0 {
        return fail(failure(&facts, plan), verdict, facts.verdict.cause);
    }
    let changes = stamps::changes(
        facts.results.before.as_deref(),
        facts.results.after.as_deref(),
    );
    // The stamps are files: they prove what a log may not show, not what it may.
    let (verdict, silent) = match (verdict, changes) {
        (Outcome::Cached, None) => (Outcome::Unknown, None),
        (Outcome::Cached | Outcome::Unknown, Some(changes)) if !changes.is_empty() => {
            (Outcome::Recompiled, Some(changes))
        }
        (verdict, _) => (verdict, None),
    };
    if verdict == Outcome::Recompiled && !allow_rebuild {
        let what = match silent {
            Some(changes) => format!(
                "a stage of the toolchain was made again, though the log does not show it:\n    {}",
                changes.join("\n    ")
            ),
            None => "a stage of the toolchain was made again, says the log".to_owned(),
        };
        let message =
            format!("{what}\n  no package was written; --allow-toolchain-rebuild takes it");
        let cause = facts.verdict.cause.unwrap_or(Cause::NotDetermined);
        return fail(message, Outcome::Recompiled, Some(cause));
    }
    match facts.results.package {
        None => fail(
            no_package(&facts.log.tail, plan),
            verdict,
            facts.verdict.cause,
        ),
        Some(bytes) => Ok(Package {
            bytes,
            compiled: facts.log.compiled,
            verdict,
            log: facts.log.path,
        }),
    }
}

/// The message of a build that was stopped.
fn rebuilt(stopped: &Stopped) -> String {
    let because = &stopped.because;
    let stage = &stopped.begun.stage;
    let mut text = match stopped.in_time {
        true => format!("the toolchain was about to be made again: {stage}; the build was stopped"),
        false => format!("the toolchain was made again: {stage}; no package was written"),
    };
    text += &format!("\n  cause: {}", because.cause.name());
    if !because.candidates.is_empty() {
        let names: Vec<&str> = because
            .candidates
            .iter()
            .map(|cause| cause.name())
            .collect();
        text += &format!(", one of: {}", names.join(", "));
    }
    if let Some(note) = &stopped.begun.note {
        text += &format!("\n  line {}: {} ({})", note.line, note.text, note.meaning);
    }
    text + "\n  mend: "
        + because.cause.mend()
        + "\n  --allow-toolchain-rebuild builds it all the same"
}

/// The message of a build that failed.
fn failure(facts: &Facts, plan: &Plan) -> String {
    if let Some(message) = of_script(&facts.log.tail) {
        return message;
    }
    if facts.ended.code == NO_PACKAGE {
        return no_package(&facts.log.tail, plan);
    }
    let what = match facts.ended {
        Ended {
            out_of_memory: true,
            ..
        } => "the container ran out of memory: give the engine more".to_owned(),
        Ended { code: 137, .. } => "the container was killed".to_owned(),
        _ => format!("make failed for {}", plan.meta.name),
    };
    let hint = hint(&facts.log.tail).map_or_else(String::new, |hint| format!("\n  mend: {hint}"));
    format!(
        "{what}; the end of its output:\n{}{hint}",
        process::tail(&facts.log.tail)
    )
}

/// What the script itself said.
fn of_script(tail: &str) -> Option<String> {
    let said = |begin: &str| tail.lines().rev().find_map(|line| line.strip_prefix(begin));
    let error = said("xtask: error: ")?;
    let mend = said("xtask: mend: ").map_or_else(String::new, |mend| format!("\n  mend: {mend}"));
    Some(format!("{error}{mend}"))
}

/// What is often behind a failure.
fn hint(tail: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| tail.contains(word));
    if has(&["rust-package.mk: No such file"]) {
        return Some(
            "the SDK's packages feed has no lang/rust: name one of OpenWrt 23.05 or newer in `feeds` of [image] in openwrt/sdk.toml",
        );
    }
    if has(&[
        "SSL certificate problem",
        "certificate verify failed",
        "self-signed certificate",
        "unable to get local issuer",
    ]) {
        return Some(
            "a network that looks into connections needs its certificates: --ca-bundle FILE, or SSL_CERT_FILE",
        );
    }
    if has(&[
        "Could not resolve host",
        "Couldn't resolve host",
        "spurious network error",
    ]) {
        return Some(
            "the container does not reach the registry: look at the engine's network, and at http_proxy and https_proxy",
        );
    }
    if has(&["No space left on device"]) {
        return Some("the engine's disk is full: docker system df");
    }
    if has(&[
        "Cargo.lock needs to be updated",
        "cannot update the lock file",
    ]) {
        return Some("cargo update --workspace, then commit Cargo.lock");
    }
    None
}

/// The message where make succeeded all the same.
fn no_package(tail: &str, plan: &Plan) -> String {
    let wrote = tail
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("xtask: make wrote: "))
        .map(str::trim)
        .filter(|names| !names.is_empty());
    let skipped = |why: &str| tail.contains(&format!("skipping {} -- {why}", plan.meta.name));
    let reason = match wrote {
        Some(names) => format!(
            "it wrote {names}: the recipe's name, version or architecture is not the metadata's"
        ),
        None if skipped("package not selected") => {
            "the package is not selected in .config".to_owned()
        }
        None if skipped("package has no install section") => {
            "the recipe has no Package/…/install for it".to_owned()
        }
        None => "most often the package cannot be selected: one of its dependencies' conditions (@…) is not met".to_owned(),
    };
    format!("make succeeded and made no {}: {reason}", plan.file)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::plan;
    use super::*;
    use crate::buildlog::{Baseline, scan};

    const PACKAGE: &str = "make[2]: Entering directory '/builder/feeds/tollgate/x'\n\
                           make[2]: Leaving directory '/builder/feeds/tollgate/x'\n\
                           time: package/feeds/tollgate/x/compile#0.04#0.01#0.08\n";
    const RUST: &str = "touch /builder/build_dir/target-a_musl/host/rustc-1.90.0-src/.built\n\
                        time: package/feeds/packages/rust/host-compile#64.12#13.23#118.40\n";

    /// The verdict of a run that make says went well, or that no package is written.
    fn verdict(log: &str, stamps: [Option<&str>; 2], allow: bool) -> Option<Outcome> {
        let baseline =
            r#"{"schema":1,"tree":"/builder","autoremove":"y","autorebuild":true,"stages":[]}"#;
        let baseline = Baseline::parse(baseline).unwrap();
        let [before, after] = stamps.map(|list| list.map(str::to_owned));
        let facts = Facts {
            stopped: None,
            ended: Ended {
                code: 0,
                out_of_memory: false,
            },
            verdict: scan(log.as_bytes(), Some(baseline)).unwrap(),
            results: Results {
                package: Some(b"x".to_vec()),
                before,
                after,
            },
            log: Written {
                path: "/x/build.log".into(),
                tail: String::new(),
                compiled: Vec::new(),
            },
        };
        match judge(facts, &plan::tests::plan(Path::new("/")), allow) {
            Ok(package) => Some(package.verdict),
            Err(error) => {
                let not_built = error.downcast_ref::<NotBuilt>().unwrap();
                assert_eq!(not_built.verdict, Outcome::Recompiled);
                assert!(not_built.cause.is_some(), "{not_built}");
                None
            }
        }
    }

    #[test]
    fn only_what_was_allowed_is_written_where_something_was_made() {
        let same = [Some("1.5 /b/.built\nend\n"); 2];
        let other = [same[0], Some("2.5 /b/.built\nend\n")];
        let both = format!("{RUST}{PACKAGE}");
        for (log, stamps, refused, allowed) in [
            (PACKAGE, same, Some(Outcome::Cached), Outcome::Cached),
            (
                PACKAGE,
                [same[0], None],
                Some(Outcome::Unknown),
                Outcome::Unknown,
            ),
            ("", same, Some(Outcome::Unknown), Outcome::Unknown),
            (PACKAGE, other, None, Outcome::Recompiled),
            ("", other, None, Outcome::Recompiled),
            (&both, same, None, Outcome::Recompiled),
            (&both, other, None, Outcome::Recompiled),
        ] {
            assert_eq!(verdict(log, stamps, false), refused, "{log}{stamps:?}");
            assert_eq!(verdict(log, stamps, true), Some(allowed), "{log}{stamps:?}");
        }
    }
}
