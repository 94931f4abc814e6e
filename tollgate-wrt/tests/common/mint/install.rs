//! nutshell, fetched from a package index once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};

use crate::groups;

/// A version of nutshell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// With V2 keysets.
    New,
    /// With V1 keysets, as most mints still have.
    Old,
}

impl Version {
    /// What pip installs. Newer marshmallow and limits break these versions.
    fn pins(self) -> [&'static str; 3] {
        let cashu = match self {
            Self::New => "cashu==0.20.2",
            Self::Old => "cashu==0.16.5",
        };
        [cashu, "marshmallow<4", "limits<5"]
    }

    /// Changes whenever the pins do.
    fn directory(self) -> &'static str {
        match self {
            Self::New => "nutshell-0.20.2-1",
            Self::Old => "nutshell-0.16.5-1",
        }
    }
}

/// nutshell's programs; `None`, after having said so, where they cannot be had.
pub fn programs(version: Version) -> Option<&'static Path> {
    type Installed = OnceLock<Result<PathBuf, String>>;
    static NEW: Installed = OnceLock::new();
    static OLD: Installed = OnceLock::new();
    let programs = match version {
        Version::New => &NEW,
        Version::Old => &OLD,
    };
    match programs.get_or_init(|| install(version).map_err(|error| error.to_string())) {
        Ok(path) => {
            groups::group("mint", None);
            Some(path)
        }
        Err(why) => {
            groups::group("mint", Some(why));
            None
        }
    }
}

fn install(version: Version) -> io::Result<PathBuf> {
    let directory = cached(version.directory(), |directory| {
        run(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
        let mut pip = Command::new(directory.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        run(pip.args(version.pins()))
    })?;
    Ok(directory.join("bin"))
}

/// A folder that outlives the tests; `fill` fills it the first time.
pub fn cached(name: &str, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XTASK_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("tollgate-xtask")))
        .or_else(|| Some(set("HOME")?.join(".cache/tollgate-xtask")))
        .ok_or_else(|| io::Error::other("no cache directory"))?;
    fs::create_dir_all(&cache)?;
    // Several test processes may want it at once.
    let lock = cache.join(format!("{name}.lock"));
    let lock = File::options().append(true).create(true).open(lock)?;
    flock(&lock, FlockOperation::LockExclusive)?;

    let directory = cache.join(name);
    let done = directory.join("installed");
    if !done.exists() {
        let _ = fs::remove_dir_all(&directory);
        fill(&directory)?;
        File::create(done)?.sync_all()?;
    }
    Ok(directory)
}

/// Runs a program to its end; what it complained of is the error.
pub fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let failed = |why: String| io::Error::other(format!("{command:?}: {why}"));
    let output = output.map_err(|error| io::Error::other(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}
