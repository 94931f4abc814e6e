//! Small readers of what lines are made of.

use memchr::memmem::find;

/// The length of the word that `text` begins with.
pub fn word(text: &[u8]) -> usize {
    memchr::memchr2(b' ', b'\t', text).unwrap_or(text.len())
}

/// What stands in quotes at the beginning of `text`: `'x'`, or `` `x' `` of
/// make before 4.0. A line that was cut has no second quote.
pub fn quoted(text: &[u8]) -> Option<&[u8]> {
    let rest = text
        .strip_prefix(b"'")
        .or_else(|| text.strip_prefix(b"`"))?;
    Some(&rest[..memchr::memchr(b'\'', rest)?])
}

/// What stands between `head`, with which `text` begins, and `tail`.
pub fn between<'a>(text: &'a [u8], head: &[u8], tail: &[u8]) -> Option<&'a [u8]> {
    let rest = text.strip_prefix(head)?;
    Some(&rest[..find(rest, tail)?])
}

/// A number such as `7.03`.
pub fn number(text: &[u8]) -> Option<f64> {
    let plain = !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    plain.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// What make is told to do in a stage, read off the stage's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal<'a> {
    /// `package/feeds/packages/rust`
    pub recipe: &'a [u8],
    /// The stage belongs to the toolchain: `…/host-compile`, `tools/…`,
    /// `toolchain/…`.
    pub host: bool,
    /// `compile`, `install`, `download` …
    pub goal: &'a [u8],
}

/// Reads `package/feeds/packages/rust/host-compile` (as `time.pl` has it),
/// `package/feeds/packages/rust/host/compile` (as make has it).
pub fn goal(name: &[u8]) -> Option<Goal<'_>> {
    if name.iter().any(|byte| !byte.is_ascii_graphic()) {
        return None;
    }
    let slash = memchr::memrchr(b'/', name)?;
    let (recipe, goal) = (&name[..slash], &name[slash + 1..]);
    let (recipe, goal, host) = match (goal.strip_prefix(b"host-"), recipe.strip_suffix(b"/host")) {
        (Some(goal), _) => (recipe, goal, true),
        (None, Some(recipe)) => (recipe, goal, true),
        (None, None) => {
            let host = recipe.starts_with(b"tools/") || recipe.starts_with(b"toolchain/");
            (recipe, goal, host)
        }
    };
    (!recipe.is_empty() && !goal.is_empty()).then_some(Goal { recipe, host, goal })
}

impl Goal<'_> {
    /// The goal builds: a `download` or a `clean` says nothing of the stage.
    pub fn builds(&self) -> bool {
        matches!(
            self.goal,
            b"compile" | b"install" | b"prepare" | b"configure"
        )
    }
}

/// Text for people; bytes that are no UTF-8 are replaced.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// At most `limit` bytes of a line, for people, with a mark where it was cut.
pub fn shorten(text: &[u8], limit: usize) -> String {
    let plain = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>()
    };
    if text.len() <= limit {
        return plain(text);
    }
    // The end of a command holds its file: keep both ends.
    let (head, tail) = (limit * 2 / 3, limit / 3);
    format!(
        "{} … {}",
        plain(&text[..head]),
        plain(&text[text.len() - tail..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_stages() {
        for (name, recipe, host, word) in [
            (
                "package/feeds/packages/rust/host-compile",
                "package/feeds/packages/rust",
                true,
                "compile",
            ),
            (
                "package/feeds/packages/rust/host/compile",
                "package/feeds/packages/rust",
                true,
                "compile",
            ),
            (
                "package/feeds/x/hello/compile",
                "package/feeds/x/hello",
                false,
                "compile",
            ),
            (
                "package/toolchain/compile",
                "package/toolchain",
                false,
                "compile",
            ),
            (
                "toolchain/gcc/final/compile",
                "toolchain/gcc/final",
                true,
                "compile",
            ),
            ("tools/cmake/install", "tools/cmake", true, "install"),
            (
                "package/feeds/x/hello/download",
                "package/feeds/x/hello",
                false,
                "download",
            ),
        ] {
            let found = goal(name.as_bytes()).unwrap();
            assert_eq!(
                (lossy(found.recipe), found.host, lossy(found.goal)),
                (recipe.into(), host, word.into()),
                "{name}"
            );
            assert_eq!(found.builds(), word != "download");
        }
        for none in ["", "x", "/x", "x/", "a b/compile"] {
            assert_eq!(goal(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn small_readers() {
        assert_eq!(quoted(b"'/a b' x"), Some(&b"/a b"[..]));
        assert_eq!(quoted(b"`/a'"), Some(&b"/a"[..]));
        assert_eq!(quoted(b"'/a"), None);
        assert_eq!(number(b"7.03"), Some(7.03));
        assert_eq!(number(b"7.0.3"), None);
        assert_eq!(number(b""), None);
        assert_eq!(shorten(b"abc\x1bd\xff", 9), "abc d\u{fffd}");
        assert_eq!(shorten(b"0123456789", 6), "0123 … 89");
    }
}
