//! Bytes in pieces of any size become lines, in bounded memory.

use memchr::{memchr, memchr2, memrchr};

use super::filter::Filter;

/// Bytes of a line that are looked at. What decides a verdict stands in the
/// first 2 kB of its line; the rest of a longer line is dropped, not kept.
pub const MAX_LINE: usize = 64 << 10;

/// One line, or one part of it where a lone CR (a progress display) cuts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1, as editors do: only LF ends a line.
    pub number: u64,
    /// Without its end, and at most [`MAX_LINE`] bytes.
    pub bytes: &'a [u8],
    /// False for a line that was too long, and for a last one without an end.
    pub whole: bool,
}

/// Cuts a stream at LF, CRLF and CR.
#[derive(Clone, Debug)]
pub struct Lines {
    number: u64,
    /// The begun line, as far as the pieces so far hold it.
    carry: Vec<u8>,
    /// The begun line is longer than [`MAX_LINE`].
    cut: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            number: 1,
            carry: Vec::new(),
            cut: false,
        }
    }
}

impl Lines {
    /// Gives `each` the lines that end in `bytes` and may be events; empty ones
    /// are left out.
    pub fn push(&mut self, bytes: &[u8], filter: &mut Filter, mut each: impl FnMut(Line<'_>)) {
        let mut rest = bytes;
        // The begun line first: it ends somewhere in these bytes, or goes on.
        while !self.carry.is_empty() {
            let Some(end) = memchr2(b'\n', b'\r', rest) else {
                return self.keep(rest);
            };
            self.keep(&rest[..end]);
            if filter.admits(&self.carry) {
                each(Line {
                    number: self.number,
                    bytes: &self.carry,
                    whole: !self.cut,
                });
            }
            self.carry.clear();
            self.cut = false;
            self.number += u64::from(rest[end] == b'\n');
            rest = &rest[end + 1..];
        }
        let Some(last) = memrchr(b'\n', rest) else {
            return self.parts(rest, filter, &mut each);
        };
        let (whole, begun) = rest.split_at(last + 1);
        self.number = filter.lines(whole, self.number, |filter, number, line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let progress = memchr(b'\r', line).is_some();
            for part in line
                .split(|byte| *byte == b'\r')
                .filter(|part| !part.is_empty())
            {
                if !progress || filter.admits(&part[..part.len().min(MAX_LINE)]) {
                    each(Line {
                        number,
                        bytes: &part[..part.len().min(MAX_LINE)],
                        whole: part.len() <= MAX_LINE,
                    });
                }
            }
        });
        self.parts(begun, filter, &mut each);
    }

    /// The beginning of a line: what a lone CR ends in it, and the rest to keep.
    fn parts(&mut self, begun: &[u8], filter: &mut Filter, each: &mut impl FnMut(Line<'_>)) {
        let mut rest = begun;
        while let Some(end) = memchr(b'\r', rest) {
            let part = &rest[..end.min(MAX_LINE)];
            if end > 0 && filter.admits(part) {
                each(Line {
                    number: self.number,
                    bytes: part,
                    whole: end <= MAX_LINE,
                });
            }
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// Gives `each` the last line when nothing ended it.
    pub fn finish(&mut self, filter: &mut Filter, mut each: impl FnMut(Line<'_>)) {
        if filter.admits(&self.carry) && !self.carry.is_empty() {
            each(Line {
                number: self.number,
                bytes: &self.carry,
                whole: false,
            });
            self.carry.clear();
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.carry.len();
        self.cut |= bytes.len() > room;
        self.carry
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<(u64, Vec<u8>, bool)> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        let mut filter = Filter::all();
        for piece in pieces {
            lines.push(piece, &mut filter, |line| {
                found.push((line.number, line.bytes.to_vec(), line.whole));
            });
        }
        lines.finish(&mut filter, |line| {
            found.push((line.number, line.bytes.to_vec(), line.whole))
        });
        found
    }

    #[test]
    fn every_end_of_line_and_every_cut() {
        let text = b"one\r\ntwo\n\nprogress 1\rprogress 2\rfour\nlast";
        let whole = lines(&[text]);
        let expected: [(u64, &[u8], bool); 6] = [
            (1, b"one", true),
            (2, b"two", true),
            (4, b"progress 1", true),
            (4, b"progress 2", true),
            (4, b"four", true),
            (5, b"last", false),
        ];
        for (line, expected) in whole.iter().zip(expected) {
            assert_eq!((line.0, &line.1[..], line.2), expected);
        }
        assert_eq!(whole.len(), expected.len());
        for at in 0..text.len() {
            let (head, tail) = text.split_at(at);
            assert_eq!(lines(&[head, tail]), whole, "cut at {at}");
        }
    }

    #[test]
    fn a_long_line_keeps_its_beginning_wherever_it_is_cut() {
        let text = [vec![b'x'; MAX_LINE + 10], b"\nnext\n".to_vec()].concat();
        let expected = vec![
            (1, vec![b'x'; MAX_LINE], false),
            (2, b"next".to_vec(), true),
        ];
        assert_eq!(lines(&[&text]), expected);
        for at in [1, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, MAX_LINE + 10] {
            assert_eq!(lines(&[&text[..at], &text[at..]]), expected, "cut at {at}");
        }
        assert!(lines(&[&text[..MAX_LINE], b"\n"])[0].2, "just short enough");
    }
}
