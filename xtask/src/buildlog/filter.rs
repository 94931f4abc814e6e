//! What lets most lines pass unread: a line without any of these words is no
//! event. Each word is searched for over a whole piece at once, so that a
//! compiler's lines cost a few cycles each.

use memchr::memchr_iter;
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

use super::path::Paths;

/// Every line that [`super::event::read`] understands holds one of them, or
/// names a build directory of the toolchain.
const BUILD: [&str; 12] = [
    ".prepared",
    ".configured",
    ".built",
    "_installed",
    "ing directory ",
    "*** ",
    "] -C ",
    "time: ",
    "Makefile:",
    "ERROR",
    "download.pl",
    "Compiling",
];
/// What the log of an image's build begins with; the words of
/// [`super::image`] are searched for behind it.
const OPENERS: [&str; 3] = ["[internal]", "Step 1/", "STEP 1/"];
const IMAGE: [&str; 13] = [
    "CACHED",
    "DONE ",
    "CANCELED",
    "=> ",
    "--> ",
    "Step ",
    "STEP ",
    "Successfully ",
    "exporting to image",
    "] RUN ",
    "] COPY ",
    "] FROM ",
    "] ",
];
/// How many of the words count before an image's build is seen.
const FIRST: usize = BUILD.len() + OPENERS.len();
const ALL: usize = FIRST + IMAGE.len();

/// The searchers, built once.
#[derive(Clone, Debug)]
pub struct Filter {
    paths: Paths,
    words: Vec<Finder<'static>>,
    /// The words that count.
    active: usize,
}

impl Default for Filter {
    fn default() -> Self {
        let words = BUILD.iter().chain(&OPENERS).chain(&IMAGE);
        Self {
            paths: Paths::default(),
            words: words.map(|word| Finder::new(*word)).collect(),
            active: FIRST,
        }
    }
}

impl Filter {
    /// Lets all lines pass.
    #[cfg(test)]
    pub fn all() -> Self {
        Self {
            paths: Paths::default(),
            words: vec![Finder::new("").into_owned()],
            active: 1,
        }
    }

    /// True when a line may be an event.
    pub fn admits(&mut self, line: &[u8]) -> bool {
        self.open(line);
        // PowerShell writes UTF-16: the words have NULs between their letters.
        let mut words = self.words[..self.active].iter();
        words.any(|word| word.find(line).is_some())
            || self.paths.near_host(line).is_some()
            || memchr(0, line).is_some()
    }

    /// Gives `each` the lines of `text` that may be events, with their numbers
    /// counted from `number`; gives the number of the line after the last.
    /// `text` ends with LF.
    pub fn lines(
        &mut self,
        text: &[u8],
        number: u64,
        mut each: impl FnMut(&mut Self, u64, &[u8]),
    ) -> u64 {
        let mut next = [0; ALL];
        let (mut host, mut nul) = (0, 0);
        let (mut at, mut number) = (0, number);
        // Words that were searched for in these bytes.
        let mut searched = 0;
        loop {
            let rest = &text[at..];
            if rest.is_empty() {
                return number;
            }
            let place = |found: Option<usize>| found.map_or(NONE, |found| at + found);
            if host < at || searched == 0 {
                host = place(self.paths.near_host(rest));
            }
            if nul < at || searched == 0 {
                nul = place(memchr(0, rest));
            }
            let mut hit = if nul < host { nul } else { host };
            let mut word = 0;
            while word < self.active {
                if next[word] < at || word >= searched {
                    next[word] = place(self.words[word].find(rest));
                }
                if next[word] < hit {
                    hit = next[word];
                }
                word += 1;
            }
            searched = self.active;
            if hit == NONE {
                return number + count(rest);
            }
            let begin = memrchr(b'\n', &text[at..hit]).map_or(at, |end| at + end + 1);
            number += count(&text[at..begin]);
            let end = memchr(b'\n', &text[hit..]).map_or(text.len(), |end| hit + end);
            let line = &text[begin..end];
            // Where a progress display cuts the line, each part counts for itself.
            if memchr(b'\r', line.strip_suffix(b"\r").unwrap_or(line)).is_none() {
                self.open(line);
            }
            each(self, number, line);
            number += 1;
            at = (end + 1).min(text.len());
        }
    }

    /// The words of image builders count from the line on that shows one.
    fn open(&mut self, line: &[u8]) {
        if self.active == FIRST {
            let mut openers = self.words[BUILD.len()..FIRST].iter();
            if openers.any(|word| word.find(line).is_some()) {
                self.active = ALL;
            }
        }
    }
}

const NONE: usize = usize::MAX;

fn count(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers() {
        let text =
            b"a\nmake[1]: *** x\n\nb\ny make[2] time: \nERROR\nDONE \n[internal]\nDONE \nc\n";
        let mut filter = Filter::default();
        let mut found = Vec::new();
        let next = filter.lines(text, 10, |_, number, line| {
            found.push((number, String::from_utf8_lossy(line).into_owned()));
        });
        let expected = [
            (11, "make[1]: *** x"),
            (14, "y make[2] time: "),
            (15, "ERROR"),
            (17, "[internal]"),
            (18, "DONE "),
        ];
        assert_eq!(
            found,
            expected.map(|(number, line)| (number, line.to_owned()))
        );
        assert_eq!(next, 20);
        let mut filter = Filter::default();
        for (number, line) in (10..).zip(text.split(|byte| *byte == b'\n')) {
            let given = found.iter().any(|(known, _)| *known == number);
            assert_eq!(filter.admits(line), given, "line {number}");
        }
    }
}
