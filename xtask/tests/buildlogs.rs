//! The scanner against real build logs whose truth is known, and against what
//! becomes of them in other trees, releases, packages and CI systems.

#[path = "support/mutate.rs"]
mod mutate;
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use xtask::buildlog::{Baseline, Cause, Outcome, Scanner, Verdict};

/// A log with what really happened.
struct Log {
    name: String,
    text: String,
    verdict: Outcome,
    cause: Option<Cause>,
    /// `yes`, `no`, `no-failed`.
    package: String,
}

fn folder() -> Option<PathBuf> {
    support::shared("buildlogs")
}

fn logs() -> Vec<Log> {
    let Some(dir) = folder() else {
        return Vec::new();
    };
    let truth = std::fs::read_to_string(dir.join("TRUTH.tsv")).unwrap();
    let logs: Vec<Log> = truth
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let verdict = match cells[1] {
                "cached" => Outcome::Cached,
                "recompiled" => Outcome::Recompiled,
                _ => Outcome::Unknown,
            };
            let cause =
                (!cells[2].is_empty()).then(|| serde_json::from_value(json!(cells[2])).unwrap());
            let text = std::fs::read_to_string(dir.join(cells[0])).unwrap();
            Log {
                name: cells[0].into(),
                text,
                verdict,
                cause,
                package: cells[3].into(),
            }
        })
        .collect();
    assert!(logs.len() >= 23);
    logs
}

fn scan(text: &[u8], baseline: Option<Baseline>) -> Verdict {
    let mut scanner = Scanner::with_baseline(baseline);
    scanner.push(text);
    scanner.finish()
}

/// The cause is the truth's, or undecided with the truth among what remains.
fn cause_fits(verdict: &Verdict, truth: Option<Cause>) -> bool {
    verdict.cause == truth
        || (verdict.cause == Some(Cause::NotDetermined)
            && truth.is_some_and(|truth| {
                truth == Cause::NotDetermined || verdict.candidates.contains(&truth)
            }))
}

/// The verdict is the truth's or `unknown`; the cause fits.
fn holds_or_unknown(log: &Log, verdict: &Verdict, what: &str) {
    let name = &log.name;
    if verdict.verdict == Outcome::Unknown {
        assert_eq!(verdict.cause, None, "{name}, {what}");
        return;
    }
    assert_eq!(verdict.verdict, log.verdict, "{name}, {what}: {verdict:#?}");
    assert!(
        cause_fits(verdict, log.cause),
        "{name}, {what}: {:?} of {:?}",
        verdict.cause,
        verdict.candidates
    );
}

#[test]
fn verdict_and_cause_of_the_log_alone() {
    for log in logs() {
        let verdict = scan(log.text.as_bytes(), None);
        assert_eq!(verdict.verdict, log.verdict, "{}", log.name);
        assert!(
            cause_fits(&verdict, log.cause),
            "{}: {:?} {:?}",
            log.name,
            verdict.cause,
            verdict.candidates
        );
        assert_eq!(
            verdict.candidates.is_empty(),
            verdict.cause != Some(Cause::NotDetermined),
            "{}",
            log.name
        );
        let rebuilt = verdict.packages.iter().any(|name| name == "hello-rs");
        assert_eq!(
            rebuilt,
            log.package == "yes",
            "{}: {:?}",
            log.name,
            verdict.packages
        );
        for note in &verdict.deciding {
            let line = log.text.split('\n').nth(note.line as usize - 1).unwrap();
            let head: String = note.text.chars().take(40).collect();
            assert!(
                line.contains(&head),
                "{}:{} is {line:?}, not {head:?}",
                log.name,
                note.line
            );
        }
    }
}

/// What was baked before each log was made. No manifest was kept, so these are
/// put together from the other logs of the folder and from TRUTH's last column:
///
/// - Logs in "y mode": the name that 13-noop-debug-r.log speaks of; all of them
///   ran in one tree.
/// - Logs in "mtime mode" ran one after the other in copies of one tree: what
///   one log wrote, the next one found. 06 and 14 found what 13-feed wrote (06
///   writes the same name again), 13-feed what 05 wrote, 05 what 04 wrote, 08
///   what 06 wrote; 09a what 09b speaks of, which was imported from the same
///   tree with all digits of its times.
/// - `mtimes` and `autorebuild` are what TRUTH says of the import, and the
///   SDK's default.
fn baseline(log: &Log) -> Baseline {
    let from = match log.name.split(['-', '.']).next().unwrap() {
        "01" => None,
        "02d" => Some("02d-noop-mtime-mode-250k-files-warm-25.log"),
        "05" => Some("04-autoremove-y-to-n-cmdline.log"),
        "06" | "14" => Some("13-feed-mtime-debug-r.log"),
        "08" => Some("06-dl-mtime.log"),
        "09a" | "09b" => Some("09b-docker-import-pax-mtime-mode.log"),
        "13" if log.name.contains("feed") => Some("05-feed-mtime.log"),
        _ => Some("13-noop-debug-r.log"),
    };
    let stages = from.map_or(json!([]), |from| {
        let text = std::fs::read_to_string(folder().unwrap().join(from)).unwrap();
        let at = text.find("-src/.prepared").unwrap();
        let dir = text[..at].rfind('/').unwrap();
        let prepared = text[at + 5..].split_whitespace().next().unwrap();
        json!([{
            "name": "rust", "source": format!("{}-src", &text[dir + 1..at]), "prepared": prepared,
            // Any time with digits below the second: a clone's.
            "feed_time": "1795372970.982796644",
        }])
    });
    let content = stages[0]["prepared"]
        .as_str()
        .is_none_or(|name| name.ends_with("_18f1e190c5d53547fed41a3eaa76e9e9"));
    let whole = log.name.contains("wholesec");
    let manifest = json!({
        "schema": 1, "tree": "/builder", "autoremove": if content { "y" } else { "" }, "autorebuild": true,
        "mtimes": if whole { "whole-seconds" } else { "kept" }, "stages": stages,
    });
    Baseline::parse(&manifest.to_string()).unwrap()
}

#[test]
fn the_cause_is_the_truth_with_a_baseline() {
    for log in logs() {
        let verdict = scan(log.text.as_bytes(), Some(baseline(&log)));
        assert_eq!(
            (verdict.verdict, verdict.cause),
            (log.verdict, log.cause),
            "{}: {:?}",
            log.name,
            verdict.candidates
        );
    }
}

#[test]
fn a_baseline_that_says_less_never_misleads() {
    for log in logs() {
        let full = baseline(&log);
        for leave_out in 0..3 {
            let mut less = full.clone();
            if leave_out != 1 {
                less.mtimes = None;
            }
            for stage in &mut less.stages {
                if leave_out != 0 {
                    stage.feed_time = None;
                }
                if leave_out == 2 {
                    stage.source = None;
                }
            }
            let verdict = scan(log.text.as_bytes(), Some(less));
            assert_eq!(verdict.verdict, log.verdict, "{}", log.name);
            assert!(
                cause_fits(&verdict, log.cause),
                "{}: {:?} {:?}",
                log.name,
                verdict.cause,
                verdict.candidates
            );
        }
    }
}

#[test]
fn what_was_baked_and_is_not_visited_is_unknown() {
    for log in logs() {
        let mut other = baseline(&log);
        let Some(mut stage) = other.stages.first().cloned() else {
            continue;
        };
        (stage.name, stage.source) = ("zig".into(), Some("zig-0.13.0".into()));
        other.stages.push(stage);
        let verdict = scan(log.text.as_bytes(), Some(other));
        assert_ne!(verdict.verdict, Outcome::Cached, "{}", log.name);
    }
}

#[test]
fn in_other_trees_releases_and_ci_systems_the_verdict_is_the_same() {
    for log in logs() {
        for (what, mutate) in mutate::SAME {
            let verdict = scan(&mutate(&log.text), None);
            assert_eq!(
                verdict.verdict, log.verdict,
                "{}, {what}: {verdict:#?}",
                log.name
            );
            assert!(
                cause_fits(&verdict, log.cause),
                "{}, {what}: {:?} of {:?}",
                log.name,
                verdict.cause,
                verdict.candidates
            );
        }
    }
}

#[test]
fn two_changes_at_once() {
    for log in logs() {
        for (first, one) in mutate::SAME {
            // A prefix comes last, around everything else.
            for (second, other) in mutate::PREFIXES {
                let Ok(text) = String::from_utf8(one(&log.text)) else {
                    continue;
                };
                if mutate::PREFIXES.iter().any(|(name, _)| name == first) {
                    continue;
                }
                let verdict = scan(&other(&text), None);
                assert_eq!(
                    verdict.verdict, log.verdict,
                    "{}, {first}, {second}",
                    log.name
                );
            }
        }
    }
}

#[test]
fn a_log_that_is_cut_says_the_same_or_nothing() {
    for log in logs() {
        let baseline = baseline(&log);
        let mut scanner = Scanner::default();
        let mut informed = Scanner::with_baseline(Some(baseline));
        for (number, line) in log.text.split_inclusive('\n').enumerate() {
            let whole = number + 1 == log.text.lines().count();
            for scanner in [&mut scanner, &mut informed] {
                scanner.push(line.as_bytes());
                let verdict = scanner.verdict();
                holds_or_unknown(&log, &verdict, &format!("cut after line {}", number + 1));
                assert!(
                    whole || verdict.verdict != Outcome::Cached,
                    "{} is not ended at line {}",
                    log.name,
                    number + 1
                );
            }
            assert!(
                scanner.began().is_none() || log.verdict == Outcome::Recompiled,
                "{}",
                log.name
            );
        }
        assert_eq!(
            scanner.began().is_some(),
            log.verdict == Outcome::Recompiled,
            "{}",
            log.name
        );
        // In the middle of a line, and with the head missing.
        for at in (0..log.text.len()).step_by(97) {
            holds_or_unknown(
                &log,
                &scan(&log.text.as_bytes()[..at], None),
                &format!("cut after byte {at}"),
            );
            let tail = scan(&log.text.as_bytes()[at..], None);
            if tail.verdict != Outcome::Unknown {
                assert_eq!(tail.verdict, log.verdict, "{} from byte {at} on", log.name);
            }
        }
    }
}

#[test]
fn a_line_that_is_lost_hides_no_rebuild() {
    for log in logs().iter().filter(|log| log.verdict != Outcome::Cached) {
        let lines: Vec<&str> = log.text.split_inclusive('\n').collect();
        for lost in 0..lines.len() {
            let text = [&lines[..lost], &lines[lost + 1..]].concat().concat();
            let verdict = scan(text.as_bytes(), None);
            assert_ne!(
                verdict.verdict,
                Outcome::Cached,
                "{} without line {}",
                log.name,
                lost + 1
            );
        }
    }
}

#[test]
fn a_rebuild_is_seen_before_the_compiler_compiles() {
    for log in logs()
        .iter()
        .filter(|log| log.verdict == Outcome::Recompiled)
    {
        let mut scanner = Scanner::default();
        let lines = log.text.split_inclusive('\n');
        for line in lines.take_while(|line| !line.starts_with("Building bootstrap")) {
            scanner.push(line.as_bytes());
        }
        let begun = scanner
            .began()
            .unwrap_or_else(|| panic!("{} is not seen", log.name));
        assert!(
            begun.stage.contains("rust"),
            "{}: {}",
            log.name,
            begun.stage
        );
    }
}

#[test]
fn the_stages_of_a_parallel_build_are_told_apart() {
    for log in logs() {
        let verdict = scan(log.text.as_bytes(), None);
        let names: BTreeMap<&str, bool> = verdict
            .stages
            .iter()
            .map(|row| (row.name.as_str(), row.ran))
            .collect();
        assert_eq!(names.len(), verdict.stages.len(), "{}: {names:?}", log.name);
        let rust = names.get("package/feeds/packages/rust/host-compile");
        assert_eq!(
            rust.copied(),
            Some(log.verdict == Outcome::Recompiled),
            "{}: {names:?}",
            log.name
        );
    }
}

#[test]
fn json_has_its_keys() {
    let keys = [
        "candidates",
        "cause",
        "deciding",
        "dependencies",
        "mend",
        "packages",
        "stages",
        "verdict",
    ];
    for log in logs() {
        let value: Value = serde_json::to_value(scan(log.text.as_bytes(), None)).unwrap();
        let found: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(found, keys, "{}", log.name);
        for stage in value["stages"].as_array().unwrap() {
            let found: Vec<&String> = stage.as_object().unwrap().keys().collect();
            assert_eq!(found, ["first_line", "last_line", "name", "ran", "seconds"]);
        }
    }
}

/// The logs written for the tests: they stand in a bare clone.
fn own() -> Vec<(String, Vec<u8>, Value)> {
    let dir = support::root().join("xtask/tests/fixtures/buildlogs");
    let truth = std::fs::read_to_string(dir.join("TRUTH.tsv")).unwrap();
    let read = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let text = std::fs::read(dir.join(cells[0])).unwrap();
        let truth = json!({ "verdict": cells[1], "cause": cells[2], "candidate": cells[3] });
        (cells[0].to_owned(), text, truth)
    };
    truth.lines().skip(1).map(read).collect()
}

#[test]
fn own_logs_have_their_verdicts() {
    for (name, text, truth) in own() {
        let verdict = serde_json::to_value(scan(&text, None)).unwrap();
        assert_eq!(verdict["verdict"], truth["verdict"], "{name}: {verdict:#}");
        assert_eq!(
            verdict["cause"].as_str().unwrap_or_default(),
            truth["cause"],
            "{name}: {verdict:#}"
        );
        let candidate = &truth["candidate"];
        let candidates = verdict["candidates"].as_array().unwrap();
        assert!(
            candidate == "" || candidates.contains(candidate),
            "{name}: {candidates:?}"
        );
        assert!(
            truth["verdict"] == "cached" || verdict["mend"].is_string(),
            "{name} says what to do"
        );
    }
}

#[test]
fn steps_of_an_image() {
    for (name, text, _) in own()
        .into_iter()
        .filter(|(name, ..)| name.starts_with("image-"))
    {
        let verdict = serde_json::to_value(scan(&text, None)).unwrap();
        let last = verdict["image_steps"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone();
        let expected = match name.as_str() {
            "image-ran.log" => json!(["ran", 611.4]),
            "image-classic.log" => json!(["ran", null]),
            _ => json!(["cached", null]),
        };
        assert_eq!(json!([last["state"], last["seconds"]]), expected, "{name}");
        assert!(
            last["name"].as_str().unwrap().contains("RUN"),
            "{name}: {last}"
        );
    }
}

/// The result of a log in pieces of these lengths, over and over.
fn in_pieces(text: &[u8], lengths: &[usize]) -> Value {
    let mut scanner = Scanner::default();
    let (mut rest, mut lengths) = (text, lengths.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*lengths.next().unwrap()).clamp(1, rest.len()));
        scanner.push(piece);
        rest = after;
    }
    serde_json::to_value(scanner.finish()).unwrap()
}

#[test]
fn pieces_of_any_size_give_the_same_report() {
    for (name, text, _) in own() {
        let whole = in_pieces(&text, &[text.len()]);
        for length in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(
                in_pieces(&text, &[length]),
                whole,
                "{name} in pieces of {length}"
            );
        }
        // A progress display between all lines.
        let progress = String::from_utf8(text)
            .unwrap()
            .replace('\n', "\r\n 5%\r 9%\r\n");
        let whole = in_pieces(progress.as_bytes(), &[progress.len()]);
        assert_eq!(
            in_pieces(progress.as_bytes(), &[5]),
            whole,
            "{name} with CR"
        );
    }
}

/// Pieces of lines that mean something, in any order, and any bytes.
fn any_log() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::collection::vec;
    use proptest::prelude::*;
    const WORDS: [&[u8]; 40] = [
        b"make[2]: Entering directory '",
        b"make[2]: Leaving directory '",
        b"make: *** [",
        b"] Error 1",
        b"'",
        b"\n",
        b"\r\n",
        b"\r",
        b"touch ",
        b"/t/build_dir/hostpkg/zig-1/",
        b"/t/build_dir/target-x/host/rustc-1-src/",
        b"/t/build_dir/target-x/p-1/",
        b".prepared0123_abcd",
        b".prepared_0123_abcd",
        b".configured",
        b".built",
        b"_check",
        b"/t/staging_dir/hostpkg/stamp/.zig_installed",
        b"time: package/feeds/x/zig/host-compile#1.0#2.0#3.0",
        b"No need to rebuild ",
        b"Need to rebuild ",
        b"Target ",
        b" not built",
        b"Prerequisite '",
        b"' is newer than target '",
        b"Must remake target '",
        b"ERROR: package/feeds/x/zig [host] failed to build.",
        b"\x1b[32m",
        b"\x1b_bk;t=1\x07",
        b"2026-01-02T03:04:05.1Z ",
        b"[a/b]   | ",
        b"#12 3.4 ",
        b"#12 [a 1/2] RUN make package/x/host/compile",
        b"#12 CACHED",
        b"#12 DONE 1.0s",
        b"Step 1/2 : RUN x",
        b" ---> Using cache",
        b"[internal]",
        b"\xff\xfe",
        b"\0",
    ];
    let word = prop_oneof![
        8 => (0..WORDS.len()).prop_map(|at| WORDS[at].to_vec()),
        1 => vec(any::<u8>(), 0..12),
    ];
    vec(word, 0..60).prop_map(|words| words.concat())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 1500, ..Default::default() })]

    #[test]
    fn any_bytes_in_any_pieces_give_one_report(log in any_log(), lengths in proptest::collection::vec(1_usize..40, 1..6)) {
        let whole = in_pieces(&log, &[log.len().max(1)]);
        proptest::prop_assert_eq!(in_pieces(&log, &lengths), whole.clone());
        // Fail closed: something must have been visited and left.
        if whole["verdict"] == "cached" {
            proptest::prop_assert!(!whole["stages"].as_array().unwrap().is_empty() || !whole["image_steps"].is_null());
        }
    }
}

fn log_command(args: &[&str]) -> (i32, String, String) {
    let output = support::xtask().arg("log").args(args).output().unwrap();
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes).replace(&support::root().display().to_string(), "ROOT")
    };
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn own_path(name: &str) -> String {
    support::root()
        .join("xtask/tests/fixtures/buildlogs")
        .join(name)
        .display()
        .to_string()
}

#[test]
fn the_exit_code_is_the_verdict() {
    for (name, _, truth) in own() {
        let (code, out, _) = log_command(&[&own_path(&name), "--json"]);
        let expected = match truth["verdict"].as_str().unwrap() {
            "cached" => 0,
            "recompiled" => 1,
            _ => 3,
        };
        assert_eq!(code, expected, "{name}");
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["verdict"], truth["verdict"], "{name}");
    }
    let (code, out, err) = log_command(&["/nonexistent/build.log", "--json"]);
    assert_eq!(code, 3);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap()["verdict"],
        "unknown"
    );
    assert!(
        err.starts_with("error: open /nonexistent/build.log\n"),
        "{err}"
    );
    assert_eq!(log_command(&[]).0, 2);
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("baked.json");
    std::fs::write(&manifest, r#"{"schema": 1, "trees": "/b"}"#).unwrap();
    let (code, out, err) = log_command(&[
        &own_path("cached-zig.log"),
        "--baseline",
        manifest.to_str().unwrap(),
    ]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("did you mean `tree`?"), "{err}");
}

#[test]
fn standard_input_and_drawing() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let svg = dir.path().join("stages.svg");
    let mut child = support::xtask()
        .args(["log", "-", "--svg"])
        .arg(&svg)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&std::fs::read(own_path("newer-recipe-zig.log")).unwrap())
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let drawing = std::fs::read_to_string(&svg).unwrap();
    assert!(
        drawing.contains("prefers-color-scheme: dark") && drawing.contains("4021.5 s"),
        "{drawing}"
    );
}

#[test]
fn what_people_read() {
    for (name, expected) in [
        (
            "cached-zig.log",
            include_str!("fixtures/buildlogs/expected/cached-zig.txt"),
        ),
        (
            "newer-recipe-zig.log",
            include_str!("fixtures/buildlogs/expected/newer-recipe-zig.txt"),
        ),
        (
            "renamed-zig.log",
            include_str!("fixtures/buildlogs/expected/renamed-zig.txt"),
        ),
        (
            "missing-include.log",
            include_str!("fixtures/buildlogs/expected/missing-include.txt"),
        ),
        (
            "image-classic.log",
            include_str!("fixtures/buildlogs/expected/image-classic.txt"),
        ),
    ] {
        assert_eq!(log_command(&[&own_path(name)]).1, expected, "{name}");
    }
}
