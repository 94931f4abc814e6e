//! Why a stage of the toolchain was made again. What the log cannot decide
//! stays undecided, with the causes that remain: a guess costs hours.

use super::baseline::{Baked, Baseline, Mtimes};
use super::cause::{Because, Cause};
use super::event::Rdep;
use super::facts::Facts;
use super::path;
use super::stage::{Newer, Stage};
use super::stamp::{Hashes, Mode};

/// Why the toolchain was made again: the cause of all its stages, if they
/// share one. `ended`: the log is all there is; a stage that did not end in it
/// may have failed.
pub fn of(facts: &Facts, baseline: Option<&Baseline>, ended: bool) -> Because {
    let ran = || facts.hosts().filter(|stage| stage.ran);
    if ran().any(|stage| stage.failed) {
        return Cause::StageFailed.into();
    }
    let mut all = ran().map(|stage| {
        let because = of_stage(stage, facts, baseline);
        if ended && facts.table.verbose && !stage.ended {
            let mut candidates = because.list();
            candidates.push(Cause::StageFailed);
            return Because::one_of(candidates);
        }
        because
    });
    let Some(first) = all.next() else {
        return Because::one_of(any());
    };
    all.fold(first, |sum, next| {
        if sum == next {
            sum
        } else {
            Because::one_of([sum.list(), next.list()].concat())
        }
    })
}

fn any() -> Vec<Cause> {
    use Cause::*;
    vec![
        FirstBuild,
        StampRenamed,
        MtimePrecisionLost,
        FeedUpdated,
        DownloadNewer,
        ConfigChanged,
        PathChanged,
        StageFailed,
    ]
}

fn of_stage(stage: &Stage, facts: &Facts, baseline: Option<&Baseline>) -> Because {
    // Reasons that the build itself gave.
    match (stage.newer, stage.rdep) {
        (Some(Newer::Recipe), _) | (_, Some(Rdep::Stale)) => return Cause::FeedUpdated.into(),
        (Some(Newer::Download), _) => return Cause::DownloadNewer.into(),
        (None, Some(Rdep::Fresh)) if stage.prepared_written => return Cause::DownloadNewer.into(),
        _ => {}
    }
    let prepares = stage.unpacked
        || stage.fetched
        || stage.prepared_written
        || stage.rdep == Some(Rdep::Missing);
    if !prepares && stage.worked && stage.visited {
        // It goes on after `.prepared…`: an earlier build did not end.
        return Because::one_of([Cause::StageFailed, Cause::FirstBuild]);
    }
    match baseline {
        Some(baseline) => match baseline.stage(stage) {
            Some(baked) => against(stage, baked, baseline, facts),
            None => Cause::FirstBuild.into(),
        },
        None => alone(stage, facts, prepares),
    }
}

/// What the log alone leaves possible.
fn alone(stage: &Stage, facts: &Facts, prepares: bool) -> Because {
    let hashes = stage.prepared.as_deref().and_then(Hashes::read);
    let autoremove = hashes.as_ref().and_then(Hashes::autoremove);
    let content = stage.removes || autoremove.is_some_and(|value| Mode::of(value) == Mode::Content);
    let renamed = stage.rdep == Some(Rdep::Missing);
    // A package that was looked at and left alone has its stamp: its name
    // covers CONFIG_AUTOREMOVE too, and where times count, the tree's path.
    let tree = stage
        .dir
        .as_deref()
        .and_then(|dir| path::tree(dir.as_bytes()));
    let in_tree = |package: &Stage| {
        let rest = package.recipe.as_deref().map(str::as_bytes);
        rest.zip(tree).is_some_and(|(dir, tree)| {
            dir.strip_prefix(tree)
                .is_some_and(|rest| rest.starts_with(b"/"))
        })
    };
    let same_mode = facts.idle_packages().next().is_some();
    let same_path = facts.idle_packages().any(in_tree);
    let possible = |cause: &Cause| match cause {
        Cause::StampRenamed => !same_mode,
        Cause::PathChanged => !content && !same_path,
        Cause::MtimePrecisionLost => !content,
        // Where contents count, archives do until the stage is built once.
        Cause::DownloadNewer => (!content || stage.fetched) && !renamed,
        // The hash of CONFIG_AUTOREMOVE alone covers nothing else.
        Cause::ConfigChanged => autoremove.is_none(),
        Cause::StageFailed => !prepares,
        _ => true,
    };
    Because::one_of(any().into_iter().filter(possible).collect::<Vec<_>>())
}

/// The log against what was baked.
fn against(stage: &Stage, baked: &Baked, baseline: &Baseline, facts: &Facts) -> Because {
    let not_first = |because: Because| {
        Because::one_of(
            because
                .list()
                .into_iter()
                .filter(|cause| *cause != Cause::FirstBuild)
                .collect::<Vec<_>>(),
        )
    };
    let same_source =
        stage.source == baked.source || stage.source.is_none() || baked.source.is_none();
    let names = stage
        .prepared
        .as_deref()
        .and_then(Hashes::read)
        .zip(Hashes::read(&baked.prepared));
    let Some((now, then)) = names else {
        return not_first(alone(stage, facts, true));
    };
    if now.confvar != then.confvar {
        return match now.autoremove() {
            Some(value) if value != baseline.autoremove => Cause::StampRenamed.into(),
            Some(_) => Cause::ConfigChanged.into(),
            // Packages' stamps cover CONFIG_AUTOREMOVE too: it is the same.
            None if facts.idle_packages().next().is_some() => Cause::ConfigChanged.into(),
            None => Because::one_of([Cause::StampRenamed, Cause::ConfigChanged]),
        };
    }
    let mode = Mode::of(&baseline.autoremove);
    if now.recipe == then.recipe && same_source {
        // The stamp that was baked is not there any more.
        if stage.rdep == Some(Rdep::Missing) {
            return Because::one_of([Cause::FirstBuild, Cause::StageFailed]);
        }
        return match mode {
            // The name holds all times: only the archive is left.
            Mode::Mtime => Cause::DownloadNewer.into(),
            // Downloads do not count once a stage is installed: one that
            // fetches its archive was not, whatever the manifest says.
            Mode::Content if stage.fetched => Because::one_of([
                Cause::FirstBuild,
                Cause::FeedUpdated,
                Cause::DownloadNewer,
                Cause::StageFailed,
            ]),
            Mode::Content if baseline.autorebuild => Cause::FeedUpdated.into(),
            Mode::Content => Because::one_of([Cause::FirstBuild, Cause::StageFailed]),
        };
    }
    match mode {
        Mode::Content => Cause::FeedUpdated.into(),
        Mode::Mtime => by_times(stage, baked, baseline, &now.recipe, same_source),
    }
}

/// Path and times make the name, and the name changed.
fn by_times(
    stage: &Stage,
    baked: &Baked,
    baseline: &Baseline,
    hash: &str,
    same_source: bool,
) -> Because {
    let tree = stage
        .dir
        .as_deref()
        .and_then(|dir| path::tree(dir.as_bytes()));
    let tree = tree.map(String::from_utf8_lossy);
    let moved = tree.as_deref().is_some_and(|tree| tree != baseline.tree);
    if !baked.files.is_empty() {
        let at = tree.as_deref().unwrap_or(&baseline.tree);
        let is = |whole| baked.hash(&baseline.tree, at, whole).as_deref() == Some(hash);
        return match (moved, is(false), is(true)) {
            (true, true, _) => Cause::PathChanged.into(),
            (true, false, true) => Because::one_of([Cause::PathChanged, Cause::MtimePrecisionLost]),
            (true, false, false) => Because::one_of([Cause::PathChanged, Cause::FeedUpdated]),
            (false, _, true) => Cause::MtimePrecisionLost.into(),
            (false, _, false) => Cause::FeedUpdated.into(),
        };
    }
    if moved {
        return Cause::PathChanged.into();
    }
    if !same_source || baked.feed_time.is_some_and(|time| time.nanos == 0) {
        return Cause::FeedUpdated.into();
    }
    match baseline.mtimes {
        Some(Mtimes::Kept) => Cause::FeedUpdated.into(),
        Some(Mtimes::WholeSeconds) if baked.feed_time.is_some() => Cause::MtimePrecisionLost.into(),
        _ => Because::one_of([Cause::FeedUpdated, Cause::MtimePrecisionLost]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scanner;
    use super::super::stamp::{FileTime, Time, find_md5};
    use super::*;

    const CONFVAR: &str = "6664517399ebbbc92a37c5bb081b5c53";

    /// The recipe's files with the tree at `tree`.
    fn files(tree: &str, whole: bool) -> Vec<FileTime> {
        let file = |name: &str, nanos| FileTime {
            path: format!("{tree}/feeds/x/zig{name}"),
            time: Time {
                seconds: 1_700_000_000,
                nanos: if whole { 0 } else { nanos },
            },
        };
        vec![file("", 5), file("/Makefile", 123_456_789)]
    }

    fn stamp(tree: &str, whole: bool) -> String {
        let hash = find_md5(files(tree, whole).into_iter());
        format!(".prepared{hash}_{CONFVAR}")
    }

    /// A stage that was made in `tree` under this stamp, against what was
    /// baked in `/b` with all digits of the times.
    fn because(tree: &str, prepared: &str, change: impl Fn(&mut Baseline)) -> Because {
        let mut baseline = Baseline {
            schema: 1,
            tree: "/b".into(),
            autoremove: String::new(),
            autorebuild: true,
            mtimes: None,
            stages: vec![Baked {
                name: "zig".into(),
                source: Some("zig-1.0".into()),
                prepared: stamp("/b", false),
                feed_time: None,
                download_time: None,
                files: files("/b", false),
            }],
        };
        change(&mut baseline);
        let dir = format!("{tree}/build_dir/hostpkg/zig-1.0");
        let mut scanner = Scanner::with_baseline(Some(baseline));
        scanner.push(format!("touch {dir}/{prepared}\ntouch {dir}/.built\n").as_bytes());
        let verdict = scanner.finish();
        Because {
            cause: verdict.cause.unwrap(),
            candidates: verdict.candidates,
        }
    }

    #[test]
    fn files_prove_what_changed() {
        let given = |tree: &str, prepared: &str| because(tree, prepared, |_| {}).cause;
        assert_eq!(given("/b", &stamp("/b", true)), Cause::MtimePrecisionLost);
        assert_eq!(given("/c", &stamp("/c", false)), Cause::PathChanged);
        assert_eq!(given("/b", &stamp("/other", false)), Cause::FeedUpdated);
        assert_eq!(given("/b", &stamp("/b", false)), Cause::DownloadNewer);
        let both = because("/c", &stamp("/c", true), |_| {});
        let candidates = vec![Cause::MtimePrecisionLost, Cause::PathChanged];
        assert_eq!(both, Because::one_of(candidates));
    }

    #[test]
    fn a_setting_in_the_name_changed() {
        let unknown = format!(".prepared{}_{}", "0".repeat(32), "1".repeat(32));
        let candidates = vec![Cause::StampRenamed, Cause::ConfigChanged];
        assert_eq!(because("/b", &unknown, |_| {}), Because::one_of(candidates));
        let toggled = format!(
            ".prepared{}_18f1e190c5d53547fed41a3eaa76e9e9",
            "0".repeat(32)
        );
        assert_eq!(because("/b", &toggled, |_| {}).cause, Cause::StampRenamed);
        let other = |baseline: &mut Baseline| baseline.stages[0].prepared = unknown.clone();
        assert_eq!(
            because("/b", &stamp("/b", false), other).cause,
            Cause::ConfigChanged
        );
    }

    #[test]
    fn without_files_flags_decide_or_nothing_does() {
        let name = format!(".prepared{}_{CONFVAR}", "0".repeat(32));
        let flags = |mtimes, nanos: Option<u32>| {
            because("/b", &name, |baseline| {
                baseline.mtimes = mtimes;
                baseline.stages[0].files.clear();
                baseline.stages[0].feed_time = nanos.map(|nanos| Time { seconds: 1, nanos });
            })
        };
        use super::super::baseline::Mtimes::{Kept, WholeSeconds};
        assert_eq!(flags(Some(Kept), Some(1)).cause, Cause::FeedUpdated);
        assert_eq!(
            flags(Some(WholeSeconds), Some(1)).cause,
            Cause::MtimePrecisionLost
        );
        assert_eq!(flags(Some(WholeSeconds), Some(0)).cause, Cause::FeedUpdated);
        let both = Because::one_of([Cause::MtimePrecisionLost, Cause::FeedUpdated]);
        assert_eq!(flags(None, Some(1)), both);
        assert_eq!(flags(Some(WholeSeconds), None), both);
        assert_eq!(
            because("/b", &name, |baseline| baseline.stages.clear()).cause,
            Cause::FirstBuild
        );
    }
}
