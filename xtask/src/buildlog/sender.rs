//! Prefixes that name who wrote a line; [`super::prefix`] tests them.

use memchr::memchr;

use super::clock::Clock;

/// Where the end of a name, `[job/step]` or `[step:L12:34s]`, is looked for.
const NAME: usize = 256;

/// What is behind a prefix, and the time that it holds.
pub type Stripped<'a> = Option<(&'a [u8], Option<Clock>)>;

/// act: `[Build OpenWrt/build-1]   | text`; not the shell's `[ -d x ] || y`.
pub fn act(text: &[u8]) -> Stripped<'_> {
    let head = &text[..text.len().min(NAME)];
    let mut from = 0;
    while let Some(at) = memchr(b']', &head[from..]) {
        let rest = &text[from + at + 1..];
        let bar = rest.trim_ascii_start();
        if rest.len() > bar.len() && text.get(1) != Some(&b' ') {
            if let Some(after) = behind_bar(bar) {
                return Some((after, None));
            }
        }
        from += at + 1;
    }
    None
}

/// Woodpecker and Drone: `[build:L12:34s] text`
pub fn drone(text: &[u8]) -> Stripped<'_> {
    let end = memchr(b']', &text[..text.len().min(NAME)])?;
    let seconds = text[1..end].strip_suffix(b"s")?;
    let line = memchr::memmem::rfind(seconds, b":L")?;
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
    seconds[line + 2..]
        .iter()
        .all(is_number)
        .then_some((&text[end + 1..], None))
}

/// docker compose: `builder-1  | text`
pub fn compose(text: &[u8]) -> Stripped<'_> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let name = text
        .iter()
        .take(64)
        .take_while(|byte| is_name(byte))
        .count();
    let bar = text[name..].strip_prefix(b" ")?.trim_ascii_start();
    behind_bar(bar).map(|rest| (rest, None))
}

/// `| text`; not `|| text`.
pub fn behind_bar(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"|")?;
    (rest.is_empty() || rest[0] == b' ').then_some(rest)
}

/// What syslog has between the time and the text: `host program[12]: `.
pub fn without_sender(text: &[u8], loose: bool) -> &[u8] {
    let body = text.trim_ascii_start();
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let host = body.iter().take_while(|byte| is_host(byte)).count();
    let Some(rest) = body[host..].strip_prefix(b" ").filter(|_| host > 0) else {
        return text;
    };
    let Some(colon) = memchr::memmem::find(&rest[..rest.len().min(80)], b": ") else {
        return text;
    };
    let program = &rest[..colon];
    let known = program.ends_with(b"]") || loose;
    if known && !program.contains(&b' ') {
        &rest[colon + 2..]
    } else {
        text
    }
}

/// Buildkite's, where the escape character was lost: `_bk;t=1700000000000\x07`
pub fn buildkite(text: &[u8]) -> Stripped<'_> {
    let rest = text
        .strip_prefix(b"_")
        .unwrap_or(text)
        .strip_prefix(b"bk;t=")?;
    let end = memchr(0x07, &rest[..rest.len().min(32)])?;
    Some((&rest[end + 1..], None))
}

/// `##[error]text`
pub fn github(text: &[u8]) -> Stripped<'_> {
    let rest = text.strip_prefix(b"##[")?;
    let end = memchr(b']', &rest[..rest.len().min(20)])?;
    Some((&rest[end + 1..], None))
}

/// `::error file=x::text`
pub fn command(text: &[u8]) -> Stripped<'_> {
    let rest = text.strip_prefix(b"::")?;
    let end = memchr::memmem::find(&rest[..rest.len().min(200)], b"::")?;
    Some((&rest[end + 2..], None))
}
