//! Names in PAX headers: not for opkg, which does not read them, but to show
//! which file is meant.

/// `path` and `linkpath` of a PAX header (POSIX.1-2017, pax, "LENGTH KEY=VALUE\n").
pub fn pax_names(text: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let (mut name, mut link) = (None, None);
    let mut rest = text;
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let length = std::str::from_utf8(&rest[..blank])
            .ok()
            .and_then(|digits| digits.parse::<usize>().ok());
        let Some(length) = length.filter(|length| (blank + 1..=rest.len()).contains(length)) else {
            break;
        };
        let record = rest[blank + 1..length]
            .strip_suffix(b"\n")
            .unwrap_or(&rest[blank + 1..length]);
        if let Some(value) = record.strip_prefix(b"path=") {
            name = Some(value.to_vec());
        } else if let Some(value) = record.strip_prefix(b"linkpath=") {
            link = Some(value.to_vec());
        }
        rest = &rest[length..];
    }
    (name, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_records() {
        let text = b"12 path=a/b\n16 linkpath=c/d\n30 mtime=1\n";
        assert_eq!(
            pax_names(text),
            (Some(b"a/b".to_vec()), Some(b"c/d".to_vec()))
        );
        for broken in [
            &b"99 path=x\n"[..],
            b"x path=y\n",
            b"0 path=y\n",
            b"3 path",
            b"",
        ] {
            assert_eq!(pax_names(broken), (None, None), "{broken:?}");
        }
    }
}
