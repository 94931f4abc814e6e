//! Changes one value of a text, and leaves everything else as it was written.

use std::ops::Range;

use super::locate::Walker;
use super::{Path, Step};

/// The text of the value at `path`, if the document has it.
pub fn value_at<'a>(text: &'a str, path: &Path) -> Option<&'a str> {
    text.get(span(text, path)?)
}

fn span(text: &str, path: &Path) -> Option<Range<usize>> {
    let mut walker = Walker { text, at: 0 };
    walker.skip_space();
    for step in &path.0 {
        walker.at = walker.enter(step)?.value;
    }
    let start = walker.at;
    walker.skip_value()?;
    Some(start..walker.at)
}

/// Puts `value`, which is JSON, at `path` of the JSON document `text`. What is
/// missing above it is made. `None` where the path leads nowhere: into a value
/// that is no object or list, or beyond the end of a list.
pub fn set(text: &str, path: &Path, value: &str) -> Option<String> {
    if let Some(span) = span(text, path) {
        return Some(format!(
            "{}{value}{}",
            &text[..span.start],
            &text[span.end..]
        ));
    }
    // The deepest part of the path that is there.
    let depth = (0..path.0.len())
        .rev()
        .find(|depth| span(text, &Path(path.0[..*depth].to_vec())).is_some())?;
    let (above, missing) = path.0.split_at(depth);
    let container = span(text, &Path(above.to_vec()))?;
    insert(text, container, missing, value)
}

/// Adds a member to an object, or an element to the end of a list.
fn insert(text: &str, container: Range<usize>, missing: &[Step], value: &str) -> Option<String> {
    let (first, deeper) = missing.split_first()?;
    let mut member = value.to_owned();
    for step in deeper.iter().rev() {
        member = match step {
            Step::Key(key) => format!("{{{}: {member}}}", quoted(key)?),
            Step::Index(0) => format!("[{member}]"),
            Step::Index(_) => return None,
        };
    }
    let old = text.get(container.clone())?;
    let (open, close) = match first {
        Step::Key(key) => {
            member = format!("{}: {member}", quoted(key)?);
            ('{', '}')
        }
        Step::Index(_) => ('[', ']'),
    };
    let (before, after) = (&text[..container.start], &text[container.end..]);
    // What was never set may be null.
    let inner = match old {
        "null" => "",
        _ => old.strip_prefix(open)?.strip_suffix(close)?,
    };
    if let Step::Index(wanted) = first {
        if *wanted != length(inner) {
            return None;
        }
    }
    let body = inner.trim_end();
    if body.is_empty() {
        return Some(format!("{before}{open}{member}{close}{after}"));
    }
    // Like the members that are there: each on a line, or all on one.
    let space = &inner[..inner.len() - inner.trim_start().len()];
    let separator = match space.rfind('\n') {
        Some(newline) => &space[newline..],
        None => " ",
    };
    let tail = &inner[body.len()..];
    Some(format!(
        "{before}{open}{body},{separator}{member}{tail}{close}{after}"
    ))
}

/// How many elements there are between the brackets of a list.
fn length(inner: &str) -> usize {
    let text = format!("[{inner}]");
    (0..)
        .take_while(|index| span(&text, &Path(vec![Step::Index(*index)])).is_some())
        .count()
}

fn quoted(key: &str) -> Option<String> {
    serde_json::to_string(key).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn changed(text: &str, path: &str, value: &str) -> Option<String> {
        set(text, &Path::parse(path).unwrap(), value)
    }

    #[test]
    fn one_value_changes_and_nothing_else() {
        let text = "{\n  \"z\" : 1,\n\t\"mine\": {\"a\":[ 1,2 ]} ,\n  \"b\": \"x\"\n}\n";
        let expected = text.replace("\"x\"", "true");
        assert_eq!(changed(text, "b", "true"), Some(expected));
        let expected = text.replace("[ 1,2 ]", "[ 1,5 ]");
        assert_eq!(changed(text, "mine.a[1]", "5"), Some(expected));
        let expected = text.replace("\"x\"\n", "\"x\",\n  \"new\": 7\n");
        assert_eq!(changed(text, "new", "7"), Some(expected));
        let expected = text.replace("[ 1,2 ]", "[ 1,2, 3 ]");
        assert_eq!(changed(text, "mine.a[2]", "3"), Some(expected));
        let expected = text.replace("[ 1,2 ]}", "[ 1,2 ], \"c\": {\"d\": [1]}}");
        assert_eq!(changed(text, "mine.c.d[0]", "1"), Some(expected));
        for nowhere in ["mine.a[3]", "z.a", "b[0]", "mine.a.c", "new[1]"] {
            assert_eq!(changed(text, nowhere, "1"), None, "{nowhere}");
        }
        assert_eq!(changed("{}", "a.b", "1").unwrap(), "{\"a\": {\"b\": 1}}");
        assert_eq!(changed("{\"a\":null}", "a[0]", "1").unwrap(), "{\"a\":[1]}");
        assert_eq!(changed("{\"a\":[]}", "a[0]", "1").unwrap(), "{\"a\":[1]}");
    }

    #[test]
    fn paths_are_read_as_they_are_shown() {
        for text in ["a", "a.b", "a[0].b[12]", "a[0][1]"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "a.", ".a", "a[", "a[x]", "a[0", "[0]", "a[0]b"] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u32>().prop_map(Value::from),
            "[a-z\"\\\\{}\\[\\]:, é]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What serde_json reads afterwards has the new value, and else the old ones.
        #[test]
        fn it_is_what_an_assignment_would_be(
            document in document(),
            pretty in any::<bool>(),
            keys in prop::collection::vec("[a-e]", 1..4),
            value in document(),
        ) {
            let mut wanted = serde_json::json!({"top": document});
            let text = match pretty {
                true => serde_json::to_string_pretty(&wanted).unwrap(),
                false => wanted.to_string(),
            };
            let path = format!("top.{}", keys.join("."));
            let new = changed(&text, &path, &value.to_string());
            let mut place = &mut wanted["top"];
            let mut is_reached = true;
            for key in &keys {
                is_reached &= place.is_object() || place.is_null();
                if !is_reached {
                    break;
                }
                place = &mut place[key];
            }
            match new {
                Some(new) => {
                    prop_assert!(is_reached);
                    *place = value;
                    prop_assert_eq!(serde_json::from_str::<Value>(&new).unwrap(), wanted);
                }
                None => prop_assert!(!is_reached),
            }
        }
    }
}
