//! The scanner and `xtask log` on logs written for the tests, which stand in a
//! bare clone, and on bytes that are no log.

mod support;

use serde_json::{Value, json};
use xtask::buildlog::{Baseline, Scanner, Verdict};

fn scan(text: &[u8], baseline: Option<Baseline>) -> Verdict {
    let mut scanner = Scanner::with_baseline(baseline);
    scanner.push(text);
    scanner.finish()
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

/// An image whose compiler is no stage of OpenWrt's: a build that ended without
/// visiting a stage made none.
#[test]
fn where_no_stage_was_baked_none_is_missed() {
    let bare = Baseline::parse(
        r#"{"schema": 1, "tree": "/builder", "autoremove": "y", "autorebuild": true, "stages": []}"#,
    )
    .unwrap();
    let verdict = |name: &str, edit: &dyn Fn(String) -> String| {
        let (_, text, _) = own().into_iter().find(|(own, ..)| own == name).unwrap();
        let text = edit(String::from_utf8(text).unwrap());
        let alone = scan(text.as_bytes(), None).verdict.name();
        (alone, scan(text.as_bytes(), Some(bare.clone())))
    };
    let as_it_is = |text: String| text;
    let (alone, found) = verdict("other-package.log", &as_it_is);
    assert_eq!((alone, found.verdict.name()), ("unknown", "cached"));
    assert!(!found.deciding.is_empty());

    let cut = |text: String| text[..text.find("time: ").unwrap()].to_owned();
    let (_, found) = verdict("other-package.log", &cut);
    assert_eq!(found.verdict.name(), "unknown", "cut before the end");

    let with_std = |text: String| {
        text.replace(
            "make[1]: Entering",
            "   Compiling core v0.0.0 (/x/library/core)\nmake[1]: Entering",
        )
    };
    let (_, found) = verdict("other-package.log", &with_std);
    assert_eq!(found.verdict.name(), "unknown", "the library is compiled");
    assert!(found.mend.unwrap().contains("core 0.0.0"));

    for name in ["blank.log", "quiet.log", "missing-include.log"] {
        let (_, found) = verdict(name, &as_it_is);
        assert_eq!(found.verdict.name(), "unknown", "{name}");
    }
    let (_, found) = verdict("cached-zig.log", &as_it_is);
    assert_eq!(found.verdict.name(), "cached");
    let (_, found) = verdict("newer-recipe-zig.log", &as_it_is);
    assert_eq!(found.verdict.name(), "recompiled");
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
