//! What the integration tests share: groups that may be missing on a machine,
//! and the built xtask.
#![allow(dead_code, unused_imports)] // every test file uses its own part

#[path = "groups.rs"]
mod groups;
#[path = "program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub use groups::group;
pub use program::{copy_program, program};

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A folder of data made by OpenWrt's own tools, kept beside the checkout.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let dir = root().join("../shared/data").join(folder);
    let missing =
        (!dir.is_dir()).then_some("the data made by OpenWrt's tools is not beside this checkout");
    group("golden", missing).then_some(dir)
}

/// The built xtask, away from the variables of the cargo that runs the tests.
pub fn xtask() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    for name in ["SOURCE_DATE_EPOCH", "XTASK_TOOLCHAIN", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs it; panics with its output when it fails.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().expect("start xtask");
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Standard output as JSON.
pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}
