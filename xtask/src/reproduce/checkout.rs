//! A commit in a folder of its own. The repository it comes from is not changed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::context::Context;

/// Where a commit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A checkout on this machine.
    Here(PathBuf),
    /// What `--source` said: a folder or an address.
    Named(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(dir) => write!(f, "{}", dir.display()),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The first repository at hand that has the commit: the package's, that of the
/// working directory, this project's.
///
/// # Errors
/// None has it.
pub fn at_hand(package: &Path, commit: &str, ctx: &Context) -> Result<Place> {
    let package = package
        .canonicalize()
        .unwrap_or_else(|_| package.to_owned());
    let mut dirs: Vec<PathBuf> = package.parent().map(Path::to_owned).into_iter().collect();
    dirs.extend(std::env::current_dir());
    dirs.push(ctx.root.clone());
    let mut asked: Vec<PathBuf> = Vec::new();
    for dir in dirs {
        let Ok(top) = git(&dir, &["rev-parse", "--show-toplevel"]) else {
            continue;
        };
        let top = PathBuf::from(top);
        if asked.contains(&top) {
            continue;
        }
        if git(&top, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok() {
            return Ok(Place::Here(top));
        }
        asked.push(top);
    }
    let asked: Vec<String> = asked.iter().map(|dir| dir.display().to_string()).collect();
    anyhow::bail!(
        "commit {commit} is not in {}: fetch it there (git fetch --tags), or name a repository that has it: --source URL|DIR",
        match asked.is_empty() {
            true => "a repository at hand".to_owned(),
            false => asked.join(" or "),
        }
    )
}

/// A checked out commit.
#[derive(Debug)]
pub struct Checkout {
    /// Its folder.
    pub dir: PathBuf,
}

impl Checkout {
    /// Clones the repository into `dir` and checks the commit out.
    ///
    /// # Errors
    /// What git says.
    pub fn make(place: &Place, commit: &str, dir: &Path) -> Result<Self> {
        let parent = dir.parent().unwrap_or(Path::new("."));
        let from = match place {
            // git would take a relative one from the new folder.
            Place::Named(name) if Path::new(name).is_dir() => std::path::absolute(name)
                .with_context(|| format!("find {name}"))?
                .display()
                .to_string(),
            other => other.to_string(),
        };
        let target = dir.to_string_lossy();
        git(
            parent,
            &["clone", "--quiet", "--no-checkout", "--", &from, &target],
        )
        .with_context(|| format!("clone {place}"))?;
        // A commit that no branch leads to can still be asked for by its hash.
        let has =
            |dir: &Path| git(dir, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok();
        if !has(dir) {
            let _ = git(dir, &["fetch", "--quiet", "origin", commit]);
        }
        ensure!(
            has(dir),
            "commit {commit} is not in {place}: fetch it there, or name a repository that has it: --source URL|DIR"
        );
        git(dir, &["checkout", "--quiet", "--detach", commit])
            .with_context(|| format!("check out {commit}"))?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// True when the build tool is part of it.
    pub fn has_tool(&self) -> bool {
        ["openwrt/sdk.toml", "xtask/Cargo.toml"]
            .iter()
            .all(|file| self.dir.join(file).is_file())
    }
}

fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .context("start git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "git says: {}",
        said.lines().last().unwrap_or("nothing")
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
