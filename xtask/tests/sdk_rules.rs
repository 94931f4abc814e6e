//! The double of OpenWrt's SDK (fixtures/sdk) is like the real one: its lines
//! have the shape of recorded ones, its stamps go by the same rules. What the
//! scanner says of its logs is held against what its stages did.

#[path = "support/sdk_tree.rs"]
mod sdk_tree;
#[path = "support/shape.rs"]
mod shape;
mod support;

use sdk_tree::{HELLO, RECIPE, Tree};
use xtask::buildlog::{Baseline, Cause, Outcome, Scanner, Verdict};

const UNSET: &str = "6664517399ebbbc92a37c5bb081b5c53";
const Y: &str = "18f1e190c5d53547fed41a3eaa76e9e9";
const N: &str = "be45f2727ac2fb6af057aef183f8797c";

fn scan(log: &str, baseline: Option<Baseline>) -> Verdict {
    let mut scanner = Scanner::with_baseline(baseline);
    scanner.push(log.as_bytes());
    scanner.finish()
}

/// A tree that lives through one change after another; every change is built
/// and judged.
struct Story {
    tree: Tree,
    /// What was done, the tree's path at that time, the log.
    logs: Vec<(String, String, String)>,
    debug: bool,
}

impl Story {
    fn new(autoremove: &str, debug: bool) -> Option<Self> {
        sdk_tree::tools().then(|| Self {
            tree: Tree::new(autoremove),
            logs: Vec::new(),
            debug,
        })
    }

    /// Changes something, builds, and holds the scanner's words against what
    /// happened: `None` is a toolchain that was left alone.
    fn step(
        &mut self,
        what: &str,
        args: &[&str],
        cause: Option<Cause>,
        change: impl Fn(&mut Tree),
    ) -> Verdict {
        let baseline = self.tree.baseline();
        change(&mut self.tree);
        let mut args = args.to_vec();
        args.extend(self.debug.then_some("DEBUG=r"));
        let run = self.tree.build(&args);
        let log = &run.log;
        let worked = cause.is_some() && what != "the archive cannot be had";
        assert_eq!(run.compiled, worked, "{what}: the stage\n{log}");
        let fails = cause == Some(Cause::StageFailed);
        assert_eq!(run.success, !fails, "{what}: make\n{log}");

        let outcome = match cause {
            Some(_) => Outcome::Recompiled,
            None => Outcome::Cached,
        };
        let alone = scan(log, None);
        assert_eq!(alone.verdict, outcome, "{what}: {alone:#?}\n{log}");
        let fits = alone.cause == cause
            || (alone.cause == Some(Cause::NotDetermined)
                && cause.is_some_and(|cause| alone.candidates.contains(&cause)));
        assert!(
            fits,
            "{what}: {:?} {:?}\n{log}",
            alone.cause, alone.candidates
        );
        let informed = scan(log, Some(baseline));
        assert_eq!(informed.verdict, outcome, "{what}: {informed:#?}");
        assert_eq!(informed.cause, cause, "{what}: {informed:#?}\n{log}");
        let top = self.tree.top.to_str().unwrap().to_owned();
        self.logs.push((what.to_owned(), top, run.log));
        informed
    }

    /// The one stamp that is there ends in this hash.
    fn stamp(&self, confvar: &str) -> String {
        let stamps = self.tree.stamps();
        assert_eq!(stamps.len(), 1, "{stamps:?}");
        assert!(stamps[0].ends_with(&format!("_{confvar}")), "{stamps:?}");
        stamps[0].clone()
    }
}

fn hello_was_made(verdict: &Verdict) -> bool {
    verdict.packages.iter().any(|name| name == "hello-rs")
}

fn makefile() -> String {
    format!("{RECIPE}/Makefile")
}

const ARCHIVE: &str = "dl/rustc-1.90.0-src.tar.xz";

/// CONFIG_AUTOREMOVE=y, as in a release's SDK: contents count.
fn contents(debug: bool) -> Option<Story> {
    let mut story = Story::new("y", debug)?;
    let s = &mut story;
    assert!(hello_was_made(&s.step(
        "first",
        &[],
        Some(Cause::FirstBuild),
        |_| {}
    )));
    let stamp = s.stamp(Y);
    assert!(!hello_was_made(&s.step("nothing", &[], None, |_| {})));
    let edit = |tree: &mut Tree| tree.edit(&format!("{HELLO}/rsrc/src/main.rs"), "// more\n");
    assert!(hello_was_made(&s.step(
        "the source is edited",
        &[],
        None,
        edit
    )));
    let set = ["CONFIG_HELLO_RS_EXTRA=y"];
    assert!(hello_was_made(&s.step(
        "a setting of the package",
        &set,
        None,
        |_| {}
    )));
    s.step("a newer archive", &set, None, |tree| tree.touch(ARCHIVE));
    s.step("an image layer", &set, None, |tree| tree.drop_digits());
    s.step("another path", &set, None, |tree| tree.rename("moved"));
    assert_eq!(s.stamp(Y), stamp);

    let updated = Some(Cause::FeedUpdated);
    s.step("a newer recipe", &set, updated, |tree| {
        tree.touch(&makefile())
    });
    assert_eq!(s.stamp(Y), stamp, "the name holds no time");
    s.step("another recipe", &set, updated, |tree| {
        tree.edit(&makefile(), "# more\n")
    });
    assert_ne!(s.stamp(Y), stamp);

    let renamed = Some(Cause::StampRenamed);
    s.step(
        "y to n",
        &[&set[..], &["CONFIG_AUTOREMOVE=n"]].concat(),
        renamed,
        |_| {},
    );
    let literal = s.stamp(N);
    s.tree.baked_with("n");
    s.step("n to y", &set, renamed, |_| {});
    assert_eq!(s.stamp(Y)[..41], literal[..41], "contents count in both");
    s.tree.baked_with("y");
    s.step(
        "y to unset",
        &[&set[..], &["CONFIG_AUTOREMOVE="]].concat(),
        renamed,
        |_| {},
    );
    assert_ne!(s.stamp(UNSET)[..41], literal[..41]);
    s.tree.baked_with("");
    s.step("unset to y", &set, renamed, |_| {});
    s.tree.baked_with("y");

    s.step("a failure", &set, Some(Cause::StageFailed), |tree| {
        tree.touch(&makefile());
        std::fs::write(tree.path(".double/FAIL"), "").unwrap();
    });
    s.step(
        "after the failure",
        &set,
        Some(Cause::NotDetermined),
        |tree| {
            std::fs::remove_file(tree.path(".double/FAIL")).unwrap();
        },
    );
    s.step("nothing at the end", &set, None, |_| {});
    Some(story)
}

/// CONFIG_AUTOREMOVE unset: paths and times count.
fn times(debug: bool) -> Option<Story> {
    let mut story = Story::new("", debug)?;
    let s = &mut story;
    s.step("first", &[], Some(Cause::FirstBuild), |_| {});
    let stamp = s.stamp(UNSET);
    assert!(!hello_was_made(&s.step("nothing", &[], None, |_| {})));
    let edit = |tree: &mut Tree| tree.edit(&format!("{HELLO}/rsrc/src/main.rs"), "// more\n");
    assert!(hello_was_made(&s.step(
        "the source is edited",
        &[],
        None,
        edit
    )));
    s.step("a newer archive", &[], Some(Cause::DownloadNewer), |tree| {
        tree.touch(ARCHIVE)
    });
    assert_eq!(s.stamp(UNSET), stamp, "an archive is not in the name");
    s.step("a newer recipe", &[], Some(Cause::FeedUpdated), |tree| {
        tree.touch(&makefile())
    });
    let newer = s.stamp(UNSET);
    assert_ne!(newer, stamp);
    s.step("another path", &[], Some(Cause::PathChanged), |tree| {
        tree.rename("moved")
    });
    let moved = s.stamp(UNSET);
    assert_ne!(moved, newer);
    s.step(
        "an image layer",
        &[],
        Some(Cause::MtimePrecisionLost),
        |tree| tree.drop_digits(),
    );
    assert_ne!(s.stamp(UNSET), moved);
    s.step(
        "unset to y",
        &["CONFIG_AUTOREMOVE=y"],
        Some(Cause::StampRenamed),
        |_| {},
    );
    s.stamp(Y);
    s.tree.baked_with("y");
    s.step("y to unset", &[], Some(Cause::StampRenamed), |_| {});
    s.tree.baked_with("");
    s.step("two at once", &["-j2"], Some(Cause::FeedUpdated), |tree| {
        tree.touch(&makefile());
        edit(tree);
    });
    s.step("a failure", &[], Some(Cause::StageFailed), |tree| {
        tree.touch(&makefile());
        std::fs::write(tree.path(".double/FAIL"), "").unwrap();
    });
    s.step(
        "after the failure",
        &[],
        Some(Cause::NotDetermined),
        |tree| {
            std::fs::remove_file(tree.path(".double/FAIL")).unwrap();
        },
    );
    s.step("a new download", &[], Some(Cause::DownloadNewer), |tree| {
        std::fs::remove_file(tree.path(ARCHIVE)).unwrap();
    });
    s.step(
        "the archive cannot be had",
        &[],
        Some(Cause::StageFailed),
        |tree| {
            std::fs::remove_file(tree.path(ARCHIVE)).unwrap();
            std::fs::remove_dir_all(tree.path(".double/mirror")).unwrap();
        },
    );
    Some(story)
}

/// Every line that was printed has the shape of one that the real build system
/// printed.
fn has_real_lines(story: Option<Story>) {
    let Some((story, dir)) = story.zip(support::shared("buildlogs")) else {
        return;
    };
    let shapes = shape::recorded(&dir);
    let mut foreign = Vec::new();
    for (what, top, log) in &story.logs {
        for line in log.lines() {
            let shape = shape::of(line, top);
            if !shapes.contains(&shape) {
                foreign.push(format!("{what}: {line}\n    as {shape}"));
            }
        }
    }
    assert!(
        foreign.is_empty(),
        "no recorded log has:\n{}",
        foreign.join("\n")
    );
}

#[test]
fn contents_count_with_autoremove() {
    has_real_lines(contents(false));
}

#[test]
fn contents_count_with_autoremove_and_make_says_why() {
    has_real_lines(contents(true));
}

#[test]
fn times_count_without_autoremove() {
    has_real_lines(times(false));
}

#[test]
fn times_count_without_autoremove_and_make_says_why() {
    has_real_lines(times(true));
}
