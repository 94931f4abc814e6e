//! A tree that lives through one change after another. Every change is built,
//! and what the scanner says of the log is held against what happened.
#![allow(dead_code)]

use xtask::buildlog::{Baseline, Cause, Outcome, Scanner, Verdict};

use super::sdk_tree::{self, Run, Tree};

pub struct Story {
    pub tree: Tree,
    pub logs: Vec<Log>,
}

/// What a step did and printed.
pub struct Log {
    /// A name, or the recorded log that it repeats.
    pub what: String,
    /// Why the toolchain was made again.
    pub cause: Option<Cause>,
    /// The package was.
    pub package: bool,
    /// The tree's path at that time.
    pub top: String,
    pub text: String,
}

type Change<'a> = &'a dyn Fn(&mut Tree);

impl Story {
    pub fn new(autoremove: &str) -> Option<Self> {
        sdk_tree::tools().then(|| Self {
            tree: Tree::new(autoremove),
            logs: Vec::new(),
        })
    }

    /// A change that leaves the toolchain alone.
    pub fn cached(&mut self, what: &str, args: &[&str], change: Change) -> Verdict {
        let (run, verdict) = self.step(what, args, None, change);
        assert!(run.success && !run.compiled, "{what}: {}", run.log);
        verdict
    }

    /// One that has it made again.
    pub fn made(&mut self, what: &str, args: &[&str], cause: Cause, change: Change) -> Verdict {
        let (run, verdict) = self.step(what, args, Some(cause), change);
        assert!(run.success && run.compiled, "{what}: {}", run.log);
        verdict
    }

    /// One that has it begun again, but not ended.
    pub fn failed(&mut self, what: &str, compiled: bool, change: Change) {
        let (run, _) = self.step(what, &[], Some(Cause::StageFailed), change);
        assert!(!run.success, "{what}: {}", run.log);
        assert_eq!(run.compiled, compiled, "{what}: {}", run.log);
    }

    fn step(
        &mut self,
        what: &str,
        args: &[&str],
        cause: Option<Cause>,
        change: Change,
    ) -> (Run, Verdict) {
        let baseline = self.tree.baseline();
        change(&mut self.tree);
        // What make would do is known before.
        let would = self.tree.would_compile(args);
        assert_eq!(would, cause.is_some(), "{what}: make -q");
        let run = self.tree.build(&[args, &["DEBUG=r"]].concat());
        let verdict = judge(what, &run.log, &baseline, cause);
        judge(what, &without_reasons(&run.log), &baseline, cause);
        self.logs.push(Log {
            what: what.to_owned(),
            cause,
            package: verdict.packages.iter().any(|name| name == "hello-rs"),
            top: self.tree.top.to_str().unwrap().to_owned(),
            text: run.log.clone(),
        });
        (run, verdict)
    }

    /// The one stamp that is there; it ends in this hash.
    pub fn stamp(&self, confvar: &str) -> String {
        let stamps = self.tree.stamps();
        assert_eq!(stamps.len(), 1, "{stamps:?}");
        assert!(stamps[0].ends_with(&format!("_{confvar}")), "{stamps:?}");
        stamps[0].clone()
    }
}

/// The log alone gives the verdict, and the cause or candidates with it; with
/// what was baked the cause is exact.
fn judge(what: &str, log: &str, baseline: &Baseline, cause: Option<Cause>) -> Verdict {
    let outcome = match cause {
        Some(_) => Outcome::Recompiled,
        None => Outcome::Cached,
    };
    let alone = scan(log, None);
    assert_eq!(alone.verdict, outcome, "{what}: {alone:#?}\n{log}");
    let fits = match alone.cause {
        Some(Cause::NotDetermined) => cause.is_some_and(|cause| {
            cause == Cause::NotDetermined || alone.candidates.contains(&cause)
        }),
        said => said == cause,
    };
    assert!(fits, "{what}: {cause:?}, not {alone:#?}\n{log}");
    let informed = scan(log, Some(baseline.clone()));
    assert_eq!(informed.verdict, outcome, "{what}: {informed:#?}\n{log}");
    assert_eq!(informed.cause, cause, "{what}: {informed:#?}\n{log}");
    informed
}

fn scan(log: &str, baseline: Option<Baseline>) -> Verdict {
    let mut scanner = Scanner::with_baseline(baseline);
    scanner.push(log.as_bytes());
    scanner.finish()
}

/// The log as it is without DEBUG=r.
pub fn without_reasons(log: &str) -> String {
    let reason = |line: &str| {
        line.starts_with("No need to rebuild ")
            || line.starts_with("Need to rebuild ")
            || line.starts_with("Target ") && line.ends_with(" not built")
            || line.contains("/scripts/time.pl \"time: ")
    };
    let lines = log.split_inclusive('\n');
    lines.filter(|line| !reason(line.trim_end())).collect()
}
