//! HTML from templates, so that nothing gets into it unescaped by accident.
//!
//! | in a template | becomes |
//! |---|---|
//! | `{name}` | the value of that name, escaped |
//! | `{=name}` | the customer's language's text of that name, escaped |
//! | `{+name}` | the value of that name as it is: HTML that was made here |

use super::languages::Language;

/// Adds a template to a page. What has no value is left out.
pub fn fill(page: &mut String, template: &str, language: &Language, values: &[(&str, &str)]) {
    let mut rest = template.trim_end();
    while let Some((before, after)) = rest.split_once('{') {
        page.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        rest = after;
        let value = |name| {
            let found = values.iter().find(|(known, _)| *known == name);
            debug_assert!(found.is_some(), "no {name} for a template");
            found.map_or("", |(_, value)| value)
        };
        match name.split_at_checked(1) {
            Some(("=", name)) => escape(page, language.text(name)),
            Some(("+", name)) => page.push_str(value(name)),
            _ => escape(page, value(name)),
        }
    }
    page.push_str(rest);
    page.push('\n');
}

/// A template alone.
pub fn filled(template: &str, language: &Language, values: &[(&str, &str)]) -> String {
    let mut page = String::new();
    fill(&mut page, template, language, values);
    page
}

/// Adds text, so that it is text in an element and in an attribute in quotes.
pub fn escape(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            // HTML has none, and a text that came from elsewhere may.
            '\0' => page.push('\u{fffd}'),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::languages::Languages;

    #[test]
    fn values_are_escaped_unless_they_are_html() {
        let languages = Languages::english();
        let language = languages.choose(None, None);
        let filled = |template| filled(template, language, &[("x", "<a b='\"'>&\0")]);
        assert_eq!(
            filled("<p>{x}</p>\n"),
            "<p>&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}</p>\n"
        );
        assert_eq!(filled("{+x}"), "<a b='\"'>&\0\n");
        assert_eq!(filled("{=pay}!"), "Pay!\n");
    }
}
