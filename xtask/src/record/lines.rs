//! Lines that cargo writes.

/// What follows a verb: `       Fresh NAME …`. Verbs end in the twelfth column.
pub fn status<'a>(line: &'a str, verb: &str) -> Option<&'a str> {
    line.strip_prefix(&format!("{verb:>12}"))?.strip_prefix(' ')
}

/// `       Dirty NAME vVERSION (PLACE): REASON` as `NAME@VERSION` and reason.
pub fn dirty(line: &str) -> Option<(String, String)> {
    let (name, rest) = package(status(line, "Dirty")?)?;
    let (_, reason) = match rest.starts_with(" (") {
        true => rest.split_once("): ")?,
        false => rest.split_once(": ")?,
    };
    Some((name, reason.to_owned()))
}

/// `   Compiling NAME vVERSION (PLACE)` as `NAME@VERSION` and its place, which
/// crates of a registry have none of.
pub fn compiling(line: &str) -> Option<(String, Option<&str>)> {
    let (name, rest) = package(status(line, "Compiling")?)?;
    let place = rest
        .strip_prefix(" (")
        .and_then(|rest| rest.strip_suffix(')'));
    Some((name, place))
}

/// `NAME vVERSION…` as `NAME@VERSION` and the rest.
fn package(text: &str) -> Option<(String, &str)> {
    let (name, rest) = text.split_once(" v")?;
    let end = rest.find([' ', ':']).unwrap_or(rest.len());
    let (version, rest) = rest.split_at(end);
    let is_name = !name.is_empty() && !name.contains(' ');
    (is_name && !version.is_empty()).then(|| (format!("{name}@{version}"), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_places_and_reasons() {
        let own = |text: &str| text.to_owned();
        assert_eq!(
            dirty("       Dirty a v1.0.0 (/x (y)/a): the file: changed"),
            Some((own("a@1.0.0"), own("the file: changed")))
        );
        assert_eq!(
            dirty("       Dirty a v1.0.0: forced"),
            Some((own("a@1.0.0"), own("forced")))
        );
        assert_eq!(
            compiling("   Compiling a v1.0.0-rc1 (/x (y)/a)"),
            Some((own("a@1.0.0-rc1"), Some("/x (y)/a")))
        );
        assert_eq!(
            compiling("   Compiling libc v0.2.1"),
            Some((own("libc@0.2.1"), None))
        );
        for line in [
            "  Dirty linen v1: x",
            "       Dirty",
            "   Compiling the linker version 2",
            "       Freshly v1",
        ] {
            assert_eq!((dirty(line), compiling(line)), (None, None), "{line}");
        }
    }
}
