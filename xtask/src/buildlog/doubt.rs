//! What keeps a log from showing that nothing was made again.

use super::baseline::Baseline;
use super::compilers::is_compiler;
use super::facts::{Facts, notes};
use super::stage::{Note, Stage};

/// What is missing for `cached`, in words, and the lines that say so.
pub fn doubt(facts: &Facts, baseline: Option<&Baseline>) -> Option<(String, Vec<Note>)> {
    let table = &facts.table;
    let lines = |note: &Option<Note>| note.iter().cloned().collect::<Vec<_>>();
    let say = |mend: &str, lines| Some((mend.to_owned(), lines));
    if !facts.text {
        return say(
            "The log is empty: give the log of a build with V=s.",
            Vec::new(),
        );
    }
    if facts.unreadable.is_some() {
        return say(
            "Mend the Makefile that make could not read (an include that is missing, often ../../lang/rust/rust-package.mk of a feed that is not installed): the build stopped before it decided anything.",
            lines(&facts.unreadable),
        );
    }
    if let Some(stage) = facts.hosts().find(|stage| stage.failed) {
        return say(
            "A stage of the toolchain failed before it began: mend what its lines say.",
            stage.notes.clone(),
        );
    }
    // Where nothing was baked as a stage (a compiler that is no stage of
    // OpenWrt's), a build that visits none has made none.
    let none_baked = baseline.is_some_and(|baseline| baseline.stages.is_empty());
    if facts.hosts().next().is_none() {
        if facts.quiet.is_some() {
            return say(
                "Build with V=s: without it the log does not show what a stage does.",
                lines(&facts.quiet),
            );
        }
        if !(none_baked && facts.packages().any(|stage| stage.ended)) {
            return say(
                "No stage of a toolchain is in this log: it says nothing about one.",
                Vec::new(),
            );
        }
    }
    let library = |name: &&String| {
        let name = name.split(' ').next();
        matches!(name, Some("core" | "alloc" | "std"))
    };
    if let Some(name) = facts.crates.iter().find(library).filter(|_| none_baked) {
        return Some((
            format!(
                "cargo compiled the standard library ({name}): the one that was baked is not used."
            ),
            Vec::new(),
        ));
    }
    if let Some(stage) = facts.hosts().find(|stage| stage.doubt) {
        return say(
            "A line works in the toolchain's build directory in a way that is not known: look at it.",
            stage.notes.clone(),
        );
    }
    let unfinished = |stage: &&Stage| !(stage.fresh || (stage.visited && stage.ended));
    if let Some(stage) = facts.hosts().find(unfinished) {
        return say(
            "The log does not show how a stage of the toolchain ended: give the whole log of a build with V=s.",
            stage.notes.clone(),
        );
    }
    if table.is_open() || table.overflow {
        return say(
            "The log ends before the build did: give all of it.",
            Vec::new(),
        );
    }
    // A build that fails in a package has passed the package's toolchain.
    let failed: Vec<Note> = facts
        .packages()
        .filter(|stage| stage.failed)
        .flat_map(|stage| stage.notes.clone())
        .collect();
    if facts.build_failed && failed.is_empty() {
        return say(
            "The build failed, and not in a package: what it did not reach is not known.",
            Vec::new(),
        );
    }
    let compilers = || facts.hosts().any(|stage| is_compiler(&stage.short));
    if baseline.is_none() && !compilers() {
        let names: Vec<&str> = facts.hosts().map(|stage| stage.short.as_str()).collect();
        return Some((
            format!(
                "No stage in this log is known as a compiler ({}): name what was baked with --baseline.",
                names.join(", ")
            ),
            notes(facts.hosts()),
        ));
    }
    let missing = baseline.into_iter().flat_map(|baseline| {
        baseline.stages.iter().filter(|baked| {
            !facts.hosts().any(|stage| {
                baseline
                    .stage(stage)
                    .is_some_and(|found| found.name == baked.name)
            })
        })
    });
    let missing: Vec<&str> = missing.map(|baked| baked.name.as_str()).collect();
    if !missing.is_empty() {
        return Some((
            format!(
                "The log does not visit what was baked ({}): it says nothing about it.",
                missing.join(", ")
            ),
            Vec::new(),
        ));
    }
    None
}
