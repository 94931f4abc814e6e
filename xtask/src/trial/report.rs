//! What happened to a package.

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::deploy::router::Lines;
use crate::deploy::ssh::printable_lines;
use crate::inspect::printable;
use crate::util::process::tail;

/// A package's life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the package manager said, and its exit code.
    pub install: Step,
    /// `procd`; else the command line that was run in its place; `None` for a
    /// package without service.
    pub how: Option<String>,
    /// Whether it answered over HTTP; `None` where it was not asked.
    pub answered: Option<bool>,
    /// What it answered.
    pub answer: String,
    /// The exit code after SIGTERM; `None` under procd.
    pub ended: Option<i32>,
    /// The end of its log.
    pub log: Vec<String>,
    /// What the package manager said on removal; `None` when it did not come to it.
    pub remove: Option<Step>,
    /// Files that were not there before.
    pub left: Vec<String>,
    /// Files that were there before.
    pub gone: Vec<String>,
}

/// A step of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Lines.
    pub said: Vec<String>,
    /// Exit code.
    pub code: i32,
}

impl Report {
    /// Reads what the script printed.
    ///
    /// # Errors
    /// It did not begin, or broke off.
    pub fn read(stdout: &str, stderr: &str) -> Result<Self> {
        let lines = Lines(stdout);
        let all = |key: &str| -> Vec<String> {
            lines
                .all(key)
                .map(|line| printable(line).into_owned())
                .collect()
        };
        let step = |name: &str| -> Option<Step> {
            Some(Step {
                said: all(name),
                code: lines.get(&format!("{name}-code"))?.trim().parse().ok()?,
            })
        };
        let said = || tail(&printable_lines(&format!("{stdout}\n{stderr}")));
        let install = step("install");
        let foreign = stderr.contains("Exec format error") || stdout.contains("Exec format error");
        ensure!(
            !foreign,
            "the userland is for another kind of processor, and this kernel was not told of qemu: \
             it takes Linux 6.7 for oneself, or binfmt_misc for all (qemu-user-static, or Docker's tonistiigi/binfmt)\n{}",
            said()
        );
        let Some(install) = install else {
            anyhow::bail!("the userland does not run a shell script:\n{}", said());
        };
        let report = Self {
            how: lines.get("how").map(|how| printable(how).into_owned()),
            answered: lines.get("answered").map(|answered| answered == "1"),
            answer: lines.all("answer").collect::<Vec<_>>().join("\n"),
            ended: lines.get("ended").and_then(|code| code.parse().ok()),
            log: all("log"),
            remove: step("remove"),
            left: all("left"),
            gone: all("gone"),
            install,
        };
        ensure!(
            report.install.code != 0 || lines.get("end") == Some("1"),
            "the script broke off:\n{}",
            said()
        );
        Ok(report)
    }

    /// What of it is wrong; nothing for a package that lives and goes as it should.
    pub fn faults(&self, has_service: bool) -> Vec<String> {
        let mut faults = Vec::new();
        if self.install.code != 0 {
            faults.push(format!(
                "it was not installed (exit code {})",
                self.install.code
            ));
            return faults;
        }
        if has_service && self.how.as_deref().unwrap_or_default().is_empty() {
            faults.push("its init script starts nothing".to_owned());
        }
        if self.answered == Some(false) {
            faults.push("its service did not answer within 20 seconds".to_owned());
        }
        if let Some(code) = self.ended.filter(|code| *code != 0) {
            faults.push(format!(
                "its service ended with code {code} when it was told to stop"
            ));
        }
        match &self.remove {
            Some(step) if step.code != 0 => {
                faults.push(format!("it was not removed (exit code {})", step.code))
            }
            None => faults.push("it was not removed".to_owned()),
            Some(_) => {}
        }
        for file in &self.gone {
            faults.push(format!("{file} went with it, and was there before"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "xtask.install=Installing\nxtask.install-code=0\nxtask.how=/usr/bin/x run\n\
        xtask.answer={\nxtask.answer=}\n\nxtask.answered=1\nxtask.ended=0\nxtask.log=a\u{1b}b\n\
        xtask.remove-code=0\nxtask.left=/etc/x\nxtask.end=1\n";

    #[test]
    fn a_life_is_read_from_its_lines() {
        let report = Report::read(SAID, "").unwrap();
        assert_eq!(report.answer, "{\n}");
        assert_eq!(report.log, ["a\\u{1b}b"]);
        assert_eq!(report.left, ["/etc/x"]);
        assert!(report.faults(true).is_empty());
        let faults = |from: &str, to: &str| {
            let report = Report::read(&SAID.replace(from, to), "").unwrap();
            report.faults(true).join("; ")
        };
        assert!(faults("install-code=0", "install-code=255").contains("not installed"));
        assert!(faults("answered=1", "answered=0").contains("did not answer"));
        assert!(faults("ended=0", "ended=143").contains("code 143"));
        assert!(faults("remove-code=0", "remove-code=1").contains("not removed"));
        assert!(faults("left=/etc/x", "gone=/etc/passwd").contains("/etc/passwd went"));
        assert!(faults("how=/usr/bin/x run", "how=").contains("starts nothing"));
        assert!(Report::read(&SAID.replace("xtask.end=1", ""), "").is_err());
        let error = Report::read("", "sh: Exec format error").unwrap_err();
        assert!(error.to_string().contains("another kind of processor"));
    }
}
