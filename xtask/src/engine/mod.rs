//! Container engines: Docker, or Podman where it is asked for.
//!
//! | module | |
//! |---|---|
//! | [`find`] | every `docker` on PATH, and which of them can drive BuildKit |
//! | [`inspect`] | images that are there |
//! | `proxies` | a container that becomes an image gets none |
//! | [`remote`] | whether the daemon runs on this machine |
//! | [`trouble`] | what an engine's complaint means, with a way out |
//! | [`container`] | containers by steps, and volumes |
//! | [`ca`] | the certificates that a company's network needs |

pub mod ca;
pub mod container;
pub mod find;
pub mod inspect;
mod proxies;
pub mod remote;
pub mod trouble;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use find::Builder;
pub use inspect::Image;

/// Which engine: the value of `--engine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Docker Engine, or what its client is told to talk to.
    #[default]
    Docker,
    /// Podman.
    Podman,
}

impl Kind {
    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// A container engine's client.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Docker or Podman.
    pub kind: Kind,
    /// The client.
    pub program: PathBuf,
    /// How it builds; known after [`Engine::for_builds`].
    pub builder: Option<Builder>,
    /// Why this client was taken, where another stands before it on PATH.
    pub why: Option<String>,
}

impl Engine {
    /// The client of the chosen engine (Docker's by default), as PATH tells:
    /// no process is started.
    ///
    /// # Errors
    /// There is none.
    pub fn find(choice: Option<Kind>) -> Result<Self> {
        find::first(choice.unwrap_or_default())
    }

    /// A client of the same engine that can drive BuildKit. Asks each of them
    /// for its version.
    ///
    /// # Errors
    /// None can: with what each lacks.
    pub fn for_builds(&self) -> Result<Self> {
        find::for_builds(self)
    }

    /// A command of the client, its output not yet directed anywhere.
    pub fn command<S: Into<OsString> + Clone>(&self, args: &[S]) -> duct::Expression {
        let args: Vec<OsString> = args.iter().cloned().map(Into::into).collect();
        duct::cmd(&self.program, args).stdin_null()
    }

    /// Runs a command and gives what it prints.
    ///
    /// # Errors
    /// It fails: what the engine says, what that means, and a way out.
    pub fn read<S: Into<OsString> + Clone>(&self, args: &[S]) -> Result<String> {
        let words: Vec<String> = args
            .iter()
            .take(2)
            .map(|arg| arg.clone().into().to_string_lossy().into_owned())
            .collect();
        self.run(self.command(args), &words.join(" "))
    }

    /// As [`Engine::read`], for a command that is more than its arguments.
    ///
    /// # Errors
    /// As there.
    pub fn run(&self, command: duct::Expression, name: &str) -> Result<String> {
        let output = command
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .run()
            .with_context(|| format!("start {}", self.program.display()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(trouble::explain(self, name, &said))
    }

    /// True when the daemon runs on another machine, or may: its mounts are
    /// not this machine's directories.
    ///
    /// # Errors
    /// The current context cannot be read.
    pub fn is_remote(&self) -> Result<bool> {
        Ok(remote::endpoint(self)?.is_some_and(|host| !remote::is_local(&host)))
    }

    /// What is known of the images, each by tag, id or digest; `None` for one
    /// that is not there. One process.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn inspect_images<S: AsRef<str>>(&self, refs: &[S]) -> Result<Vec<Option<Image>>> {
        inspect::images(self, refs)
    }

    /// For messages: the client's file.
    pub fn path(&self) -> &Path {
        &self.program
    }
}
