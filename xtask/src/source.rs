//! The time that a package carries: the last commit's, never the clock's.

use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
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
        let source = git.unwrap_or(Source {
            epoch: 0,
            commit: None,
            dirty: false,
        });
        Ok(Source {
            epoch: given.unwrap_or(source.epoch),
            ..source
        })
    }
}

fn ask_git(dir: &Path) -> Result<Source> {
    let sh = Shell::new()?;
    sh.change_dir(dir);
    // A checkout of another user (a container's, sudo's) is read all the same:
    // nothing of it is run.
    let safe = "safe.directory=*";
    let head = cmd!(sh, "git -c {safe} log -1 --format=%ct:%H")
        .quiet()
        .ignore_stderr()
        .read();
    let head = head.context("git log found none")?;
    let (time, commit) = head.split_once(':').context("read git log")?;
    let status = cmd!(sh, "git -c {safe} --no-optional-locks status --porcelain")
        .quiet()
        .ignore_stderr()
        .read()?;
    Ok(Source {
        epoch: time.parse().context("read the commit's time")?,
        commit: Some(commit.to_owned()),
        dirty: !status.trim().is_empty(),
    })
}
