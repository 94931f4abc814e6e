//! The time that a package carries: the last commit's, never the clock's.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, ensure};
use xshell::{Shell, cmd};

use crate::util::ui::Ui;

/// What git says of the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Seconds since 1970 that every file of the package gets.
    pub epoch: u64,
    /// The commit; `None` without git.
    pub commit: Option<String>,
    /// True when files differ from that commit.
    pub dirty: bool,
    /// The checkout's folder; `None` without git.
    pub top: Option<PathBuf>,
}

impl Source {
    /// Nothing is known.
    fn unknown() -> Self {
        Self {
            epoch: 0,
            commit: None,
            dirty: false,
            top: None,
        }
    }

    /// `dir` in its checkout; empty for the checkout's folder itself.
    pub fn inside(&self, dir: &Path) -> String {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let top = self.top.as_ref().and_then(|top| top.canonicalize().ok());
        let inside = top.and_then(|top| Some(dir.strip_prefix(top).ok()?.to_owned()));
        inside.unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// A question to git that is being answered while other work goes on.
#[derive(Debug)]
pub struct Asked(JoinHandle<Result<Source>>);

/// Asks git about `dir`.
pub fn ask(dir: &Path) -> Asked {
    let dir = dir.to_owned();
    Asked(std::thread::spawn(move || ask_git(&dir)))
}

impl Asked {
    /// The answer alone, whatever it is: without a word and without a time that
    /// the environment gives.
    pub fn quietly(self) -> Source {
        let git = self.0.join().ok().and_then(Result::ok);
        git.unwrap_or_else(Source::unknown)
    }

    /// The answer. `SOURCE_DATE_EPOCH` decides the time where it is set
    /// (reproducible-builds.org's specification). A dirty tree or a missing git
    /// is said, never silent.
    ///
    /// # Errors
    /// A `SOURCE_DATE_EPOCH` that is no number.
    pub fn answer(self, ui: &Ui) -> Result<Source> {
        let given = std::env::var("SOURCE_DATE_EPOCH")
            .ok()
            .filter(|text| !text.is_empty());
        let given: Option<u64> = given
            .map(|text| {
                text.parse().with_context(|| {
                    format!("SOURCE_DATE_EPOCH is {text:?}: seconds since 1970 are needed")
                })
            })
            .transpose()?;
        let git = self
            .0
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the question to git panicked")));
        match &git {
            Ok(source) if source.dirty => ui.warn(
                "the tree differs from its last commit: the package carries that commit's time but not its content",
            ),
            Err(error) if given.is_none() => ui.warn(&format!(
                "no commit gives this package its time ({error:#}): its files are from 1970. \
                 Set SOURCE_DATE_EPOCH, or build in a git checkout"
            )),
            _ => {}
        }
        let source = git.unwrap_or_else(|_| Source::unknown());
        Ok(Source {
            epoch: given.unwrap_or(source.epoch),
            ..source
        })
    }
}

/// Runs nothing that the checkout could name: git itself refuses one of another
/// user, whose configuration names programs.
fn ask_git(dir: &Path) -> Result<Source> {
    let head = git(
        dir,
        &["log", "-1", "--no-show-signature", "--format=%ct:%H"],
    )?;
    let (time, commit) = head.split_once(':').context("read git log")?;
    let status = git(dir, &["--no-optional-locks", "status", "--porcelain"])?;
    let top = git(dir, &["rev-parse", "--show-toplevel"])?;
    Ok(Source {
        top: Some(PathBuf::from(top)),
        epoch: time.parse().context("read the commit's time")?,
        commit: Some(commit.to_owned()),
        dirty: !status.is_empty(),
    })
}

fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let sh = Shell::new()?;
    sh.change_dir(dir);
    sh.set_var("LC_ALL", "C");
    let output = cmd!(sh, "git {args...}").quiet().ignore_status().output();
    let output = output.context("start git")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    // The mend that git gives for the checkout of another user.
    let mend = stderr
        .lines()
        .find(|line| line.trim_start().starts_with("git config"));
    ensure!(
        output.status.success(),
        "git says: {}{}",
        stderr.lines().next().unwrap_or("nothing"),
        mend.map(|line| format!("; if you trust it: {}", line.trim()))
            .unwrap_or_default()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_answers_and_says_why_it_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| git(dir.path(), args).unwrap();
        let error = ask_git(dir.path()).unwrap_err().to_string();
        assert!(error.starts_with("git says: fatal: not a git"), "{error}");

        run(&["init", "-q"]);
        run(&["config", "user.name", "A"]);
        run(&["config", "user.email", "a@example.org"]);
        run(&["config", "log.showSignature", "true"]);
        run(&["commit", "-q", "--allow-empty", "-m", "x"]);
        let source = ask_git(dir.path()).unwrap();
        assert!(source.epoch > 1_700_000_000 && !source.dirty);
        std::fs::write(dir.path().join("new"), "x").unwrap();
        assert!(ask_git(dir.path()).unwrap().dirty);
    }
}
