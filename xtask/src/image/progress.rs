//! What a builder prints while it builds, line by line: which step it is at,
//! what the step prints, and which one failed.

use std::collections::{BTreeMap, VecDeque};

use super::dockerfile::{Dockerfile, Step};

/// Lines of a failed step that an error shows.
pub const TAIL: usize = 30;

/// What a line means for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step begins; its place in the whole, and its words.
    Step(String),
    /// The cache gave a step's result.
    Cached(String),
    /// A step is done; how long it took.
    Done(String, String),
    /// A step's own output, or the builder's.
    Output(String),
    /// Nothing that anyone wants to read: it is in the log.
    Nothing,
}

/// Reads the lines.
#[derive(Debug)]
pub struct Progress<'a> {
    file: &'a Dockerfile,
    /// Stages that are built, to count steps.
    needed: Vec<String>,
    total: usize,
    /// BuildKit's numbers of what runs.
    known: BTreeMap<u32, Known>,
    /// The last one that Buildah began.
    last: Option<u32>,
    failed: Option<u32>,
    /// Behind BuildKit's repetition of what failed.
    over: bool,
    /// The last lines of all.
    all: VecDeque<String>,
}

#[derive(Debug, Default)]
struct Known {
    name: String,
    stage: String,
    number: usize,
    lines: VecDeque<String>,
}

/// What failed.
#[derive(Clone, Debug)]
pub struct Failed<'a> {
    /// The step, where it is one of the Dockerfile.
    pub step: Option<Step<'a>>,
    /// What the builder calls it.
    pub name: Option<String>,
    /// Its last lines.
    pub lines: Vec<String>,
}

impl<'a> Progress<'a> {
    /// For a build of `file`; `value` gives arguments of a `FROM`.
    pub fn new(file: &'a Dockerfile, value: &dyn Fn(&str) -> Option<String>) -> Self {
        let needed = file.needed(value);
        Self {
            file,
            total: needed.iter().map(|stage| stage.steps().len()).sum(),
            needed: needed.iter().map(|stage| stage.name.clone()).collect(),
            known: BTreeMap::new(),
            last: None,
            failed: None,
            over: false,
            all: VecDeque::new(),
        }
    }

    /// Reads a line.
    pub fn line(&mut self, line: &str) -> Event {
        // What was written over the same line on a terminal counts last.
        let line = line.trim_end();
        let line = line.rsplit('\r').next().unwrap_or(line);
        if line.is_empty() {
            return Event::Nothing;
        }
        if let Some((key, rest)) = numbered(line) {
            return self.buildkit(key, rest);
        }
        if let Some(text) = buildah(line) {
            return self.buildah(text);
        }
        // Then follows what failed once more.
        self.over |= line == "------" && self.failed.is_some();
        keep(&mut self.all, line);
        if let Some(known) = self.last.and_then(|key| self.known.get_mut(&key)) {
            keep(&mut known.lines, line);
        }
        match self.over {
            true => Event::Nothing,
            false => Event::Output(line.to_owned()),
        }
    }

    fn buildkit(&mut self, key: u32, rest: &str) -> Event {
        if let Some(name) = self.known.get(&key).map(|known| known.name.clone()) {
            if rest == "CACHED" {
                return match self.place(key) {
                    Some(place) => Event::Cached(place),
                    None => Event::Nothing,
                };
            }
            if let Some(time) = rest.strip_prefix("DONE ") {
                return match self.place(key) {
                    Some(place) => Event::Done(place, time.to_owned()),
                    None => Event::Nothing,
                };
            }
            if rest.starts_with("ERROR") {
                self.failed = self.failed.or(Some(key));
                let lines = self.known.get_mut(&key).map(|known| &mut known.lines);
                let text = format!("{name}: {rest}");
                keep(&mut self.all, &text);
                // An internal step has no output but this.
                if let Some(lines) = lines.filter(|lines| lines.is_empty()) {
                    keep(lines, rest);
                }
                return Event::Output(text);
            }
            if let Some(text) = output(rest) {
                keep(&mut self.all, text);
                if let Some(known) = self.known.get_mut(&key) {
                    keep(&mut known.lines, text);
                }
                // Downloads of a base that show how far they are.
                let moves = name.contains("] FROM ") || name.starts_with("[internal]");
                return match moves {
                    true => Event::Nothing,
                    false => Event::Output(text.to_owned()),
                };
            }
            return Event::Nothing;
        }
        if rest == "CACHED" || rest.starts_with("DONE") {
            return Event::Nothing;
        }
        let (stage, number) = bracket(rest).unwrap_or_default();
        self.known.insert(
            key,
            Known {
                name: rest.to_owned(),
                stage,
                number,
                lines: VecDeque::new(),
            },
        );
        // That it begins is said when the builder says more of it than CACHED.
        match self.place(key) {
            Some(place) => Event::Step(place),
            None => Event::Nothing,
        }
    }

    fn buildah(&mut self, text: &str) -> Event {
        let key = self.last.map_or(0, |key| key + 1);
        let step = self.file.step_of_text(text);
        self.last = Some(key);
        self.known.insert(
            key,
            Known {
                name: text.to_owned(),
                stage: step.map(|step| step.stage.name.clone()).unwrap_or_default(),
                number: step.map_or(0, |step| step.number),
                lines: VecDeque::new(),
            },
        );
        match self.place(key) {
            Some(place) => Event::Step(place),
            None => Event::Nothing,
        }
    }

    fn step(&self, key: u32) -> Option<Step<'a>> {
        let known = self.known.get(&key)?;
        self.file.step(&known.stage, known.number)
    }

    /// `3/7 std: bash /run/xtask/std.sh`
    fn place(&self, key: u32) -> Option<String> {
        let step = self.step(key)?;
        let at = self
            .needed
            .iter()
            .position(|name| *name == step.stage.name)?;
        let before: usize = self.needed[..at]
            .iter()
            .filter_map(|name| self.file.stages.iter().find(|stage| stage.name == *name))
            .map(|stage| stage.steps().len())
            .sum();
        Some(format!(
            "{}/{} {}: {}",
            before + step.number,
            self.total,
            step.stage.name,
            step.instruction.short()
        ))
    }

    /// What failed, when the build did.
    pub fn failed(&self) -> Failed<'a> {
        let key = self.failed.or(self.last);
        let known = key.and_then(|key| self.known.get(&key));
        let lines = known.filter(|known| !known.lines.is_empty());
        Failed {
            step: key.and_then(|key| self.step(key)),
            name: known.map(|known| known.name.clone()),
            lines: lines
                .map_or(&self.all, |known| &known.lines)
                .iter()
                .cloned()
                .collect(),
        }
    }
}

fn keep(lines: &mut VecDeque<String>, line: &str) {
    if lines.len() == TAIL {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

/// `#7 rest`
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (key, rest) = line.strip_prefix('#')?.split_once(' ')?;
    Some((key.parse().ok()?, rest))
}

/// `0.344 what a step prints`: seconds since it began, then its output.
fn output(rest: &str) -> Option<&str> {
    let (time, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_time = time.contains('.')
        && time
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_time.then_some(text)
}

/// `[std 1/2] RUN …`: the stage and the step's number in it.
fn bracket(rest: &str) -> Option<(String, usize)> {
    let (inside, _) = rest.strip_prefix('[')?.split_once(']')?;
    let (stage, count) = inside.rsplit_once(' ')?;
    let (number, _) = count.split_once('/')?;
    // Newer versions pad the number, and name the platform first.
    let stage = stage.trim().rsplit(' ').next()?;
    Some((stage.to_owned(), number.parse().ok()?))
}

/// `STEP 3/9: RUN …`, `[2/2] STEP 3/9: RUN …`
fn buildah(line: &str) -> Option<&str> {
    let line = match line.strip_prefix('[') {
        Some(rest) => rest.split_once("] ")?.1,
        None => line,
    };
    let (count, text) = line.strip_prefix("STEP ")?.split_once(": ")?;
    count.contains('/').then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "ARG BASE\nFROM ${BASE} AS base\nFROM base AS a\nRUN one\nFROM base AS other\nRUN no\nFROM a AS b\nRUN --mount=type=secret,id=ca \\\n  two\nWORKDIR /x\n";

    fn read(lines: &[&str]) -> (Vec<Event>, Option<String>, Vec<String>) {
        let file = Dockerfile::parse(FILE);
        let mut progress = Progress::new(&file, &|_| None);
        let events = lines.iter().map(|line| progress.line(line)).collect();
        let failed = progress.failed();
        let step = failed
            .step
            .map(|step| format!("{} {}", step.stage.name, step.number));
        (events, step, failed.lines)
    }

    #[test]
    fn buildkit_lines() {
        let (events, step, lines) = read(&[
            "#1 [internal] load build definition from Dockerfile",
            "#1 sha256:00",
            "#1 DONE 0.0s",
            "#4 [a 1/1] RUN one",
            "#4 sha256:00",
            "#4 CACHED",
            "",
            "#5 [b 1/2] RUN --mount=type=secret,id=ca   two",
            "#5 0.123 first",
            "#5 10.5 last",
            "#5 ERROR: executor failed running [/bin/sh -c two]: exit code: 1",
            "------",
            " > [b 1/2] RUN two:",
        ]);
        let shown: Vec<&Event> = events
            .iter()
            .filter(|event| **event != Event::Nothing)
            .collect();
        let expected = [
            Event::Step("1/3 a: RUN one".into()),
            Event::Cached("1/3 a: RUN one".into()),
            Event::Step("2/3 b: RUN two".into()),
            Event::Output("first".into()),
            Event::Output("last".into()),
        ];
        assert_eq!(shown[..5], expected.iter().collect::<Vec<_>>());
        assert_eq!(shown.len(), 6);
        assert_eq!(step.as_deref(), Some("b 1"));
        assert_eq!(lines, ["first", "last"]);
    }

    #[test]
    fn buildah_lines() {
        let (events, step, lines) = read(&[
            "[2/3] STEP 1/2: FROM base AS a",
            "[2/3] STEP 2/2: RUN one",
            "hello",
            "Error: building at STEP \"RUN one\"",
        ]);
        assert_eq!(events[1], Event::Step("1/3 a: RUN one".into()));
        assert_eq!(step.as_deref(), Some("a 1"));
        assert_eq!(lines[0], "hello");
    }

    #[test]
    fn a_base_that_cannot_be_had() {
        let (_, step, lines) = read(&[
            "#3 [internal] load metadata for docker.io/library/none:x",
            "#3 ERROR: pull access denied",
        ]);
        assert_eq!(step, None);
        assert_eq!(lines, ["ERROR: pull access denied"]);
    }
}
