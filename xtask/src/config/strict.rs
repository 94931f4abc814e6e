//! Reads the build tool's TOML files: every mistake names file, line and key.

use std::path::Path;

use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;

/// Parses `text`, which was read from `file`. The types refuse unknown keys
/// (`deny_unknown_fields`); the error then names the nearest known one.
///
/// # Errors
/// `FILE:LINE:COLUMN: what is wrong` with the line itself.
pub fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| explain(file, text, &error))
}

fn explain(file: &Path, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let message = with_nearest_key(error.message());
    let Some(span) = error.span() else {
        return anyhow!("{}: {message}", file.display());
    };
    let before = &text[..span.start.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    anyhow!(
        "{}:{number}:{column}: {message}\n  | {line}",
        file.display()
    )
}

/// serde says ``unknown field `x`, expected one of `a`, `b` ``: the nearest of
/// them is more help than the whole list.
pub fn with_nearest_key(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (Some(rest), Some((wrong, known))) =
        (message.strip_prefix("unknown "), quoted.split_first())
    else {
        return message.to_owned();
    };
    let what = if rest.starts_with("variant") {
        "value"
    } else {
        "key"
    };
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("unknown {what} `{wrong}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{wrong}`; known are: {}", known.join(", ")),
    }
}

/// The known word that `wrong` was probably meant to be.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(wrong, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len().max(wrong.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code)]
        depends: Vec<String>,
    }

    fn error(text: &str) -> String {
        parse::<Sample>(Path::new("dir/x.toml"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_typo_names_the_nearest_key() {
        assert_eq!(
            error("# é\n  depend = []\n"),
            "dir/x.toml:2:3: unknown key `depend`; did you mean `depends`?\n  |   depend = []"
        );
        assert_eq!(
            error("zzz = 1\n"),
            "dir/x.toml:1:1: unknown key `zzz`; known are: depends\n  | zzz = 1"
        );
    }

    #[test]
    fn wrong_types_and_syntax_name_the_line() {
        let text = error("\ndepends = 7\n");
        assert!(
            text.starts_with("dir/x.toml:2:11: invalid type: integer `7`"),
            "{text}"
        );
        let text = error("depends = [\n");
        assert!(text.starts_with("dir/x.toml:"), "{text}");
        assert!(error("").contains("missing field `depends`"));
    }

    #[test]
    fn far_words_are_not_near() {
        assert_eq!(nearest("aarch46", ["aarch64", "mips"]), Some("aarch64"));
        assert_eq!(nearest("sparc", ["aarch64", "mips"]), None);
    }
}
