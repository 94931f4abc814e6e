//! The double of OpenWrt's SDK (fixtures/sdk) is like the real one: its lines
//! have the shape of recorded ones, its stamps go by the same rules. What the
//! scanner says of its logs is held against what its stages did.

#[path = "support/sdk_story.rs"]
mod sdk_story;
#[path = "support/sdk_tree.rs"]
mod sdk_tree;
#[path = "support/shape.rs"]
mod shape;
mod support;

use std::path::Path;

use sdk_story::Story;
use sdk_tree::{ARCHIVE, HELLO, RECIPE, Tree};
use xtask::buildlog::{Cause, Verdict};

// How the stamps of these values of CONFIG_AUTOREMOVE end.
const UNSET: &str = "6664517399ebbbc92a37c5bb081b5c53";
const Y: &str = "18f1e190c5d53547fed41a3eaa76e9e9";
const N: &str = "be45f2727ac2fb6af057aef183f8797c";

fn nothing(_: &mut Tree) {}

fn newer_recipe(tree: &mut Tree) {
    tree.touch(&format!("{RECIPE}/Makefile"));
}

fn edited_recipe(tree: &mut Tree) {
    tree.edit(&format!("{RECIPE}/Makefile"), "# more\n");
}

fn edited_source(tree: &mut Tree) {
    tree.edit(&format!("{HELLO}/rsrc/src/main.rs"), "// more\n");
}

fn newer_archive(tree: &mut Tree) {
    tree.touch(ARCHIVE);
}

fn no_archive(tree: &mut Tree) {
    std::fs::remove_file(tree.path(ARCHIVE)).unwrap();
}

fn archive_again(tree: &mut Tree) {
    let mirror = tree.path(".double/mirror/rustc-1.90.0-src.tar.xz");
    std::fs::copy(mirror, tree.path(ARCHIVE)).unwrap();
}

fn unreachable_archive(tree: &mut Tree) {
    no_archive(tree);
    std::fs::remove_dir_all(tree.path(".double/mirror")).unwrap();
}

fn moved(tree: &mut Tree) {
    tree.rename("builder-moved");
}

fn image_layer(tree: &mut Tree) {
    tree.drop_digits();
}

fn failing(tree: &mut Tree) {
    newer_recipe(tree);
    std::fs::write(tree.path(".double/FAIL"), "").unwrap();
}

fn mended(tree: &mut Tree) {
    std::fs::remove_file(tree.path(".double/FAIL")).unwrap();
}

fn has_hello(verdict: &Verdict) -> bool {
    verdict.packages.iter().any(|name| name == "hello-rs")
}

/// The hash of the recipe in a stamp's name.
fn recipe(stamp: &str) -> &str {
    stamp.split_once('_').unwrap().0
}

/// CONFIG_AUTOREMOVE=y, as in a release's SDK.
#[test]
fn contents_count_with_autoremove() {
    let Some(mut story) = Story::new("y") else {
        return;
    };
    let s = &mut story;
    let extra = "CONFIG_HELLO_RS_EXTRA=y";
    assert!(has_hello(&s.made(
        "01-cold.log",
        &[],
        Cause::FirstBuild,
        &nothing
    )));
    let stamp = s.stamp(Y);
    assert!(!has_hello(&s.cached("02-noop.log", &[], &nothing)));
    assert!(has_hello(&s.cached("03-edit.log", &[], &edited_source)));
    assert!(has_hello(&s.cached(
        "07-config-change-content-mode.log",
        &[extra],
        &nothing
    )));
    assert!(!has_hello(&s.cached(
        "06b-dl-mtime-content-mode.log",
        &[extra],
        &newer_archive
    )));
    s.cached("no archive", &[extra], &no_archive);
    s.cached("archive again", &[extra], &archive_again);
    s.cached("image layer", &[extra], &image_layer);
    s.cached("moved", &[extra], &moved);
    assert_eq!(s.stamp(Y), stamp);

    s.made(
        "05b-feed-and-dl-mtime-content-mode.log",
        &[extra],
        Cause::FeedUpdated,
        &newer_recipe,
    );
    assert_eq!(s.stamp(Y), stamp, "no time is in the name");
    s.made("edited recipe", &[], Cause::FeedUpdated, &edited_recipe);
    let stamp = s.stamp(Y);

    for (what, value, confvar) in [
        ("04c-autoremove-y-to-literal-n-cmdline.log", "n", N),
        ("n to y", "y", Y),
        ("04-autoremove-y-to-n-cmdline.log", "", UNSET),
        ("unset to y", "y", Y),
    ] {
        let setting = format!("CONFIG_AUTOREMOVE={value}");
        s.made(what, &[&setting], Cause::StampRenamed, &nothing);
        let renamed = s.stamp(confvar);
        assert_eq!(recipe(&renamed) == recipe(&stamp), !value.is_empty());
        s.tree.baked_with(value);
    }

    s.failed("10-failed-xpy.log", true, &failing);
    s.made(
        "10c-recover-after-failure.log",
        &[],
        Cause::NotDetermined,
        &mended,
    );
    s.cached("13-noop-debug-r.log", &[], &nothing);
    has_real_lines(s);
}

#[test]
fn paths_and_times_count_without_autoremove() {
    let Some(mut story) = Story::new("") else {
        return;
    };
    let s = &mut story;
    assert!(has_hello(&s.made(
        "first",
        &[],
        Cause::FirstBuild,
        &nothing
    )));
    let first = s.stamp(UNSET);
    assert!(!has_hello(&s.cached("nothing", &[], &nothing)));
    assert!(has_hello(&s.cached("source", &[], &edited_source)));
    s.made("06-dl-mtime.log", &[], Cause::DownloadNewer, &newer_archive);
    assert_eq!(s.stamp(UNSET), first, "no archive is in the name");
    s.made("no archive", &[], Cause::DownloadNewer, &no_archive);
    s.made("05-feed-mtime.log", &[], Cause::FeedUpdated, &newer_recipe);
    let newer = s.stamp(UNSET);
    s.made(
        "08-path-change-mtime-mode.log",
        &[],
        Cause::PathChanged,
        &moved,
    );
    let moved = s.stamp(UNSET);
    s.made(
        "09a-docker-wholesec-mtime-mode.log",
        &[],
        Cause::MtimePrecisionLost,
        &image_layer,
    );
    let whole = s.stamp(UNSET);
    assert!(first != newer && newer != moved && moved != whole);

    let both = |tree: &mut Tree| {
        newer_recipe(tree);
        edited_source(tree);
    };
    s.made(
        "14-parallel-j2-feed-mtime.log",
        &["-j2"],
        Cause::FeedUpdated,
        &both,
    );
    s.failed("failing", true, &failing);
    s.made("mended", &[], Cause::NotDetermined, &mended);
    s.failed("unreachable archive", false, &unreachable_archive);
    has_real_lines(s);
}

/// Every line that was printed has the shape of one that the real build system
/// printed, and DEBUG=r only adds lines.
fn has_real_lines(story: &mut Story) {
    let reasons = story
        .logs
        .last()
        .unwrap()
        .text
        .contains("No need to rebuild");
    if reasons {
        let plain = story.tree.build(&[]).log;
        let last = sdk_story::without_reasons(&story.logs.last().unwrap().text);
        let shapes = |log: &str| -> Vec<String> {
            let top = story.tree.top.to_str().unwrap();
            log.lines().map(|line| shape::of(line, top)).collect()
        };
        assert_eq!(shapes(&plain), shapes(&last));
    }
    let Some(dir) = support::shared("buildlogs") else {
        return;
    };
    agrees_with_truth(story, &dir);
    let shapes = shape::recorded(&dir);
    let mut foreign = Vec::new();
    for log in &story.logs {
        for line in log.text.lines() {
            let shape = shape::of(line, &log.top);
            if !shapes.contains(&shape) {
                foreign.push(format!("{}: {line}\n    as {shape}", log.what));
            }
        }
    }
    assert!(
        foreign.is_empty(),
        "no recorded log has:\n{}",
        foreign.join("\n")
    );
}

/// What happened here is what happened when the same was done to the real one.
fn agrees_with_truth(story: &Story, dir: &Path) {
    let truth = std::fs::read_to_string(dir.join("TRUTH.tsv")).unwrap();
    let mut compared = 0;
    for log in &story.logs {
        let row = truth.lines().find_map(|line| {
            let rest = line.strip_prefix(&log.what)?.strip_prefix('\t')?;
            rest.split('\t')
                .collect::<Vec<_>>()
                .get(..3)
                .map(<[_]>::to_vec)
        });
        assert_eq!(row.is_some(), log.what.ends_with(".log"), "{}", log.what);
        let Some(row) = row else { continue };
        let verdict = log.cause.map_or("cached", |_| "recompiled");
        assert_eq!(
            row[..2],
            [verdict, log.cause.map_or("", Cause::name)],
            "{}",
            log.what
        );
        // The recorded tree was moved without the package's feed.
        if !log.what.starts_with("08-") {
            assert_eq!(row[2] == "yes", log.package, "{}", log.what);
        }
        compared += 1;
    }
    assert!(compared > 4, "{compared}");
}
