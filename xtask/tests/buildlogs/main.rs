//! The scanner against real build logs whose truth is known, and against what
//! becomes of them in other trees, releases, packages and CI systems.

mod logs;
#[path = "../support/mutate.rs"]
mod mutate;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use logs::{Log, cause_fits, folder, holds_or_unknown, logs, scan};
use serde_json::{Value, json};
use xtask::buildlog::{Baseline, Cause, Outcome, Scanner};

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

/// Only what is known as a compiler is evidence that nothing was rebuilt; that
/// something was is seen under every name.
#[test]
fn a_host_stage_that_is_no_compiler_proves_no_cache() {
    for log in logs() {
        let text = mutate::toolchain(&log.text, "python3", "Python-3.11.9");
        let verdict = scan(text.as_bytes(), None).verdict;
        match log.verdict {
            Outcome::Cached => assert_eq!(verdict, Outcome::Unknown, "{}", log.name),
            other => assert_eq!(verdict, other, "{}", log.name),
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
