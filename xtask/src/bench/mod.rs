//! Measurements, as ratios of commands that run in turn on one machine.

pub mod build;
pub mod daemon;
pub mod fresh;
pub mod image;
pub mod log;
pub mod network;
pub mod pack;
pub mod package;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::util::process;

/// One figure and what it must reach.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The measured value: a ratio, a difference or a size.
    pub value: f64,
    /// `×`, `s`, `ms`, `B`, `MB`, `/s`.
    pub unit: &'static str,
    /// The largest or smallest value that is good enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The medians behind it.
    pub detail: String,
}

/// A bound.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The value must not be larger.
    AtMost(f64),
    /// The value must not be smaller.
    AtLeast(f64),
}

impl Figure {
    /// True when the figure is reached, or none was named.
    pub fn reached(&self) -> bool {
        match self.target {
            None => true,
            Some(Target::AtMost(bound)) => self.value <= bound,
            Some(Target::AtLeast(bound)) => self.value >= bound,
        }
    }

    /// One line of the table.
    pub fn line(&self) -> String {
        let target = match self.target {
            None => String::new(),
            Some(Target::AtMost(bound)) => format!("at most {}", number(bound, self.unit)),
            Some(Target::AtLeast(bound)) => format!("at least {}", number(bound, self.unit)),
        };
        let verdict = match (self.target, self.reached()) {
            (None, _) => "",
            (_, true) => "ok",
            (_, false) => "MISSED",
        };
        format!(
            "{:<44} {:>12} {target:>18} {verdict:<7} {}",
            self.name,
            number(self.value, self.unit),
            self.detail
        )
    }
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "B" => format!("{value:.0} B"),
        "/s" => format!("{value:.0} /s"),
        _ => format!("{value:.2} {unit}"),
    }
}

/// Median times of commands that run in turn: A B A B …, so that a machine
/// that gets slower is unfair to none of them. `before` runs ahead of each, and
/// is not counted.
///
/// # Errors
/// When a command fails.
pub fn alternate(
    runs: usize,
    commands: &[(&str, &duct::Expression)],
    mut before: impl FnMut() -> Result<()>,
) -> Result<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(runs); commands.len()];
    for _ in 0..runs.max(1) {
        for ((name, command), times) in commands.iter().zip(&mut times) {
            before()?;
            let started = Instant::now();
            let output = command
                .stdin_null()
                .stderr_to_stdout()
                .stdout_capture()
                .unchecked()
                .run()
                .with_context(|| format!("start {name}"))?;
            times.push(started.elapsed());
            ensure!(
                output.status.success(),
                "{name} failed ({}):\n{}",
                output.status,
                process::tail(&String::from_utf8_lossy(&output.stdout))
            );
        }
    }
    Ok(times.into_iter().map(median).collect())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_decide() {
        let figure = |value, target| Figure {
            name: "x".into(),
            value,
            unit: "×",
            target,
            detail: "y".into(),
        };
        assert!(figure(1.0, Some(Target::AtMost(1.0))).reached());
        assert!(!figure(1.1, Some(Target::AtMost(1.0))).reached());
        assert!(!figure(2.9, Some(Target::AtLeast(3.0))).reached());
        assert!(figure(2.9, None).reached());
        assert!(
            figure(1.1, Some(Target::AtMost(1.0)))
                .line()
                .contains("at most 1.00 × MISSED")
        );
    }

    #[test]
    fn commands_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let say = |word: &str| duct::cmd!("sh", "-c", format!("echo {word} >> {}", log.display()));
        let times = alternate(2, &[("a", &say("a")), ("b", &say("b"))], || Ok(())).unwrap();
        assert_eq!(times.len(), 2);
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "a\nb\na\nb\n");
        let failing = duct::cmd!("sh", "-c", "echo what is wrong >&2; exit 1");
        let error = alternate(1, &[("sh", &failing)], || Ok(())).unwrap_err();
        assert!(error.to_string().contains("what is wrong"), "{error}");
    }
}
