//! axe-core, which finds what keeps people with disabilities from using a page.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::groups;
use crate::mint::install::{cached, run};

/// The Python package that brings it: axe-core 4.12.1.
const PACKAGE: &str = "axe-playwright-python==0.1.8";

/// The script; `None`, after having said so, where it cannot be had.
pub fn script() -> Option<&'static str> {
    static SCRIPT: OnceLock<Result<String, String>> = OnceLock::new();
    match SCRIPT.get_or_init(|| install().map_err(|error| error.to_string())) {
        Ok(script) => Some(script),
        Err(why) => {
            groups::group("chromium", Some(why));
            None
        }
    }
}

fn install() -> io::Result<String> {
    let directory = cached("axe-4.12.1-1", |directory| {
        run(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
        let mut pip = Command::new(directory.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        run(pip.args(["--no-deps", PACKAGE]))
    })?;
    fs::read_to_string(find(&directory.join("lib"))?)
}

/// It stands in a folder with the version of Python in its name.
fn find(lib: &Path) -> io::Result<PathBuf> {
    for entry in fs::read_dir(lib)? {
        let path = entry?
            .path()
            .join("site-packages/axe_playwright_python/axe.min.js");
        if path.exists() {
            return Ok(path);
        }
    }
    Err(io::Error::other("no axe.min.js in the package"))
}
