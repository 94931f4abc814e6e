use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const TEXT: &str = r#"{
  "a\u0062": {"x}": "\"]", "é": 1, "y": [1, {"z": null}, "q"]},
  "last": true
}"#;

fn path(steps: &[&str]) -> Path {
    Path(
        steps
            .iter()
            .map(|step| match step.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Key((*step).to_owned()),
            })
            .collect(),
    )
}

fn at(steps: &[&str]) -> (usize, usize) {
    let position = locate(TEXT, &path(steps));
    (position.line, position.column)
}

#[test]
fn locates_values() {
    assert_eq!(at(&[]), (1, 1));
    assert_eq!(at(&["ab"]), (2, 14));
    assert_eq!(at(&["ab", "y"]), (2, 41));
    assert_eq!(at(&["ab", "y", "0"]), (2, 42));
    assert_eq!(at(&["ab", "y", "1", "z"]), (2, 51));
    assert_eq!(at(&["ab", "y", "2"]), (2, 58));
    assert_eq!(at(&["last"]), (3, 11));
}

#[test]
fn locates_the_nearest_parent_of_what_is_missing() {
    assert_eq!(at(&["none"]), (1, 1));
    assert_eq!(at(&["ab", "none"]), (2, 14));
    assert_eq!(at(&["ab", "y", "3"]), (2, 41));
    assert_eq!(at(&["last", "deeper"]), (3, 11));
}

#[derive(Debug, Deserialize)]
struct Outer {
    #[expect(dead_code)]
    inner: Vec<Inner>,
}

#[derive(Debug, Deserialize)]
struct Inner {
    #[expect(dead_code)]
    number: u8,
}

fn error(text: &str) -> String {
    let error = parse::<Outer>(text, |_, _| false).unwrap_err();
    let Position { line, column } = error.position;
    format!("{line}:{column}: {}: {}", error.path, error.message)
}

#[test]
fn errors_name_position_and_path() {
    assert_eq!(
        error("{\"inner\": [\n {\"number\": 1},\n {\"number\": 256}]}"),
        "3:13: inner[1].number: invalid value: integer `256`, expected u8"
    );
    assert_eq!(
        error("{\"inner\": [\n {}]}"),
        "2:2: inner[0].number: missing field `number`"
    );
    assert_eq!(
        error("{\"inner\": [],\n \"inner\": []}"),
        "2:8: inner: duplicate field `inner`"
    );
    assert_eq!(error("{\n\"inner\": [}"), "2:11: inner[0]: expected value");
    assert_eq!(error("{\"inner\": []}\n x"), "2:2: : trailing characters");
    assert_eq!(error(""), "1:1: : EOF while parsing a value");
}

#[test]
fn unknown_keys_are_listed() {
    let text = "{\"inner\": [{\"number\": 1,\n  \"nummer\": {\"a\": 1}}], \"top\": 2}";
    let (_, unknown) = parse::<Outer>(text, |_, _| false).unwrap();
    let unknown: Vec<_> = unknown
        .iter()
        .map(|path| {
            let Position { line, column } = locate_key(text, path);
            format!("{line}:{column} {path}")
        })
        .collect();
    assert_eq!(unknown, ["2:3 inner[0].nummer", "2:25 top"]);
}

#[test]
fn the_same_key_twice_is_an_error_at_any_depth() {
    assert_eq!(
        error("{\"inner\": [], \"x\":\n[{\"y\": 1, \"y\": 1}]}"),
        "2:13: x[0].y: duplicate field `y`"
    );
}

#[test]
fn unset_members_are_as_if_they_were_not_there() {
    let text = r#"{"inner": [{"number": null}, null], "x": {"y": null}}"#;
    let unset = |path: &Path, value: &Value| value.is_null() && path.to_string() != "x.y";
    let error = parse::<Outer>(text, unset).unwrap_err();
    assert_eq!(error.message, "missing field `number`");
    assert!(error.is_json);
    // An element of a list keeps its place.
    let text = r#"{"inner": [null]}"#;
    let error = parse::<Outer>(text, |_, value| value.is_null()).unwrap_err();
    assert_eq!(error.path.to_string(), "inner[0]");
}

#[test]
fn patterns_leave_indexes_out() {
    let path = path(&["accepted_mints", "12", "url"]);
    assert_eq!(path.to_string(), "accepted_mints[12].url");
    assert_eq!(path.pattern(), "accepted_mints[].url");
}

proptest! {
    #[test]
    fn never_panics(text in "[\\[\\]{}\":,\\\\a-b0-9 é\n]{0,60}", steps in prop::collection::vec("[ab01é]", 0..4)) {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        locate(&text, &path(&steps));
        let _ = parse::<Outer>(&text, |_, _| true);
    }

    #[test]
    fn finds_what_serde_json_finds(value in json(3)) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        check(&text, &value, &Path::default());
    }
}

fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        "\\PC{0,8}|[\"\\\\\n{}]{1,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\\n]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every value of a document is found where it begins.
fn check(text: &str, value: &serde_json::Value, path: &Path) {
    let position = locate(text, path);
    let mut lines = text.split('\n').skip(position.line - 1);
    let first: String = lines
        .next()
        .unwrap()
        .chars()
        .skip(position.column - 1)
        .collect();
    let rest: Vec<&str> = lines.collect();
    let rest = format!("{first}\n{}", rest.join("\n"));
    let found = serde_json::Deserializer::from_str(&rest)
        .into_iter::<serde_json::Value>()
        .next();
    assert_eq!(&found.unwrap().unwrap(), value, "at {path}");
    match value {
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(text, item, &path.index(index));
            }
        }
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                check(text, member, &path.key(key));
            }
        }
        _ => {}
    }
}
