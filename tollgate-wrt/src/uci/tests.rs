use proptest::prelude::*;

use super::*;

/// `kind name: option=value, list+=item; …` of a file, to compare with.
fn short(text: &str) -> String {
    let sections = parse(text).unwrap();
    let sections = sections.iter().map(|section| {
        let entries = section.entries.iter().map(|entry| {
            let sign = if entry.is_list { "+=" } else { "=" };
            format!("{}{sign}{}", entry.name, entry.value)
        });
        let entries: Vec<_> = entries.collect();
        let name = section.name.as_deref().unwrap_or("-");
        format!("{} {name}: {}", section.kind, entries.join(", "))
    });
    sections.collect::<Vec<_>>().join("; ")
}

#[test]
fn reads_sections_options_and_lists() {
    let text = "
package tollgate

# a comment
config tollgate 'main'
\toption port '2121'   # behind a value
\tlist interface 'br-lan'
\tlist interface \"br guest\"
config other
";
    assert_eq!(
        short(text),
        "tollgate main: port=2121, interface+=br-lan, interface+=br guest; other -: "
    );
    let sections = parse(text).unwrap();
    assert_eq!(sections[0].line, 5);
    assert_eq!(sections[0].entries[2].line, 8);
}

#[test]
fn quotes_as_libuci_does() {
    assert_eq!(short(r#"config a; option b 'x y'"z"\ w"#), "a -: b=x yz w");
    assert_eq!(short(r#"config a; option b 'it'\''s'"#), "a -: b=it's");
    assert_eq!(
        short(r#"config a; option b "say \"hi\"""#),
        "a -: b=say \"hi\""
    );
    assert_eq!(
        short("config a; option b 'two\nlines'"),
        "a -: b=two\nlines"
    );
    assert_eq!(short("config a; option b 'a\\b'"), "a -: b=a\\b");
    assert_eq!(short("config a; option b on\\\ne"), "a -: b=one");
    assert_eq!(short("config a; list b ''"), "a -: b+=");
    assert_eq!(short("config a; option b 1#2"), "a -: b=1");
    assert_eq!(short("config a\r\n option b '1'\r\n"), "a -: b=1");
}

/// As `uci export` of the same text shows it.
#[test]
fn statements_work_on_each_other_as_in_libuci() {
    let in_section = |text: &str| short(&format!("config a\n{text}"));
    assert_eq!(
        in_section("option b 1\noption c 2\noption b 3"),
        "a -: c=2, b=3"
    );
    assert_eq!(in_section("option b 1\noption b ''"), "a -: b=1");
    assert_eq!(in_section("list b 1\nlist b 2\noption b 3"), "a -: b=3");
    assert_eq!(in_section("option b 1\nlist b 2"), "a -: b+=1, b+=2");
    assert_eq!(in_section("option b ''"), "a -: ");

    assert_eq!(
        short("config a x; option b 1; config c; option d 1; config e x; list f 1; config c"),
        "e x: b=1, f+=1; c -: d=1; c -: "
    );
}

#[test]
fn lines_count_over_multi_line_values() {
    let sections = parse("config a\noption b 'x\ny'\noption c 1").unwrap();
    assert_eq!(sections[0].entries[0].line, 2);
    assert_eq!(sections[0].entries[1].line, 4);
}

#[test]
fn errors_name_line_and_remedy() {
    let error = |text: &str| {
        let error = parse(text).unwrap_err();
        format!("{}: {}", error.line, error.message)
    };
    assert_eq!(
        error("\nconfig a\noption b"),
        "3: expected `option NAME 'VALUE'`"
    );
    assert_eq!(
        error("config a\noption b c d"),
        "2: too many words; expected `option NAME 'VALUE'`, with quotes around a value that has spaces"
    );
    assert_eq!(
        error("option b c"),
        "1: an option before the first section; write `config tollgate 'main'` above it"
    );
    assert_eq!(
        error("config a\n\noptoin b c"),
        "3: unknown statement `optoin`; expected `config`, `option` or `list`"
    );
    assert_eq!(
        error("config a\noption b 'c\n\n"),
        "2: a quote that is never closed"
    );
    assert_eq!(
        error("config a b c"),
        "1: expected `config TYPE` or `config TYPE 'NAME'`"
    );
    assert_eq!(
        error("config 'a b'"),
        "1: `a b` is no name; names have letters, digits, `_` and `-`"
    );
}

/// Writes a value as `uci` does: in single quotes, a quote as `'\''`.
fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

proptest! {
    #[test]
    fn never_panics(text in "(config|option|list|[ab'\"\\\\#; \n\té]){0,40}") {
        let _ = parse(&text);
    }

    #[test]
    fn never_panics_on_any_text(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn values_round_trip(
        options in prop::collection::btree_map("[a-z0-9_-]{1,8}", ".+", 0..4),
        list in prop::collection::vec(any::<String>(), 0..4),
    ) {
        let options = options.into_iter().map(|(name, value)| (name, value, false));
        // No option has so long a name.
        let list = list.into_iter().map(|value| ("listed-items".to_owned(), value, true));
        let entries: Vec<_> = options.chain(list).collect();
        let mut text = "config tollgate 'main'\n".to_owned();
        for (name, value, is_list) in &entries {
            let command = if *is_list { "list" } else { "option" };
            text.push_str(&format!("\t{command} {name} {}\n", quote(value)));
        }
        let sections = parse(&text).unwrap();
        let read: Vec<_> = sections[0]
            .entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.value.clone(), entry.is_list))
            .collect();
        prop_assert_eq!(read, entries);
    }
}
