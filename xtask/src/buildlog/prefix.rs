//! What CI systems and terminals put around a build's own lines, taken off.
//!
//! | before the line | from |
//! |---|---|
//! | `2026-01-02T03:04:05.1234567Z ` | GitHub, Azure, `docker logs -t` |
//! | `2026-01-02T03:04:05.123456Z 00O ` | GitLab |
//! | `[12:34:56] `, `12:34:56 `, `[2026-01-02 03:04:05,678] `, `Jan 02 03:04:05 ` | Jenkins, `ts` and others |
//! | `#12 3.456 ` | BuildKit |
//! | `[job/step]   \| `, `service-1  \| ` | act, docker compose |
//! | `job<TAB>step<TAB>2026-01-02T03:04:05Z ` | `gh run view --log` |
//! | `Jan  2 03:04:05 host program[12]: `, `1767323045.123 ` | syslog, `ts` |
//! | `[step:L12:34s] `, `_bk;t=…` | Woodpecker, Buildkite |
//! | `##[error]`, `::error::` | GitHub |
//! | colours and other escape sequences, NUL bytes (UTF-16), a BOM | terminals, PowerShell |

use memchr::{memchr, memchr2};

use super::clock::{Clock, elapsed, epoch, is_date, read_time};
use super::sender::{
    Stripped, act, behind_bar, buildkite, command, compose, drone, github, without_sender,
};

/// Prefixes that one line may bear: act around a time stamp around BuildKit.
const LAYERS: usize = 6;

/// A line without what was put around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clean<'a> {
    /// The build's own text, without white space at its ends.
    pub text: &'a [u8],
    /// When it was written, as the innermost prefix says.
    pub clock: Option<Clock>,
}

/// Takes the prefixes off. `scratch` holds the line where bytes inside it go.
pub fn clean<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Clean<'a> {
    let mut text = if memchr2(0x1b, 0, line).is_some() {
        scratch.clear();
        without_escapes(line, scratch);
        &scratch[..]
    } else {
        line
    };
    let mut clock = None;
    for _ in 0..LAYERS {
        text = text.trim_ascii_start();
        let Some(&first) = text.first() else { break };
        let stripped = match first {
            b'0'..=b'9' => time_stamp(text).or_else(|| named(text)),
            b'[' => time_stamp(text)
                .or_else(|| act(text))
                .or_else(|| drone(text)),
            b'|' => behind_bar(text).map(|rest| (rest, None)),
            b'#' => build_kit(text).or_else(|| github(text)),
            b':' => command(text),
            b'A'..=b'Z' => month(text).or_else(|| named(text)),
            b'a'..=b'z' | b'_' => named(text),
            0xef => text.strip_prefix(b"\xef\xbb\xbf").map(|rest| (rest, None)),
            0xff => text.strip_prefix(b"\xff\xfe").map(|rest| (rest, None)),
            _ => None,
        };
        let Some((rest, time)) = stripped else { break };
        (text, clock) = (rest, time.or(clock));
    }
    Clean {
        text: text.trim_ascii(),
        clock,
    }
}

/// A prefix that begins with a name.
fn named(text: &[u8]) -> Stripped<'_> {
    compose(text)
        .or_else(|| gh(text))
        .or_else(|| buildkite(text))
}

/// Copies a line without escape sequences and NUL bytes.
fn without_escapes(line: &[u8], out: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = memchr2(0x1b, 0, rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = rest[at] == 0x1b;
        rest = &rest[at + 1..];
        if !escape {
            continue;
        }
        let length = match rest.first() {
            // CSI: parameters, then one final byte.
            Some(b'[') => {
                let body = &rest[1..];
                let end = body.iter().position(|byte| (0x40..=0x7e).contains(byte));
                end.map_or(rest.len(), |end| end + 2)
            }
            // OSC and APC: until BEL or ESC \.
            Some(b']' | b'_' | b'P') => match memchr2(0x07, 0x1b, rest) {
                Some(end) if rest[end] == 0x1b => (end + 2).min(rest.len()),
                Some(end) => end + 1,
                None => rest.len(),
            },
            // Character sets have three bytes, all others two.
            Some(b'(' | b')') => 2.min(rest.len()),
            Some(_) => 1,
            None => 0,
        };
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
}

/// Any time stamp that begins with a digit, in brackets or not.
fn time_stamp(text: &[u8]) -> Stripped<'_> {
    let inner = text.strip_prefix(b"[");
    let body = inner.unwrap_or(text).trim_ascii_start();
    let mut end = token(body);
    let mut clock = read_time(&body[..end]).or_else(|| epoch(&body[..end]));
    if clock.is_none() && is_date(&body[..end]) && body.get(end) == Some(&b' ') {
        // `2026-01-02 03:04:05`
        let time = end + 1 + token(&body[end + 1..]);
        clock = read_time(&body[end + 1..time]);
        end = time;
    }
    let mut rest = &body[end..];
    let clock = if inner.is_some() {
        let seconds = rest.strip_prefix(b"s").unwrap_or(rest);
        let clock = clock.or_else(|| elapsed(&body[..end]))?;
        rest = seconds.strip_prefix(b"]")?;
        clock
    } else {
        clock?
    };
    // GitLab's stream number and its mark for a line that goes on.
    if let Some([b' ', b'0'..=b'9', b'0'..=b'9', b'O' | b'E', b' ' | b'+', ..]) = rest.get(..5) {
        return Some((&rest[5..], Some(clock)));
    }
    if inner.is_some() || rest.is_empty() || rest[0].is_ascii_whitespace() {
        Some((without_sender(rest, false), Some(clock)))
    } else {
        None
    }
}

/// The length of a run of what time stamps are made of.
fn token(text: &[u8]) -> usize {
    let is_part = |byte: &u8| {
        byte.is_ascii_digit()
            || matches!(byte, b':' | b'-' | b'.' | b',' | b'+' | b'T' | b'Z' | b'/')
    };
    text.iter()
        .take(40)
        .take_while(|byte| is_part(byte))
        .count()
}

/// `Jan 02 03:04:05 text`
fn month(text: &[u8]) -> Stripped<'_> {
    let shape = text.len() > 15
        && text[3] == b' '
        && text[6] == b' '
        && text[9] == b':'
        && text[15] == b' ';
    if !shape || !text[1..3].iter().all(u8::is_ascii_lowercase) {
        return None;
    }
    let clock = read_time(&text[7..15])?;
    Some((without_sender(&text[16..], true), Some(clock)))
}

/// `#12 3.456 text`; not `#12 CACHED`, which is an image step's own line.
fn build_kit(text: &[u8]) -> Stripped<'_> {
    let body = text.strip_prefix(b"#")?;
    let digits = body
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let step: u32 = std::str::from_utf8(&body[..digits]).ok()?.parse().ok()?;
    let rest = body[digits..].strip_prefix(b" ")?;
    let end = rest
        .iter()
        .take(16)
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .count();
    if !rest[..end].contains(&b'.') || !(end == rest.len() || rest[end] == b' ') {
        return None;
    }
    let seconds: f64 = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    Some((
        &rest[end..],
        Some(Clock::Step(step, (seconds * 1e3) as i64)),
    ))
}

/// `gh run view --log`: job, step and time, with tabs between them.
fn gh(text: &[u8]) -> Stripped<'_> {
    let job = memchr(b'\t', &text[..text.len().min(128)])?;
    let rest = &text[job + 1..];
    let step = memchr(b'\t', &rest[..rest.len().min(256)])?;
    let rest = &rest[step + 1..];
    time_stamp(rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> (String, Option<Clock>) {
        let mut scratch = Vec::new();
        let clean = clean(line.as_bytes(), &mut scratch);
        (
            String::from_utf8_lossy(clean.text).into_owned(),
            clean.clock,
        )
    }

    #[test]
    fn prefixes_of_ci_systems() {
        const LINE: &str = "touch /b/x/.built";
        let third = 11_045_000;
        // date -u -d '2026-01-02T03:04:05' +%s
        let utc = 1_767_323_045_000;
        for (prefix, clock) in [
            ("", None),
            (
                "\u{feff}2026-01-02T03:04:05.1234567Z ",
                Some(Clock::Utc(utc + 123)),
            ),
            ("2026-01-02T03:04:05Z ", Some(Clock::Utc(utc))),
            (
                "2026-01-02T03:04:05.123456Z 00O ",
                Some(Clock::Utc(utc + 123)),
            ),
            (
                "2026-01-02T03:04:05.123456Z 01E+",
                Some(Clock::Utc(utc + 123)),
            ),
            ("[2026-01-02T03:04:05.123Z] ", Some(Clock::Utc(utc + 123))),
            ("2026-01-02T03:04:05+01:00 ", Some(Clock::Utc(utc))),
            ("[03:04:05] ", Some(Clock::Day(third))),
            ("[03:04:05]", Some(Clock::Day(third))),
            ("03:04:05.5  ", Some(Clock::Day(third + 500))),
            ("2026-01-02 03:04:05,678 ", Some(Clock::Day(third + 678))),
            ("[2026-01-02 03:04:05] ", Some(Clock::Day(third))),
            ("Jan 02 03:04:05 ", Some(Clock::Day(third))),
            ("[   12.345] ", Some(Clock::Day(12_345))),
            ("#12 3.456 ", Some(Clock::Step(12, 3456))),
            ("2026-01-02T03:04:05.1Z #9 0.1 ", Some(Clock::Step(9, 100))),
            ("[Build OpenWrt/build-1]   | ", None),
            (
                "[Build [x] (mips)/build]   | [03:04:05] ",
                Some(Clock::Day(third)),
            ),
            ("| ", None),
            ("builder-1  | ", None),
            (
                "build (x)\tRun make\t2026-01-02T03:04:05.123Z ",
                Some(Clock::Utc(utc + 123)),
            ),
            ("Jan  2 03:04:05 host docker[12]: ", Some(Clock::Day(third))),
            (
                "2026-01-02T03:04:05+0100 host docker[12]: ",
                Some(Clock::Utc(utc)),
            ),
            ("1767323045.5 ", Some(Clock::Utc(utc + 500))),
            ("[1767323045] ", Some(Clock::Utc(utc))),
            ("[build:L12:34s] ", None),
            ("_bk;t=1767323045000\u{7}", None),
            ("##[error]", None),
            ("::error file=a,line=1::", None),
            ("\u{1b}[33m", None),
            ("\u{1b}_bk;t=1700000000\u{7}", None),
            ("\u{1b}[0Ksection_start:1:x\u{1b}[0K\u{1b}[2K", None),
        ] {
            let expected = if prefix.contains("section") {
                format!("section_start:1:x{LINE}")
            } else {
                LINE.to_owned()
            };
            assert_eq!(
                text(&format!("{prefix}{LINE}\u{1b}[0m ")),
                (expected, clock),
                "{prefix:?}"
            );
        }
    }

    #[test]
    fn what_is_no_prefix_stays() {
        for line in [
            "#12 CACHED",
            "#12 [builder 3/9] RUN make",
            "#12 DONE 3.4s",
            "[ ! -d ./src/ ] || cp -fpR ./src/* /b",
            "[2/2] STEP 3/9: RUN make",
            "1.5 is a number",
            "Step 3/9 : RUN make",
            "make[1]: Entering directory '/b'",
            "12:34 only minutes",
            "2026-01-02",
            "xzcat a | tar -x",
            "a || b",
            "1767323045x y",
        ] {
            assert_eq!(text(line), (line.to_owned(), None));
        }
        assert_eq!(text("    ERROR: x").0, "ERROR: x");
        assert_eq!(text("t\0o\0u\0c\0h\0").0, "touch");
        assert_eq!(text("\u{1b}[").0, "");
        assert_eq!(text("a\u{1b}]8;;http://x\u{1b}\\b\u{1b}(Bc").0, "abc");
    }
}
