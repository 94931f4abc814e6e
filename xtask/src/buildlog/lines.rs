//! Bytes in pieces of any size become lines, in bounded memory.

use memchr::memchr2;

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
    /// Gives `each` every line that ends in `bytes`; empty ones are left out.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let head = &rest[..end];
            if self.carry.is_empty() {
                if !head.is_empty() {
                    each(Line {
                        number: self.number,
                        bytes: &head[..head.len().min(MAX_LINE)],
                        whole: head.len() <= MAX_LINE,
                    });
                }
            } else {
                self.keep(head);
                each(Line {
                    number: self.number,
                    bytes: &self.carry,
                    whole: !self.cut,
                });
                self.carry.clear();
                self.cut = false;
            }
            self.number += u64::from(rest[end] == b'\n');
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// Gives `each` the last line when nothing ended it.
    pub fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        if !self.carry.is_empty() {
            each(Line {
                number: self.number,
                bytes: &self.carry,
                whole: false,
            });
            self.carry.clear();
        }
    }

    /// The number of the line that is being read.
    pub fn number(&self) -> u64 {
        self.number
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
        for piece in pieces {
            lines.push(piece, |line| {
                found.push((line.number, line.bytes.to_vec(), line.whole));
            });
        }
        lines.finish(|line| found.push((line.number, line.bytes.to_vec(), line.whole)));
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
