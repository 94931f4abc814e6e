//! The key that was meant, where one is not known.

use super::FIELDS;
use crate::json::{Path, Step};

/// The known key of the same object that an unknown one differs from only in
/// capital letters. Other daemons take the one for the other.
pub fn same_but_case(path: &Path) -> Option<&'static str> {
    let unknown = path.pattern();
    let (field, _) = FIELDS
        .iter()
        .find(|(field, _)| field.eq_ignore_ascii_case(&unknown))?;
    Some(split(field).1)
}

/// The known key that an unknown one most likely stands for: a similar one in
/// the same object, else the same one in another object.
pub fn nearest(path: &Path) -> Option<String> {
    let (Step::Key(unknown), parents) = path.0.split_last()? else {
        return None;
    };
    let parent = Path(parents.to_vec()).pattern();
    let in_same_object = FIELDS.iter().filter_map(|(field, _)| match split(field) {
        (above, name) if above == parent => Some(name),
        _ => None,
    });
    if let Some(name) = closest(unknown, in_same_object) {
        return Some(name.to_owned());
    }
    let (field, _) = FIELDS.iter().find(|(field, _)| split(field).1 == unknown)?;
    Some((*field).to_owned())
}

fn split(field: &str) -> (&str, &str) {
    field.rsplit_once('.').unwrap_or(("", field))
}

/// The candidate that differs least from `word`, if it differs by at most a
/// third of its letters.
pub fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    candidates
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: letters to insert, delete or replace.
fn distance(from: &str, to: &str) -> usize {
    // Keys from a file have no bound; a long one is near to nothing.
    if from.len() > 64 {
        return from.len();
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_key() {
        let top = Path::default();
        let nearest = |path: Path| nearest(&path).unwrap_or_default();
        assert_eq!(nearest(top.key("accepted_mint")), "accepted_mints");
        assert_eq!(nearest(top.key("stepSize")), "step_size");
        let mint = top.key("accepted_mints").index(3);
        assert_eq!(nearest(mint.key("price_per_stp")), "price_per_step");
        // A known key in the wrong object.
        assert_eq!(
            nearest(top.key("signal_floor")),
            "upstream_wifi.signal_floor"
        );
        assert_eq!(nearest(top.key("")), "");
        assert_eq!(nearest(top.key("private_ssid")), "");
        assert_eq!(nearest(top.key(&"x".repeat(100_000))), "");
    }

    #[test]
    fn distances() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("metric", "metric"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
