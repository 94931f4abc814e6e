use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What the package installs, beside English.
const PACKAGED: [(&str, &str); 5] = [
    ("ar", include_str!("ar.json")),
    ("de", include_str!("de.json")),
    ("es", include_str!("es.json")),
    ("fr", include_str!("fr.json")),
    ("pt", include_str!("pt.json")),
];

fn texts(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap()
}

/// A root with these files of the package and of the owner.
fn root(package: &[(&str, &str)], own: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::new(root.path());
    for (directory, files) in [(paths.portal(), package), (paths.own_portal(), own)] {
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
    }
    root
}

fn load(package: &[(&str, &str)], own: &[(&str, &str)]) -> (Languages, Vec<String>) {
    let root = root(package, own);
    let (languages, warnings) = Languages::load(&Paths::new(root.path()));
    let prefix = root.path().to_str().unwrap();
    let warnings = warnings.into_iter().map(|text| text.replace(prefix, ""));
    (languages, warnings.collect())
}

#[test]
fn every_translation_is_whole() {
    let english = texts(ENGLISH);
    let names: BTreeSet<&String> = english.keys().collect();
    for (tag, json) in PACKAGED {
        let texts = texts(json);
        assert_eq!(texts.keys().collect::<BTreeSet<_>>(), names, "{tag}");
        for (name, text) in &texts {
            let text = text.as_str().unwrap();
            let original = english[name].as_str().unwrap();
            assert_eq!(placeholders(text), placeholders(original), "{tag} {name}");
            assert!(
                !text.trim().is_empty() && text.trim() == text,
                "{tag} {name}"
            );
            // Texts, no HTML, and nothing that turns the direction of the page.
            let is_odd = |c: char| {
                c.is_control() || matches!(c, '<' | '>' | '&' | '"' | '\u{202a}'..='\u{202e}')
            };
            assert!(!text.contains(is_odd), "{tag} {name}");
            // A sentence stays one.
            let is_sentence = |text: &str| text.ends_with(['.', '?', '؟']);
            if name != "decimal" {
                assert_eq!(is_sentence(text), is_sentence(original), "{tag} {name}");
            }
        }
        let mut languages = Languages::english();
        languages
            .add(tag, &texts, |odd| panic!("{tag}: {odd}"))
            .unwrap();
    }
    // One that is in the folder and in no list is in no package either.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/portal/languages");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".json")?.to_owned()))
        .filter(|tag| tag != "en")
        .collect();
    assert_eq!(files, PACKAGED.map(|(tag, _)| tag.to_owned()).into());
}

#[test]
fn english_names_what_the_code_asks_for() {
    let english = texts(ENGLISH);
    assert!(
        english
            .values()
            .all(|text| text.as_str().is_some_and(|text| !text.is_empty()))
    );
    assert_eq!(english["direction"], "ltr");
}

#[test]
fn the_browsers_language_and_the_customers() {
    let (languages, warnings) = load(
        &[("de.json", PACKAGED[1].1), ("pt.json", PACKAGED[4].1)],
        &[("pt-BR.json", r#"{"language": "Português (Brasil)"}"#)],
    );
    assert_eq!(warnings, Vec::<String>::new());
    let tags: Vec<_> = languages
        .all()
        .map(|language| language.tag.as_str())
        .collect();
    assert_eq!(tags, ["en", "de", "pt", "pt-BR"]);
    let choose = |asked, header| languages.choose(asked, header).tag.as_str();
    assert_eq!(choose(None, None), "en");
    assert_eq!(choose(None, Some("de-AT,de;q=0.9,en;q=0.8")), "de");
    assert_eq!(choose(None, Some("en;q=0.5, DE;q=0.7")), "de");
    assert_eq!(choose(None, Some("xx, fr;q=0.9, pt-br-x-y;q=0.2")), "pt-BR");
    assert_eq!(choose(None, Some("de;q=0, *")), "en");
    assert_eq!(choose(None, Some("de;q=nonsense")), "en");
    assert_eq!(choose(None, Some(";;,,;q=1,\u{fffd}")), "en");
    assert_eq!(choose(Some("de"), Some("pt")), "de");
    assert_eq!(choose(Some("../../etc"), Some("pt")), "pt");
}

#[test]
fn the_owners_files_add_and_replace() {
    let own = r#"{"language": "Klingon", "pay": "DIl", "price": "{amount}: {price}"}"#;
    let (languages, warnings) = load(
        &[("de.json", PACKAGED[1].1)],
        &[
            ("tlh.json", own),
            ("de.json", r#"{"pay": "Los"}"#),
            ("en.json", r#"{"pay": "Go"}"#),
        ],
    );
    assert_eq!(warnings, Vec::<String>::new());
    let text = |tag, name| languages.choose(Some(tag), None).text(name).to_owned();
    assert_eq!(
        (text("tlh", "pay"), text("tlh", "token")),
        ("DIl".into(), "Cashu token".into())
    );
    assert_eq!(
        (text("de", "pay"), text("de", "token")),
        ("Los".into(), "Cashu-Token".into())
    );
    assert_eq!(text("en", "pay"), "Go");
    let klingon = languages.choose(Some("tlh"), None);
    assert_eq!(
        klingon.say("price", &[("price", "1 sat"), ("amount", "2 MB")]),
        "2 MB: 1 sat"
    );
}

#[test]
fn what_is_broken_is_said_and_left_out() {
    let (languages, warnings) = load(
        &[
            ("fr.json", "{"),
            ("de.json", PACKAGED[1].1),
            ("README", "x"),
        ],
        &[
            (
                "de.json",
                r#"{"pay": 7, "price": "{x}", "nothing": "", "direction": "up"}"#,
            ),
            ("es.json", r#"{"pay": "Pagar"}"#),
            ("it.json", r#"["language"]"#),
            ("Deutsch.json", "{}"),
        ],
    );
    let all = warnings.join("\n");
    for part in [
        "/portal/fr.json is not used: EOF",
        "/etc/tollgate/portal/de.json: `pay` has to be",
        "/etc/tollgate/portal/de.json: `price` has to be",
        "/etc/tollgate/portal/de.json: there is no text `nothing`",
        "/etc/tollgate/portal/de.json: `direction` has to be",
        "/es.json is not used: it does not name its `language`",
        "/it.json is not used: invalid type",
        "/Deutsch.json is not used: its name",
    ] {
        assert!(all.contains(part), "{part}\n{all}");
    }
    assert_eq!(warnings.len(), 8);
    let tags: Vec<_> = languages
        .all()
        .map(|language| language.tag.as_str())
        .collect();
    assert_eq!(tags, ["en", "de"]);
    assert_eq!(languages.choose(Some("de"), None).text("pay"), "Bezahlen");
}

#[test]
fn values_are_isolated_from_right_to_left() {
    let (languages, _) = load(&[("ar.json", PACKAGED[0].1)], &[]);
    let arabic = languages.choose(Some("ar"), None);
    assert!(
        arabic
            .say("left", &[("amount", "5 MB")])
            .contains("\u{2068}5 MB\u{2069}")
    );
    let english = languages.choose(None, None);
    assert_eq!(english.say("left", &[("amount", "5 MB")]), "5 MB left");
    // A value with braces is a value.
    assert_eq!(
        english.say("left", &[("amount", "{amount}")]),
        "{amount} left"
    );
}

proptest! {
    #[test]
    fn no_header_is_too_odd(asked: Option<String>, header: Option<String>, number in ".{0,9}") {
        let languages = Languages::english();
        languages.choose(asked.as_deref(), header.as_deref());
        languages.choose(None, Some(&format!("en;q={number},de;q=0.{number}")));
    }
}
