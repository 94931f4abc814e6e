//! The instructions of a Dockerfile, as far as they must be told apart: which
//! step of a build is which, what drives it, and where the file can be cut.
//! Not a checker: the builder itself complains about mistakes.

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// `RUN`, in capitals.
    pub word: String,
    /// All of it in one line, with single spaces.
    pub text: String,
    /// The line it begins in, counted from 0.
    pub line: usize,
}

/// A stage: `FROM` and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The name after `AS`, else `stage-<number>`.
    pub name: String,
    /// The image or stage it begins with, as written.
    pub from: String,
    /// Its instructions, `FROM` first.
    pub instructions: Vec<Instruction>,
}

/// The file.
#[derive(Clone, Debug, Default)]
pub struct Dockerfile {
    text: String,
    /// Instructions before the first `FROM`.
    pub head: Vec<Instruction>,
    /// In order.
    pub stages: Vec<Stage>,
}

/// A step: what a builder counts, shows and caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// Its stage.
    pub stage: &'a Stage,
    /// The instruction.
    pub instruction: &'a Instruction,
    /// Its number among the stage's steps, from 1.
    pub number: usize,
}

impl Dockerfile {
    /// Reads the file.
    pub fn parse(text: &str) -> Self {
        let mut file = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        for instruction in instructions(text) {
            if instruction.word == "FROM" {
                let words: Vec<&str> = instruction.text.split(' ').collect();
                let name = words
                    .iter()
                    .position(|word| word.eq_ignore_ascii_case("as"))
                    .and_then(|at| words.get(at + 1));
                let from = words[1..].iter().find(|word| !word.starts_with("--"));
                file.stages.push(Stage {
                    name: name.map_or_else(
                        || format!("stage-{}", file.stages.len()),
                        |name| name.to_ascii_lowercase(),
                    ),
                    from: from.copied().unwrap_or_default().to_owned(),
                    instructions: vec![instruction],
                });
            } else {
                match file.stages.last_mut() {
                    Some(stage) => stage.instructions.push(instruction),
                    None => file.head.push(instruction),
                }
            }
        }
        file
    }

    /// The stages that the last one is made of, first to last; `value` gives
    /// what an argument of a `FROM` is set to.
    pub fn needed(&self, value: &dyn Fn(&str) -> Option<String>) -> Vec<&Stage> {
        let mut needed = Vec::new();
        let mut next = self.stages.last();
        while let Some(stage) = next {
            needed.push(stage);
            let from = expand(&stage.from, value);
            let at = self.stages.iter().position(|other| other == stage);
            let before = &self.stages[..at.unwrap_or(0)];
            next = before.iter().rfind(|other| other.name == from);
        }
        needed.reverse();
        needed
    }

    /// The text up to the instruction: what stands before it is left.
    pub fn cut_before(&self, instruction: &Instruction) -> String {
        let lines = self.text.lines().take(instruction.line);
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// The step that a builder calls `number` of `stage`.
    pub fn step(&self, stage: &str, number: usize) -> Option<Step<'_>> {
        let stage = self.stages.iter().find(|known| known.name == stage)?;
        stage.steps().into_iter().find(|step| step.number == number)
    }

    /// A step that was noted when the file may have been another: where it was,
    /// else what reads like it, else what stands in its place now.
    pub fn step_again(&self, stage: &str, number: usize, text: &str) -> Option<Step<'_>> {
        let there = self.step(stage, number);
        there
            .filter(|step| step.instruction.text == one_line(text))
            .or_else(|| self.step_of_text(text))
            .or(there)
    }

    /// The step whose instruction reads so.
    pub fn step_of_text(&self, text: &str) -> Option<Step<'_>> {
        let text = one_line(text);
        let mut steps = self.stages.iter().flat_map(Stage::steps);
        steps.find(|step| step.instruction.text == text)
    }
}

impl Stage {
    /// What a builder runs of it, numbered as BuildKit does: an image to begin
    /// with counts, another stage does not.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let counted = |instruction: &&Instruction| {
            ["RUN", "COPY", "ADD", "WORKDIR"].contains(&instruction.word.as_str())
        };
        self.instructions
            .iter()
            .filter(counted)
            .zip(1..)
            .map(|(instruction, number)| Step {
                stage: self,
                instruction,
                number,
            })
            .collect()
    }

    /// The arguments that an instruction sees: those declared before it.
    pub fn args_before(&self, instruction: &Instruction) -> Vec<String> {
        self.instructions
            .iter()
            .filter(|other| other.word == "ARG" && other.line < instruction.line)
            .flat_map(|arg| arg.text.split(' ').skip(1))
            .map(|arg| arg.split('=').next().unwrap_or(arg).to_owned())
            .collect()
    }
}

/// A file or folder of the context that a step mounts or copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// In the context.
    pub from: String,
    /// In the image.
    pub to: String,
}

impl Instruction {
    /// Without the flags that only say what is mounted.
    pub fn short(&self) -> String {
        let words = self.text.split(' ');
        let shown: Vec<&str> = words.filter(|word| !word.starts_with("--mount=")).collect();
        shown.join(" ")
    }

    /// What follows the word and its flags: a RUN's command.
    pub fn command(&self) -> String {
        let words = self.text.split(' ').skip(1);
        let rest: Vec<&str> = words.skip_while(|word| word.starts_with("--")).collect();
        rest.join(" ")
    }

    /// What it takes from the build context.
    pub fn sources(&self) -> Vec<Source> {
        let words: Vec<&str> = self.text.split(' ').skip(1).collect();
        if self.word == "RUN" {
            let mounts = words
                .iter()
                .filter_map(|word| word.strip_prefix("--mount="));
            return mounts.filter_map(bind).collect();
        }
        if !["COPY", "ADD"].contains(&self.word.as_str())
            || words.iter().any(|word| word.starts_with("--from="))
        {
            return Vec::new();
        }
        let paths: Vec<&str> = words
            .into_iter()
            .filter(|word| !word.starts_with("--"))
            .collect();
        let Some((to, from)) = paths.split_last() else {
            return Vec::new();
        };
        let source = |from: &&str| Source {
            from: (*from).trim_start_matches("./").to_owned(),
            to: (*to).to_owned(),
        };
        from.iter().map(source).collect()
    }
}

/// `type=bind,source=a,target=/b`
fn bind(mount: &str) -> Option<Source> {
    let field = |names: &[&str]| {
        mount.split(',').find_map(|field| {
            let (key, value) = field.split_once('=')?;
            names.contains(&key).then(|| value.to_owned())
        })
    };
    let is_bind = field(&["type"]).is_none_or(|kind| kind == "bind");
    if !is_bind || field(&["from"]).is_some() {
        return None;
    }
    Some(Source {
        from: field(&["source", "src"])?,
        to: field(&["target", "dst", "destination"])?,
    })
}

fn instructions(text: &str) -> Vec<Instruction> {
    let mut found: Vec<Instruction> = Vec::new();
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (part, more) = match trimmed.strip_suffix('\\') {
            Some(part) => (part.trim_end(), true),
            None => (trimmed, false),
        };
        match found.last_mut().filter(|_| goes_on) {
            Some(last) => last.text = format!("{} {}", last.text, one_line(part)),
            None => found.push(Instruction {
                word: part
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_ascii_uppercase(),
                text: one_line(part),
                line: number,
            }),
        }
        goes_on = more;
    }
    found
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `${NAME}` and `$NAME` in a `FROM`.
fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out += before;
        let (name, left) = match after
            .strip_prefix('{')
            .and_then(|tail| tail.split_once('}'))
        {
            Some(pair) => pair,
            None => {
                let end = after
                    .find(|char: char| !char.is_ascii_alphanumeric() && char != '_')
                    .unwrap_or(after.len());
                after.split_at(end)
            }
        };
        out += &value(name).unwrap_or_default();
        rest = left;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "ARG BASE\nARG KIND=a\nFROM ${BASE} AS base\n# why\nFROM base AS a\nARG X=1\nARG Y\nRUN --mount=type=bind,source=s/x.sh,target=/r/x.sh \\\n    --mount=type=secret,id=ca \\\n    bash   /r/x.sh\nUSER me\nCOPY --chown=me s/ y /d/\nFROM base AS b\nFROM $KIND as last\nWORKDIR /w\n";

    fn value(name: &str) -> Option<String> {
        (name == "KIND").then(|| "a".to_owned())
    }

    #[test]
    fn stages_and_steps() {
        let file = Dockerfile::parse(TEXT);
        let names = |stages: Vec<&Stage>| {
            let names: Vec<String> = stages.iter().map(|stage| stage.name.clone()).collect();
            names.join(" ")
        };
        assert_eq!(names(file.stages.iter().collect()), "base a b last");
        assert_eq!(names(file.needed(&value)), "base a last");
        let step = file.step("a", 1).unwrap();
        assert_eq!(step.instruction.short(), "RUN bash /r/x.sh");
        assert_eq!(step.instruction.command(), "bash /r/x.sh");
        assert_eq!(step.stage.args_before(step.instruction), ["X", "Y"]);
        let source = |from: &str, to: &str| Source {
            from: from.into(),
            to: to.into(),
        };
        assert_eq!(step.instruction.sources(), [source("s/x.sh", "/r/x.sh")]);
        let copy = file.step("a", 2).unwrap().instruction;
        assert_eq!(copy.sources(), [source("s/", "/d/"), source("y", "/d/")]);
        assert!(file.step("a", 3).is_none() && file.step("c", 1).is_none());
        assert_eq!(
            file.step_of_text("COPY  --chown=me s/ y /d/")
                .unwrap()
                .number,
            2
        );
    }

    #[test]
    fn a_step_is_found_again() {
        let file = Dockerfile::parse(TEXT);
        let text = file.step("a", 1).unwrap().instruction.text.clone();
        let more = Dockerfile::parse(&TEXT.replace("ARG Y\n", "ARG Y\nRUN before\n"));
        assert_eq!(more.step_again("a", 1, &text).unwrap().number, 2);
        assert_eq!(file.step_again("a", 1, &text).unwrap().number, 1);
        // It was edited: that is the step that is meant.
        assert_eq!(file.step_again("a", 1, "RUN old").unwrap().number, 1);
        assert!(file.step_again("gone", 1, "RUN old").is_none());
    }

    #[test]
    fn cut_before_a_step() {
        let file = Dockerfile::parse(TEXT);
        let cut = file.cut_before(file.step("a", 1).unwrap().instruction);
        assert!(cut.ends_with("FROM base AS a\nARG X=1\nARG Y\n"), "{cut}");
    }
}
