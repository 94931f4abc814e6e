//! Versions against what opkg and apk themselves said of each pair.

mod support;

use std::cmp::Ordering;

use proptest::prelude::*;
use xtask::package::version::{apk, opkg};

fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

#[test]
fn pairs_are_ordered_as_the_package_managers_order_them() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let table = std::fs::read_to_string(dir.join("versions.tsv")).unwrap();
    let mut pairs = 0;
    let mut wrong = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (a, b) = (fields[0], fields[1]);
        let found = [
            sign(opkg::compare(a, b)).to_owned(),
            match apk::is_valid(a) && apk::is_valid(b) {
                true => sign(apk::compare(a, b)).to_owned(),
                false => "refused(rc=1)".to_owned(),
            },
            if apk::is_valid(a) { "yes" } else { "no" }.to_owned(),
            if apk::is_valid(b) { "yes" } else { "no" }.to_owned(),
        ];
        if found[..] != fields[2..6] {
            wrong.push(format!("{a:?} {b:?}: {found:?}, not {:?}", &fields[2..6]));
        }
        pairs += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pairs >= 75, "only {pairs} pairs");
}

/// Texts that are versions, or nearly.
fn version() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            "[0-9]{1,3}",
            "\\.[0-9]{1,2}",
            Just("a".to_owned()),
            "_(alpha|beta|pre|rc|p|git)[0-9]{0,2}",
            "~[0-9a-f]{1,4}",
            "-r[0-9]{1,2}",
            "[-~+:._]",
        ],
        0..6,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn orders_are_orders(a in version(), b in version(), c in version()) {
        type Compare = fn(&str, &str) -> Ordering;
        for compare in [opkg::compare as Compare, apk::compare as Compare] {
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }
        // opkg's is transitive for all texts, apk's is not (leading zeros).
        if opkg::compare(&a, &b).is_le() && opkg::compare(&b, &c).is_le() {
            prop_assert!(opkg::compare(&a, &c).is_le());
        }
    }

    #[test]
    fn what_is_translated_is_valid(text in version()) {
        if let Ok(translated) = apk::from_opkg(&text) {
            prop_assert!(apk::is_valid(&translated));
            prop_assert_eq!(apk::from_opkg(&translated).unwrap(), translated);
        }
    }

    #[test]
    fn any_text_is_read(a in "\\PC{0,12}", b in "\\PC{0,12}") {
        opkg::compare(&a, &b);
        apk::compare(&a, &b);
        let _ = apk::from_opkg(&a);
        let _ = apk::from_cargo(&b);
    }
}
