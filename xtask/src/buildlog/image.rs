//! The log of an image's build: which steps ran and which the cache gave.
//!
//! | builder | a step | from the cache |
//! |---|---|---|
//! | BuildKit, plain | `#7 [builder 3/9] RUN …`, `#7 DONE 3.4s` | `#7 CACHED` |
//! | BuildKit, terminal | `=> [builder 3/9] RUN …   3.4s` | `=> CACHED [builder 3/9] RUN …` |
//! | Docker's classic one | `Step 3/9 : RUN …` | `---> Using cache` |
//! | Podman, Buildah | `STEP 3/9: RUN …` | `--> Using cache …` |

use memchr::memmem::find;
use serde::Serialize;

use super::stage::{At, Note};
use super::words::{number, shorten, word};

/// Steps kept.
const LIMIT: usize = 2048;

/// What became of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It began, and the log does not say more.
    #[default]
    Begun,
    /// The cache gave its result.
    Cached,
    /// It ran.
    Ran,
    /// It failed.
    Failed,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct ImageStep {
    /// Its number and instruction: `[builder 3/9] RUN make …`.
    pub name: String,
    /// What became of it.
    pub state: State,
    /// How long it took, where the log says so.
    pub seconds: Option<f64>,
    /// The line that says what became of it, counted from 1.
    pub line: u64,
    /// BuildKit's number.
    #[serde(skip)]
    key: Option<u32>,
    #[serde(skip)]
    text: String,
}

/// The steps of an image's build.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// In the order of their first lines.
    pub steps: Vec<ImageStep>,
    /// The image was written: the build came to its end.
    pub written: bool,
}

impl ImageStep {
    /// The step makes a toolchain: make is told to, or a compiler is installed.
    pub fn bakes(&self) -> bool {
        let has = |part: &str| self.name.contains(part);
        let makes = has("make ")
            && ["/compile", "toolchain/", "tools/"]
                .iter()
                .any(|part| has(part));
        has("RUN") && (makes || ["rustup", "build-std", "x.py"].iter().any(|part| has(part)))
    }

    /// The line that says what became of it.
    pub fn note(&self) -> Note {
        let meaning = match self.state {
            State::Begun => "this step began",
            State::Cached => "the cache gave this step's result",
            State::Ran => "this step ran",
            State::Failed => "this step failed",
        };
        Note {
            line: self.line,
            text: self.text.clone(),
            meaning: format!("{meaning}: {}", self.name),
        }
    }
}

impl Image {
    /// Reads a line; true when it was an image builder's own.
    pub fn line(&mut self, at: At<'_>) -> bool {
        match at.text[0] {
            b'#' => self.buildkit(at),
            b'=' => self.terminal(at),
            b'-' => self.arrow(at),
            _ => self.classic(at),
        }
    }

    fn buildkit(&mut self, at: At<'_>) -> bool {
        let digits = at.text[1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = at.text[1..].split_at(digits);
        let Some(rest) = rest.strip_prefix(b" ") else {
            return false;
        };
        let Some(key) = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
        else {
            return false;
        };
        let (state, seconds) = if rest == b"CACHED" {
            (State::Cached, None)
        } else if let Some(time) = rest.strip_prefix(b"DONE ") {
            (State::Ran, seconds(time))
        } else if rest.starts_with(b"ERROR") || rest == b"CANCELED" {
            (State::Failed, None)
        } else {
            self.named(rest, Some(key), at);
            return true;
        };
        let step = self.steps.iter_mut().rfind(|step| step.key == Some(key));
        if let Some(step) = step {
            // `DONE` follows `CACHED` in some versions.
            if state != State::Ran || step.state != State::Cached {
                step.end(state, seconds, at);
            }
        }
        true
    }

    fn terminal(&mut self, at: At<'_>) -> bool {
        let Some(rest) = at.text.strip_prefix(b"=> ") else {
            return false;
        };
        let (rest, state) = if let Some(rest) = rest.strip_prefix(b"CACHED ") {
            (rest, State::Cached)
        } else if let Some(rest) = rest.strip_prefix(b"ERROR ") {
            (rest, State::Failed)
        } else {
            (rest, State::Begun)
        };
        // A terminal pads the line and writes the seconds at its end.
        let (name, time) = match memchr::memrchr(b' ', rest) {
            Some(space) => (&rest[..space], seconds(&rest[space + 1..])),
            None => (rest, None),
        };
        let name = if time.is_some() {
            name.trim_ascii_end()
        } else {
            rest
        };
        let state = if state == State::Begun {
            State::Ran
        } else {
            state
        };
        if let Some(step) = self.named(name, None, at) {
            step.end(state, time, at);
        }
        true
    }

    fn classic(&mut self, at: At<'_>) -> bool {
        // Buildah's `[2/2] STEP 3/9: RUN …` names the stage of the file too.
        let text = if at.text[0] == b'[' {
            &at.text[(word(at.text) + 1).min(at.text.len())..]
        } else {
            at.text
        };
        if text.starts_with(b"Successfully built ") || text.starts_with(b"Successfully tagged ") {
            self.written = true;
            return true;
        }
        let Some(rest) = text
            .strip_prefix(b"Step ")
            .or_else(|| text.strip_prefix(b"STEP "))
        else {
            return false;
        };
        let Some(colon) = find(&rest[..rest.len().min(12)], b":") else {
            return false;
        };
        let counted = rest[..colon].contains(&b'/') && rest[0].is_ascii_digit();
        if counted {
            self.push(shorten(at.text, 160), None, at);
        }
        counted
    }

    /// ` ---> Using cache`, ` ---> Running in 0123`, `--> Using cache 0123`
    fn arrow(&mut self, at: At<'_>) -> bool {
        let arrows = at
            .text
            .strip_prefix(b"---> ")
            .or_else(|| at.text.strip_prefix(b"--> "));
        let (Some(rest), Some(step)) = (arrows, self.steps.last_mut()) else {
            return false;
        };
        if rest.starts_with(b"Using cache") {
            step.end(State::Cached, None, at);
        } else if step.state == State::Begun {
            step.end(State::Ran, None, at);
        }
        true
    }

    /// A line with a step's name, or with another thing that BuildKit does.
    fn named(&mut self, name: &[u8], key: Option<u32>, at: At<'_>) -> Option<&mut ImageStep> {
        if name.starts_with(b"exporting to image") || name.starts_with(b"naming to ") {
            self.written = true;
        }
        let own = name.starts_with(b"[internal]") || name.starts_with(b"[auth]");
        if !name.starts_with(b"[") || own {
            return None;
        }
        let name = shorten(name, 160);
        let known = self
            .steps
            .iter()
            .rposition(|step| step.name == name && step.key == key);
        match known {
            Some(at) => Some(&mut self.steps[at]),
            None => self.push(name, key, at),
        }
    }

    fn push(&mut self, name: String, key: Option<u32>, at: At<'_>) -> Option<&mut ImageStep> {
        if self.steps.len() >= LIMIT {
            return None;
        }
        self.steps.push(ImageStep {
            name,
            state: State::Begun,
            seconds: None,
            line: at.line,
            key,
            text: shorten(at.text, 240),
        });
        self.steps.last_mut()
    }
}

impl ImageStep {
    fn end(&mut self, state: State, seconds: Option<f64>, at: At<'_>) {
        self.state = state;
        self.seconds = seconds.or(self.seconds);
        self.line = at.line;
        self.text = shorten(at.text, 240);
    }
}

/// `3.4s`
fn seconds(text: &[u8]) -> Option<f64> {
    number(text.strip_suffix(b"s")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(log: &str) -> (Vec<(String, State, Option<f64>)>, bool) {
        let mut image = Image::default();
        for (line, text) in (1..).zip(log.lines()) {
            let text = text.trim().as_bytes();
            image.line(At {
                line,
                text,
                clock: None,
            });
        }
        let steps = image
            .steps
            .into_iter()
            .map(|step| (step.name, step.state, step.seconds));
        (steps.collect(), image.written)
    }

    #[test]
    fn every_builder() {
        let expected = |first: &str, second: &str| {
            (
                vec![
                    (first.to_owned(), State::Cached, None),
                    (second.to_owned(), State::Ran, None),
                ],
                true,
            )
        };
        let mut plain = expected(
            "[a 2/3] RUN apt-get",
            "[a 3/3] RUN make package/x/host/compile",
        );
        plain.0[1].2 = Some(3.4);
        assert_eq!(
            steps(
                "#1 [internal] load x\n#1 DONE 0.0s\n#5 [a 2/3] RUN apt-get\n#5 CACHED\n#6 [a 3/3] RUN make package/x/host/compile\n#6 DONE 3.4s\n#7 exporting to image\n#7 DONE 0.1s"
            ),
            plain
        );
        assert_eq!(
            steps("=> [internal] load x 0.0s\n=> CACHED [a 2/3] RUN apt-get   0.0s\n=> [a 3/3] RUN make package/x/host/compile   3.4s\n=> => exporting layers 1s\n=> exporting to image 0.1s").0[1],
            plain.0[1]
        );
        assert_eq!(
            steps(
                "Step 1/2 : RUN a\n ---> Using cache\n ---> 0123\nStep 2/2 : RUN b\n ---> Running in 45\n ---> 67\nSuccessfully built 67"
            ),
            expected("Step 1/2 : RUN a", "Step 2/2 : RUN b")
        );
        assert_eq!(
            steps(
                "[1/2] STEP 1/2: RUN a\n--> Using cache 01\n[1/2] STEP 2/2: RUN b\n--> 23\nSuccessfully tagged x"
            ),
            expected("[1/2] STEP 1/2: RUN a", "[1/2] STEP 2/2: RUN b")
        );
    }

    #[test]
    fn failures_and_other_lines() {
        let (found, written) = steps(
            "#5 [3/3] RUN make\n#5 ERROR: process \"x\" did not complete\n# comment\nSHELL= x\n-- y\n[ -d x ]\nStep by step\n=",
        );
        assert_eq!(found, [("[3/3] RUN make".to_owned(), State::Failed, None)]);
        assert!(!written);
    }
}
