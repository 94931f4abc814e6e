//! Stamps of the toolchain's stages before and after a build: what the log says
//! must be true of the files.

use std::collections::BTreeMap;

/// What the script writes last into a list.
const END: &str = "end";

/// Stamps by path, with their times; `None` for a list that is not whole.
fn read(list: &str) -> Option<BTreeMap<&str, &str>> {
    let mut whole = false;
    let mut stamps = BTreeMap::new();
    for line in list.lines() {
        match line.split_once(' ') {
            Some((time, path)) => drop(stamps.insert(path, time)),
            None => whole |= line == END,
        }
    }
    whole.then_some(stamps)
}

/// What became of the stamps, a sentence each; `None` where a list is missing
/// or not whole.
pub fn changes(before: Option<&str>, after: Option<&str>) -> Option<Vec<String>> {
    let (before, after) = (read(before?)?, read(after?)?);
    let mut changes = Vec::new();
    for (path, time) in &after {
        match before.get(path) {
            None => changes.push(format!("{path} is new")),
            Some(old) if old != time => changes.push(format!("{path} was written again")),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    changes.extend(gone.map(|path| format!("{path} is gone")));
    Some(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_told() {
        let before = "end\n1.5 /b/.built\n1.5 /b/.prepared1\n1.5 /b/.same\n";
        let after = "end\n2.5 /b/.built\n1.5 /b/.prepared2\n1.5 /b/.same\n";
        assert_eq!(
            changes(Some(before), Some(after)).unwrap(),
            [
                "/b/.built was written again",
                "/b/.prepared2 is new",
                "/b/.prepared1 is gone"
            ]
        );
        assert_eq!(changes(Some(before), Some(before)), Some(Vec::new()));
        assert_eq!(changes(Some("end\n"), Some("end\n")), Some(Vec::new()));
    }

    #[test]
    fn half_a_list_is_none() {
        for (before, after) in [
            (None, Some("end\n")),
            (Some("end\n"), None),
            (Some("end\n"), Some("")),
            (Some("1.5 /b/.built\n"), Some("end\n")),
        ] {
            assert_eq!(changes(before, after), None);
        }
    }
}
